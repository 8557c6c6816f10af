"""The content of the daily report, and the report as Markdown; text quoted from the workspace is escaped."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta

import msgspec

from scheduled.handlers.formats.message import Counts
from scheduled.handlers.formats.text import escaped, many
from scheduled.handlers.memory_rollover import Memory
from scheduled.handlers.workspace.activity import Activity
from scheduled.handlers.workspace.checkup import Checkup, Finding
from scheduled.handlers.workspace.plans import Plan

LATE = timedelta(minutes=15)  # after the scheduled instant; a report made later is marked as late
MOST_ROWS = 40  # of the lists by branch


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The content of a daily report. *made*, *since* and *due* are aware datetimes in the workspace's time zone."""

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

    def notes(self) -> list[tuple[str, list[str]]]:
        """Return pairs of a branch name (or `workspace`) and its notes, without those that have none."""
        noted = [(checkup.branch.name, checkup.notes) for checkup in self.checkups]
        noted.append(("workspace", [found.text for found in self.common]))
        return [(name, notes) for name, notes in noted if notes]

    @property
    def late(self) -> bool:
        """Whether the report was made more than 15 minutes after it was due."""
        return self.due is not None and self.made - self.due > LATE

    def summary(self) -> dict[str, int]:
        """Return the counts of branches by status, of mails, files over the limit and active plans."""
        found = Counter(checkup.status for checkup in self.checkups)
        return {
            "healthy": found["healthy"],
            "warnings": found["warning"],
            "errors": found["error"],
            "files_over": len(self.over),
            "active_plans": len(self.plans),
            "total_messages": self.mail.total,
            "total_unread": self.mail.unread,
        }


def markdown(report: Report) -> str:
    """Return the report as Markdown, the text of the mail and of the .md file."""
    return "\n".join(_lines(report)) + "\n"


def summary(report: Report) -> str:
    """Return the numbers of the report as short Markdown, the text of the hourly file."""
    found, sent = report.summary(), sum(each.sent for each in report.activity)
    received = sum(each.received for each in report.activity)
    over = [f"  - {escaped(m.branch.name)}/{escaped(m.name)}: {m.excess}" for m in report.over[:MOST_ROWS]]
    ill = [*report.having("error"), *report.having("warning")]
    lines = [
        f"# AIPass Hourly Summary - {report.made:%Y-%m-%d %H:%M %Z}",
        "",
        f"- Branches: {found['healthy']} healthy, {many(found['warnings'], 'warning')}, {many(found['errors'], 'error')}",
        *(f"  {_issues(checkup)}" for checkup in ill[:MOST_ROWS]),
        f"- Mail: {found['total_unread']:,} unread of {found['total_messages']:,}",
        f"- Since {report.since:{'%H:%M' if report.since.date() == report.made.date() else '%Y-%m-%d %H:%M'}}: {many(sent, 'mail')} sent, {received:,} received",
        f"- Memory files over a limit: {found['files_over']}",
        *over,
        f"- Active plans: {found['active_plans']}",
        *(f"- Problem: {escaped(problem, 1000)}" for problem in report.problems[:MOST_ROWS]),
    ]
    return "\n".join(lines) + "\n"


def _lines(report: Report) -> Iterator[str]:
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
        yield f"(late: it was due at {report.due:%Y-%m-%d %H:%M:%S %Z})"
    if report.missed:
        yield f"({many(report.missed, 'earlier report')} missed; this report covers their time too)"
    yield ""


def _health(report: Report) -> Iterator[str]:
    summary = report.summary()
    yield "## System Health"
    yield f"- Healthy branches: {summary['healthy']}"
    yield f"- Warnings: {summary['warnings']}"
    yield f"- Errors: {summary['errors']}"
    for title, status in (("Warnings", "warning"), ("Errors", "error")):
        if found := report.having(status):
            yield from ("", f"### {title}", *map(_issues, found))
    if noted := report.notes():
        yield from ("", "### Notes")
        for name, notes in noted[:MOST_ROWS]:
            yield f"- {escaped(name)}: {'; '.join(map(escaped, notes))}"
        if more := noted[MOST_ROWS:]:
            yield f"- and {many(len(more), 'more branch', 'more branches')}"


def _issues(checkup: Checkup) -> str:
    return f"- {escaped(checkup.branch.name)}: {', '.join(escaped(found.text) for found in checkup.issues)}"


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
    yield from (f"  - {escaped(m.branch.name)}/{escaped(m.name)}: {m.excess}" for m in over)


def _plans(plans: Sequence[Plan], most: int) -> Iterator[str]:
    yield from ("", "## Active Plans", f"- Total active: {len(plans)}")
    yield from (f"  - {escaped(plan.plan_id)}: {escaped(plan.title)}" for plan in plans[:most])
