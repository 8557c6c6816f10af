"""The handler `daily_report`: a report on the whole workspace, as a mail and as Markdown and HTML files.

With `period = "hourly"` it writes a short summary instead, to one file that is replaced each time, and sends no mail.
"""

from datetime import timedelta
from typing import Literal

from scheduled.core.conditions import Change, Notice
from scheduled.handlers.base import Outcome, Task
from scheduled.handlers.formats.mail_index import MailIndex
from scheduled.handlers.formats.mailbox_files import MailboxError
from scheduled.handlers.formats.message import Counts
from scheduled.handlers.memory_rollover import memory_files
from scheduled.handlers.report_html import html
from scheduled.handlers.report_pages import Report, markdown, summary
from scheduled.handlers.workspace.activity import Traffic
from scheduled.handlers.workspace.checkup import Inspector, Limits
from scheduled.handlers.workspace.plans import active_plans
from scheduled.handlers.workspace.workspace import Workspace, in_workspace
from scheduled.state.files import write_atomically

UPSERT_KEY = "scheduled:daily_report"
HOURLY = "hourly.md"
LENGTHS = {"daily": timedelta(hours=24), "hourly": timedelta(hours=1)}


class Options(Limits):
    """The limits of the health check, the number of *plans* to list, and the *period* that a report covers."""

    plans: int = 5
    period: Literal["daily", "hourly"] = "daily"


@in_workspace
def run(task: Task, workspace: Workspace) -> Outcome:
    """Write the report to the reports directory; send the daily one to the address for reports."""
    report = _gathered(task, workspace)
    if task.options.period == "hourly":
        return _write_summary(task, report)
    text = markdown(report)
    name = f"daily-{report.day.isoformat()}"
    path, page = task.files / f"{name}.md", task.files / f"{name}.html"
    task.files.mkdir(parents=True, exist_ok=True)
    write_atomically(path, text.encode(), mode=0o600)
    write_atomically(page, html(report).encode(), mode=0o600)
    subject = f"[DAILY] System Report - {report.day.isoformat()}"
    task.report.notice(
        Notice(recipient=task.recipients.reports_to, subject=subject, body=text, upsert_key=UPSERT_KEY)
    )
    return Outcome(data={"report": str(path), "html": str(page), **report.summary()})


def _write_summary(task: Task, report: Report) -> Outcome:
    path = task.files / HOURLY
    task.files.mkdir(parents=True, exist_ok=True)
    write_atomically(path, summary(report).encode(), mode=0o600)
    return Outcome(data={"report": str(path), **report.summary()})


def notices(change: Change) -> list[Notice]:  # noqa: ARG001 - required by the Handler protocol
    """Return no notices: this handler reports no conditions."""
    return []


def _gathered(task: Task, workspace: Workspace) -> Report:
    options = task.options
    inspector = Inspector.shared(workspace, options, task)
    since = task.window_start or task.now - LENGTHS[options.period]
    over = [memory for memory in memory_files(workspace, inspector.memories) if memory.over]
    problems = [*workspace.problems, *inspector.memories.problems]
    due = task.scheduled_for
    return Report(
        day=(due or task.now).astimezone(task.zone).date(),
        made=task.now.astimezone(task.zone),
        since=since.astimezone(task.zone),
        due=due.astimezone(task.zone) if due else None,
        missed=task.missed,
        checkups=inspector.all(),
        common=inspector.common(),
        mail=_mail(workspace),
        activity=Traffic(workspace, since, task.now, task.zone).busiest_first(),
        over=over,
        plans=active_plans(workspace, problems),
        most_plans=options.plans,
        problems=problems,
    )


def _mail(workspace: Workspace) -> Counts:
    total = unread = 0
    inside = workspace.inside
    for branch in workspace.branches:
        try:
            index = workspace.cache.inbox(branch, inside) or MailIndex()
        except MailboxError:
            continue  # already in the report, as a note of the branch's checkup
        total, unread = total + index.total, unread + index.unread
    return Counts(total, unread)
