"""The daily report on the whole workspace: as a mail, and as Markdown and HTML files."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from scheduled.handlers.activity import Activity, Traffic
from scheduled.handlers.base import Change, Notice, Outcome, Task
from scheduled.handlers.checkup import Checkup, Examiner, Finding, Limits
from scheduled.handlers.inbox import Counts, count
from scheduled.handlers.inbox_file import MailboxError, read_messages
from scheduled.handlers.memory_rollover import Memory, measured
from scheduled.handlers.plans import Plan, active_plans
from scheduled.handlers.text import escaped, many, plain
from scheduled.handlers.workspace import Workspace, in_workspace
from scheduled.state.files import write_atomically

RECIPIENT = "@dev_central"
LATE = timedelta(minutes=15)
MOST_ROWS = 40


class Options(Limits):
    """The limits of the health check, and how many *plans* are listed."""

    plans: int = 5


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All that the report says, to be written in one form or another."""

    day: date
    made: datetime
    since: datetime
    due: datetime | None
    missed: int
    checkups: list[Checkup]
    common: list[Finding]
    mail: Counts
    activity: list[Activity]
    over: list[Memory]
    plans: list[Plan]
    most_plans: int
    problems: list[str]

    def having(self, status: str) -> list[Checkup]:
        """Return the checkups with *status*."""
        return [checkup for checkup in self.checkups if checkup.status == status]

    def notes(self) -> list[tuple[str, str]]:
        """Return whom each note is about, and what it says."""
        own = [(checkup.branch.name, note) for checkup in self.checkups for note in checkup.notes]
        return own + [("workspace", found.said) for found in self.common]

    @property
    def late(self) -> bool:
        """Tell whether it was made noticeably after it was due."""
        return self.due is not None and self.made - self.due > LATE


@in_workspace
def run(task: Task, workspace: Workspace) -> Outcome:
    """Write the report to the reports directory, and have it delivered to @dev_central."""
    report = _gathered(task, workspace)
    markdown = "\n".join(_markdown(report)) + "\n"
    name = f"daily-{report.day.isoformat()}"
    path, page = task.files / f"{name}.md", task.files / f"{name}.html"
    task.files.mkdir(parents=True, exist_ok=True)
    write_atomically(path, markdown.encode())
    write_atomically(page, _html(report).encode())
    subject = f"[DAILY] System Report - {report.day.isoformat()}"
    task.report.notice(Notice(recipient=RECIPIENT, subject=subject, body=markdown))
    return Outcome(data={"report": str(path), "html": str(page), **_summary(report)})


def notices(change: Change) -> list[Notice]:  # noqa: ARG001 - the plugin surface
    """The report states no conditions."""
    return []


def _gathered(task: Task, workspace: Workspace) -> Report:
    options = task.options
    examiner = Examiner(workspace, options, task.now, task.zone)
    since = task.window_start or task.now - timedelta(hours=24)
    problems = list(workspace.problems)
    due = task.scheduled_for
    return Report(
        day=(due or task.now).astimezone(task.zone).date(),
        made=task.now.astimezone(task.zone),
        since=since.astimezone(task.zone),
        due=due.astimezone(task.zone) if due else None,
        missed=task.missed,
        checkups=examiner.all(),
        common=examiner.common(),
        mail=_mail(workspace),
        activity=Traffic(workspace, since, task.now, task.zone).busiest_first(),
        over=[memory for memory in measured(workspace) if memory.lines > options.limit],
        plans=active_plans(workspace, problems),
        most_plans=options.plans,
        problems=problems,
    )


def _mail(workspace: Workspace) -> Counts:
    total = unread = 0
    for branch in workspace.branches:
        try:
            counts = count(read_messages(branch, workspace.inside) or [])
        except MailboxError:
            continue  # a note of the checkup says so
        total, unread = total + counts.total, unread + counts.unread
    return Counts(total, unread)


def _summary(report: Report) -> dict[str, Any]:
    return {
        "healthy": len(report.having("healthy")),
        "warnings": len(report.having("warning")),
        "errors": len(report.having("error")),
        "files_over": len(report.over),
        "active_plans": len(report.plans),
        "total_messages": report.mail.total,
        "total_unread": report.mail.unread,
    }


def _markdown(report: Report) -> Iterator[str]:
    yield f"# AIPass Daily Report - {report.day.isoformat()}"
    yield ""
    yield from _when(report)
    yield from _health(report)
    yield from _mail_section(report)
    yield from _memory(report.over)
    yield from _plans(report.plans, report.most_plans)
    if report.problems:
        yield from ("", "## Problems", *(f"- {escaped(problem, 1000)}" for problem in report.problems))


def _when(report: Report) -> Iterator[str]:
    yield f"Made at {report.made:%Y-%m-%d %H:%M:%S %Z}"
    if report.due and report.late:
        yield f"(due at {report.due:%Y-%m-%d %H:%M:%S %Z}; the machine was away)"
    if report.missed:
        yield f"({many(report.missed, 'earlier report')} missed: this one stands for all of them)"
    yield ""


def _health(report: Report) -> Iterator[str]:
    summary = _summary(report)
    yield "## System Health"
    yield f"- Healthy branches: {summary['healthy']}"
    yield f"- Warnings: {summary['warnings']}"
    yield f"- Errors: {summary['errors']}"
    for title, status in (("Warnings", "warning"), ("Errors", "error")):
        if found := report.having(status):
            yield from ("", f"### {title}", *map(_issues, found))
    if notes := report.notes():
        yield from ("", "### Notes", *(f"- {escaped(who)}: {escaped(note)}" for who, note in notes))


def _issues(checkup: Checkup) -> str:
    return f"- {escaped(checkup.branch.name)}: {', '.join(escaped(found.said) for found in checkup.issues)}"


def _mail_section(report: Report) -> Iterator[str]:
    sent = sum(each.sent for each in report.activity)
    received = sum(each.received for each in report.activity)
    yield from ("", "## Mail Statistics")
    yield f"- Total unread: {report.mail.unread}"
    yield f"- Total messages: {report.mail.total}"
    yield f"- Since {report.since:%Y-%m-%d %H:%M}: {many(sent, 'mail')} sent, {received:,} received"
    if report.activity:
        yield from ("", "### Branch Activity", "| Branch | Sent | Received |", "| --- | ---: | ---: |")
        yield from (f"| {escaped(a.branch)} | {a.sent} | {a.received} |" for a in report.activity[:MOST_ROWS])
        if more := report.activity[MOST_ROWS:]:
            yield f"| and {many(len(more), 'more branch', 'more branches')} | {sum(a.sent for a in more)} | {sum(a.received for a in more)} |"


def _memory(over: Sequence[Memory]) -> Iterator[str]:
    yield from ("", "## Memory Status")
    if not over:
        yield "- All memory files within limits"
        return
    yield f"- Files exceeding threshold: {len(over)}"
    yield from (f"  - {escaped(m.branch.name)}/{escaped(m.name)}: {m.lines} lines" for m in over)


def _plans(plans: Sequence[Plan], most: int) -> Iterator[str]:
    yield from ("", "## Active Plans", f"- Total active: {len(plans)}")
    yield from (f"  - {escaped(plan.plan_id)}: {escaped(plan.title)}" for plan in plans[:most])


def _html(report: Report) -> str:
    # Imported here: only this handler needs it, once a day.
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["plain"] = plain
    template = environment.from_string(Path(__file__).with_name("daily_report.html").read_text("utf-8"))
    most = max((each.total for each in report.activity), default=1)
    return template.render(report=report, summary=_summary(report), most=most, rows=MOST_ROWS)
