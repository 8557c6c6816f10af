"""Output of documents on a terminal, with rich: ticks, runs, plans and the status."""

import sys
from collections.abc import Sequence
from typing import Any

from rich.box import ASCII, SIMPLE, Box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from scheduled.advice import complete
from scheduled.core.events import Event
from scheduled.schedules.durations import duration
from scheduled.schedules.zones import MINUTE

SECONDS_FROM = 10_000  # milliseconds; shorter durations are shown in milliseconds
PIPE_WIDTH = 200
WIDE = 120  # columns of a terminal on which a table of runs is readable
SHORT = 24  # characters of a name
MANY = 500  # rows; longer tables are printed without rich, which takes half a millisecond per row
STYLES = {
    "success": "green",
    "failed": "bold red",
    "timed_out": "bold red",
    "interrupted": "yellow",
    "waiting_retry": "yellow",
    "skipped": "dim",
    "running": "cyan",
    "claimed": "cyan",
}


def console() -> Console:
    """Return the console for stdout."""
    # Rich assumes 80 columns for a pipe, and programs that read the pipe would get folded words.
    return Console(highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)


def _box() -> Box:
    """Return the table style; the box characters of rich raise UnicodeEncodeError under a C locale."""
    return SIMPLE if (sys.stdout.encoding or "").lower().startswith("utf") else ASCII


def _rich_table(columns: Sequence[str], rows: Sequence[Sequence[str | Text]]) -> Table:
    """Return a table of rich. Short names of jobs are not wrapped, so that they can be copied."""
    found = Table(box=_box(), pad_edge=False, padding=(0, 1, 0, 0))
    for place, column in enumerate(columns):
        short = column == "job" and all(len(row[place]) <= SHORT for row in rows)
        found.add_column(column, overflow="fold", no_wrap=short)
    for row in rows:
        found.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
    return found


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural unless the number is 1: `1 job`, `2 jobs`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def rows_or(columns: Sequence[str], rows: Sequence[Sequence[str | Text]], if_empty: str) -> None:
    """Print a table, or the text *if_empty* if there are no rows."""
    if rows:
        table(columns, rows)
    else:
        console().print(f"[dim]{complete(if_empty)}[/]", soft_wrap=True)


def remarks(notes: Sequence[str]) -> None:
    """Print notes about the list above, one a line."""
    for note in notes:
        console().print(Text(note, style="dim"), soft_wrap=True)


def table(columns: Sequence[str], rows: Sequence[Sequence[str | Text]]) -> None:
    """Print a table; a very long one without rich."""
    if len(rows) <= MANY:
        console().print(_rich_table(columns, rows))
        return
    plain = [columns, *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[place]) for row in plain) for place in range(len(columns))]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in plain
    )
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def when(stamp: str | None) -> str:
    """Return an RFC 3339 instant as `2026-03-04 05:00`; an empty text for None."""
    return "" if stamp is None else stamp[:16].replace("T", " ")


def colored(status: str | None) -> Text:
    """Return a status in its color; `-` for None."""
    return Text(status or "-", style=STYLES.get(status or "", ""))


def progress(event: Event) -> None:
    """Print the start and the result of a run when its event is published."""
    payload, screen = event.payload, console()
    name = escape(str(payload.get("job")))
    if event.name == "job_started":
        missed = payload.get("missed")
        covers = f" [dim](covers {counted(int(str(missed)), 'missed slot')})[/]" if missed else ""
        screen.print(f"[cyan]>[/] {name}{covers}")
    elif "run_id" not in payload:
        return  # slots that were skipped by a rule of the configuration are recorded, not printed
    elif event.name in (
        "job_completed",
        "job_failed",
        "job_retry_scheduled",
        "job_skipped",
        "job_interrupted",
    ):
        mark = {"job_completed": "[green]ok[/]", "job_skipped": "[dim]--[/]"}.get(event.name, "[red]!![/]")
        reason = f": {escape(str(payload['reason']))}" if payload.get("reason") else ""
        took = f" [dim]({duration_of(payload['duration_ms'])})[/]" if payload.get("duration_ms") else ""
        screen.print(f"{mark} {name} {payload.get('status')}{reason}{took}")


def words(reason: str | None) -> str:
    """Return an open reason such as `waiting_retry` in words."""
    return (reason or "").replace("_", " ")


def _roughly(seconds: int) -> str:
    return duration(seconds if seconds < 2 * MINUTE else seconds - seconds % MINUTE)


def duration_of(milliseconds: object) -> str:
    """Return a duration in milliseconds, or in seconds if it is long; an empty text for None."""
    if not isinstance(milliseconds, int):
        return ""
    return f"{milliseconds} ms" if milliseconds < SECONDS_FROM else f"{milliseconds // 1000} s"


def tick(document: dict[str, Any]) -> None:
    """Print the runs of a tick as a table."""
    rows = [
        (run["job"], when(run["scheduled_for"]) or "now", colored(run["status"]), duration_of(run["duration_ms"]),
         run["reason"] or "")
        for run in document["runs"]
    ]  # fmt: skip
    rows_or(("job", "scheduled for", "status", "duration", "reason"), rows, "nothing was due")


def planned_starts(entries: Sequence[dict[str, Any]]) -> None:
    """Print the runs that a tick would start, and the jobs that wait."""
    rows = [
        (
            entry["job"],
            when(entry.get("scheduled_for")),
            entry.get("reason") or _wait(entry),
        )
        for entry in entries
    ]
    rows_or(("job", "scheduled for", "reason"), rows, "nothing is due")


def _wait(entry: dict[str, Any]) -> str:
    until = f" until {when(entry['until'])}" if entry.get("until") else ""
    return f"waits: {words(entry['open_reason'])}{until}"


def history(runs: Sequence[dict[str, Any]], *, notes: Sequence[str] = ()) -> None:
    """Print runs and skipped slots, newest first.

    They are printed as a table, or on a narrow terminal with one line for each and one for details.
    """
    if runs and console().width < WIDE:
        for run in runs:
            _run_lines(run)
        return
    rows = [
        (when(run["started_at"]), run["job"], when(run["scheduled_for"]) or run["trigger"], colored(run["status"]),
         str(run["slots"] or ""), duration_of(run["duration_ms"]), run["run_id"] or "", run["reason"] or "")
        for run in runs
    ]  # fmt: skip
    columns = ("started", "job", "scheduled for", "status", "slots", "duration", "run", "reason")
    rows_or(columns, rows, "there are no such runs")
    remarks(notes)


def _run_lines(run: dict[str, Any]) -> None:
    at = run["started_at"] or run["finished_at"]  # slots without a run: the time of the decision
    first = Text(f"{when(at):16}  {run['run_id'] or run['job']}  ") + colored(run["status"])
    details = [
        f"for {when(run['scheduled_for'])}" if run["scheduled_for"] else run["trigger"],
        counted(run["slots"], "slot") if run["slots"] else "",
        duration_of(run["duration_ms"]),
        run["reason"] or "",
    ]
    console().print(first, soft_wrap=True)
    console().print(Text(f"{'':18}{', '.join(filter(None, details))}", style="dim"), soft_wrap=True)


def audit(document: dict[str, Any]) -> None:
    """Print the result of an audit, with a table of the slots that are not accounted for."""
    screen = console()
    slots = counted(document["slots"], "slot")
    if document["ok"]:
        since = f" since {when(document['horizon'])}" if document["horizon"] else ""
        screen.print(f"[green]every slot is accounted for[/]: {slots}{since}")
        return
    screen.print(f"[bold red]{counted(len(document['problems']), 'problem')}[/] in {slots}")
    rows = [(problem["job"], when(problem["slot"]), problem["problem"]) for problem in document["problems"]]
    table(("job", "slot", "problem"), rows)


def check(document: dict[str, Any]) -> None:
    """Print the errors and warnings about a configuration."""
    screen = console()
    for problem in document["problems"]:
        screen.print(Text("error: ", style="bold red") + Text(problem), soft_wrap=True)
    for warning in document["warnings"]:
        screen.print(Text("warning: ", style="yellow") + Text(warning), soft_wrap=True)
    if document["ok"]:
        screen.print(f"[green]ok[/]: {counted(document['jobs'], 'job')}")


def status(document: dict[str, Any]) -> None:
    """Print current problems, the ticks, the workspace, pauses, undelivered notices and the jobs."""
    screen = console()
    for problem in document["problems"]:
        screen.print(Text("! ", style="bold red") + Text(problem), soft_wrap=True)
    if not document["problems"]:
        screen.print("[green]all is well[/]")
    upcoming = document["next_job"]
    _ticks(document["ticks"])
    if upcoming is not None:
        screen.print(f"next run   {escape(upcoming['name'])} at {when(upcoming['scheduled'])}")
    if document["health"] is not None:
        health = document["health"]
        warnings, errors = counted(health["warnings"], "warning"), counted(health["errors"], "error")
        screen.print(f"workspace  {health['healthy']} healthy, {warnings}, {errors}")
    for job, until in document["paused"].items():
        name = "all jobs" if job == "*" else escape(job)
        screen.print(
            f"[yellow]paused[/]     {name} until {when(until) if until else complete('`scheduled resume`')}"
        )
    if document["undelivered"]:
        screen.print(f"outbox     {counted(document['undelivered'], 'undelivered notice')}")
    if document["jobs"]:
        rows = [_job(job) for job in sorted(document["jobs"], key=lambda job: not job["failing"])]
        table(("job", "schedule", "last run", "status", "next run", "runs", "failed"), rows)


def _ticks(ticks: dict[str, Any]) -> None:
    """Print the last tick, and what is known about the next ones."""
    screen = console()
    if ticks["last"] is not None:
        stopped = ticks["state"] == "stopped"
        late = f", [bold red]{_roughly(ticks['overdue_seconds'])} overdue[/]" if stopped else ""
        screen.print(f"last tick  {when(ticks['last'])} ({_roughly(ticks['seconds_ago'])} ago{late})")
    if ticks["state"] == "starting":
        every = _roughly(ticks["expected_every_seconds"])
        screen.print(f"ticks      installed, the first one comes within {every}")
    elif ticks["state"] == "unknown":
        screen.print("ticks      not installed; jobs run only when something starts a tick")


def _job(job: dict[str, Any]) -> Sequence[str | Text]:
    upcoming = words(job["open_reason"]) or when(job["next_run"]) if job["enabled"] else "disabled"
    upcoming = "running" if job["running"] else upcoming
    return (
        job["name"], job["schedule"], when(job["last_run"]) or "never", colored(job["last_status"]), upcoming,
        str(job["run_count"]), str(job["failure_count"]),
    )  # fmt: skip
