"""The handler `mail_cleanup`: opens stale unread mails, archives stale opened ones, and notifies each branch once.

The notice about opened mails is put into the inbox by the write that opens them, see `mail_digest`. Where it is sent in
another way, it is derived from the inboxes, in which automatically opened mails are marked (`auto_opened`), and not from the
changes of the current run. So a crash between opening mails and sending the notice does not lose the notice.
"""

from contextlib import suppress

import msgspec

from scheduled.core.conditions import Condition
from scheduled.handlers.base import Outcome, Task
from scheduled.handlers.formats import timestamps
from scheduled.handlers.formats.branches import Branch
from scheduled.handlers.formats.mailbox_files import MailboxError, ShortageError, UnreadableMailboxError
from scheduled.handlers.formats.message import Counts
from scheduled.handlers.mail_digest import Digests, opened_condition
from scheduled.handlers.mail_notices import OPENED, PROBLEM, UNREADABLE, notices
from scheduled.handlers.workspace.mail_counts import recount_central
from scheduled.handlers.workspace.staleness import Options
from scheduled.handlers.workspace.sweep import Sweep, Swept
from scheduled.handlers.workspace.workspace import Workspace, WorkspaceError, in_workspace
from scheduled.state.opened_record import NAME, RECORDED, was_written

__all__ = ["Options", "notices", "run"]

MOST_STATED = 3  # problems of one mailbox that its condition states in full


class Tally(msgspec.Struct, kw_only=True):
    """The totals of all mailboxes. *failures* are those of the problems that fail the run.

    *unknown* holds prefixes of condition keys: those of the mailboxes that could not be read. *digests_sent* are the branches
    with opened mails to which digests are sent as notices.
    """

    auto_opened: int = 0
    auto_closed: int = 0
    errors: int = 0
    waiting_dispatches: int = 0
    problems: list[str] = []
    failures: list[str] = []
    unknown: list[str] = []
    digests_sent: list[str] = []


@in_workspace
def run(task: Task, workspace: Workspace) -> Outcome:
    """Sweep every mailbox. A mailbox that cannot be read or written is reported as a problem and skipped."""
    tally = Tally(problems=list(workspace.problems))
    digests = Digests(task, workspace)
    sweep = Sweep(
        workspace.inside,
        task.options,
        task.now,
        task.zone,
        task.sender,
        workspace.cache,
        workspace.opened,
        digest=digests.message,
    )
    if failure := _record_opened(sweep, workspace, tally, task):
        return Outcome(status="failed", reason=failure)
    counts: dict[str, Counts] = {}
    for branch in workspace.branches:
        swept = _swept(sweep, branch, tally, task)
        if swept is not None:
            counts[branch.name] = swept.counts
            _report(task, branch, swept)
            if swept.auto_opened and not digests.belongs(branch):
                tally.digests_sent.append(branch.name)
    _add_problems(tally, task, task.sender, *digests.problems)
    with suppress(OSError):  # the record then has mails that are gone, which the next sweep drops
        workspace.opened.save()
    _recount(workspace, task, counts, tally)
    task.report.event(
        "mail_cleanup_complete",
        auto_opened=tally.auto_opened,
        auto_closed=tally.auto_closed,
        errors=tally.errors,
        timestamp=timestamps.iso(task.now, task.zone),
    )
    data = msgspec.to_builtins(tally)
    return Outcome(
        status="failed" if tally.failures else "success",
        reason="; ".join(tally.failures),
        data={key: data[key] for key in data if key not in ("failures", "unknown")},
        unknown=tally.unknown,
    )


def _record_opened(sweep: Sweep, workspace: Workspace, tally: Tally, task: Task) -> str:
    """Record which mails are open before any is archived; return the reason if the record cannot be written."""
    record = workspace.opened
    record.was_written = was_written(task.totals)
    for branch in workspace.branches:
        sweep.see(branch)
    try:
        damage = record.save()
    except OSError as error:
        return f"{error.filename}: {error.strerror}; no mailbox was changed, because the age of opened mails is not recorded"
    if damage:
        _add_problems(tally, task, NAME, damage)
    if not was_written(task.totals) and record.is_kept:
        task.report.count(RECORDED)
    return ""


def _swept(sweep: Sweep, branch: Branch, tally: Tally, task: Task) -> Swept | None:
    """Sweep one mailbox and add the numbers to *tally*. Return None if it has no inbox or could not be swept."""
    try:
        swept = sweep.sweep(branch)
    except (UnreadableMailboxError, PermissionError) as error:
        # Needs a human: a retry would not help, so this does not fail the run for the other mailboxes.
        what = "not writable" if isinstance(error, PermissionError) else "unreadable"
        task.report.condition(_unusable(branch, what, str(error)))
        _count_problem(tally, task, str(error))
        tally.unknown.append(f"{OPENED}:{branch.name}:")
        return None
    except (MailboxError, OSError) as error:
        problem = str(error) if isinstance(error, MailboxError) else f"{branch.name}: {error}"
        _add_problems(tally, task, branch.name, problem)
        if isinstance(error, ShortageError | OSError):
            tally.failures.append(problem)
        tally.unknown += [f"{OPENED}:{branch.name}:", f"{UNREADABLE}:{branch.name}"]
        return None
    if swept is None:
        return None
    _add_problems(tally, task, branch.name, *swept.problems)
    tally.waiting_dispatches += swept.waiting
    tally.auto_opened += swept.opened
    tally.auto_closed += swept.closed
    return swept


def _add_problems(tally: Tally, task: Task, subject: str, *problems: str) -> None:
    """Count *problems* of *subject*, and state them as one condition: `status` is unhealthy until no sweep finds any."""
    for problem in problems:
        _count_problem(tally, task, problem)
    if problems:
        more = len(problems) - MOST_STATED
        text = "; ".join(problems[:MOST_STATED]) + (f"; and {more} more" if more > 0 else "")
        task.report.condition(
            Condition(key=f"{PROBLEM}:{subject}", group=PROBLEM, payload={"text": text}, severity="error")
        )


def _count_problem(tally: Tally, task: Task, problem: str) -> None:
    tally.errors += 1
    tally.problems.append(problem)
    task.report.count("errors")


def _report(task: Task, branch: Branch, swept: Swept) -> None:
    if swept.opened:
        task.report.count("auto_opened", swept.opened)
    if swept.closed:
        task.report.count("auto_closed", swept.closed)
    for message in swept.auto_opened:
        task.report.condition(opened_condition(branch, message, task))


def _recount(workspace: Workspace, task: Task, counts: dict[str, Counts], tally: Tally) -> None:
    try:
        recount_central(workspace, now=task.now, known=counts)
    except (MailboxError, WorkspaceError) as error:
        _add_problems(tally, task, "AI_MAIL.central.json", str(error))
    except OSError as error:
        tally.failures.append(f"AI_MAIL.central.json: {error}")


def _unusable(branch: Branch, what: str, problem: str) -> Condition:
    key = f"{UNREADABLE}:{branch.name}"
    return Condition(
        key=key,
        group=key,
        payload={
            "branch": branch.name,
            "inbox": branch.inbox,
            "what": what,
            "problem": problem,
            "text": problem,
        },
        severity="error",
    )
