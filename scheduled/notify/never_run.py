"""Jobs that do not get to run: a rule of the configuration, or their own "not now", skipped their newest slots."""

from collections.abc import Sequence
from itertools import takewhile

from scheduled.core.approvals import NOT_IN_TIME
from scheduled.core.configured_jobs import Jobs
from scheduled.core.epochs import slots_of
from scheduled.core.gate_words import REFUSED
from scheduled.core.jobs import job_of
from scheduled.core.planner import BEHIND
from scheduled.core.records import JobRow, SkippedRow
from scheduled.state.ledger import Ledger

IN_A_ROW = 3  # decisions without a run, after which a job counts as one that does not get to run
RESTS = ("quiet", "paused")
BY_A_PERSON = frozenset({"by hand", "stopped", "denied", "edited", "disabled", "removed"})


def problems(ledger: Ledger, jobs: Jobs) -> dict[str, str]:
    """Return a text for each enabled job that does not get to run, by the key of the problem.

    That is a job of which the newest slot was skipped because another job failed, one that was skipped, or deferred itself
    until a newer slot, `IN_A_ROW` times in a row (each time for one slot or more), and one that has no later slot. A success since then ends the problem.
    A job that rests in its quiet hours or a pause is not counted: it gets to run when they are over.
    """
    skipped = ledger.last_skips(IN_A_ROW)
    rows = {row.key: row for row in ledger.job_rows(skipped)}
    found: dict[str, str] = {}
    for key, spans in skipped.items():
        ruled = list(takewhile(lambda span: not is_wanted(span.reason), spans))
        job = job_of(jobs, key)
        if job is not None and job.enabled and ruled and not _succeeded_since(rows[key], ruled[0]):
            text = _text(rows[key], ruled)
            found |= {f"skipped:{key}": text} if text else {}
    return found


def is_wanted(reason: str) -> bool:
    """Return whether slots that are skipped for *reason* need no attention: a person skipped them, or the gate that was to skip them."""
    return reason in BY_A_PERSON or reason.startswith(REFUSED)


def _succeeded_since(row: JobRow, span: SkippedRow) -> bool:
    return row.last_status == "success" and (row.last_run_at or 0) >= span.decided_at


def _text(row: JobRow, spans: Sequence[SkippedRow]) -> str | None:
    """Return the problem that the skips *spans*, the newest decisions of a job, are; None if they are none."""
    name, reason = row.key.display_name, spans[0].reason
    if reason == NOT_IN_TIME:
        return f"{name}: skipped: it was {NOT_IN_TIME}; `scheduled run {name}` runs it now"
    if reason.startswith(BEHIND):
        return f"{name}: skipped: {reason} (scheduled explain {name})"
    if slots_of(row.schedules, row.position).next_after(row.position) is None:
        return f"{name}: its last slot was skipped ({reason}); `scheduled run {name}` runs it now"
    if len(spans) == IN_A_ROW and row.open_reason not in RESTS:
        return f"{name}: does not get to run: skipped {IN_A_ROW} times in a row ({reason}; scheduled history {name})"
    return None
