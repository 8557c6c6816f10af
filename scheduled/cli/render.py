"""The only room that imports rich: what people see on a terminal."""

import sys
from collections.abc import Sequence
from typing import Any

from rich.box import ASCII, SIMPLE, Box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from scheduled.core.events import Event

SECONDS_FROM = 10_000  # milliseconds; below, the fractions matter
PIPE_WIDTH = 200
MANY = 500  # rows; rich takes half a millisecond to lay one out
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
    """Return where to print."""
    # Rich takes a pipe for 80 columns wide; what reads a pipe has no use for folded words.
    return Console(highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)


def _box() -> Box:
    """Under a C locale rich's own box characters would end in a UnicodeEncodeError."""
    return SIMPLE if (sys.stdout.encoding or "").lower().startswith("utf") else ASCII


def a_table(*columns: str) -> Table:
    """Return an empty table."""
    table = Table(box=_box(), pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def table(columns: Sequence[str], rows: Sequence[Sequence[str | Text]]) -> None:
    """Show rows under their columns; plainly where there are very many."""
    if len(rows) <= MANY:
        pretty = a_table(*columns)
        for row in rows:
            pretty.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
        console().print(pretty)
        return
    plain = [columns, *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[place]) for row in plain) for place in range(len(columns))]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in plain
    )
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def when(stamp: str | None) -> str:
    """Shorten an RFC 3339 instant to what a person reads."""
    return "" if stamp is None else stamp[:16].replace("T", " ")


def a_status(word: str | None) -> Text:
    """Return a verdict in its colour."""
    return Text(word or "-", style=STYLES.get(word or "", ""))


def progress(event: Event) -> None:
    """Show a job's life on the terminal as it happens."""
    payload, screen = event.payload, console()
    name = escape(str(payload.get("job")))
    if event.name == "job_started":
        missed = payload.get("missed")
        screen.print(f"[cyan]>[/] {name}" + (f" [dim](stands for {missed} missed)[/]" if missed else ""))
    elif event.name in (
        "job_completed",
        "job_failed",
        "job_retry_scheduled",
        "job_skipped",
        "job_interrupted",
    ):
        word = str(payload.get("status"))
        mark = {"job_completed": "[green]ok[/]", "job_skipped": "[dim]--[/]"}.get(event.name, "[red]!![/]")
        reason = f" {escape(str(payload['reason']))}" if payload.get("reason") else ""
        took = f" [dim]{_duration(payload.get('duration_ms'))}[/]"
        screen.print(f"{mark} {name} {word}{reason}{took}")


def _duration(milliseconds: object) -> str:
    if not isinstance(milliseconds, int):
        return ""
    return f"{milliseconds} ms" if milliseconds < SECONDS_FROM else f"{milliseconds // 1000} s"


def tick(document: dict[str, Any]) -> None:
    """Show what a tick did, as a table."""
    screen = console()
    if not document["runs"]:
        screen.print("[dim]nothing was due[/]")
        return
    table = a_table("job", "for", "verdict", "took", "")
    for run in document["runs"]:
        table.add_row(
            Text(run["job"]), when(run["scheduled_for"]) or "now", a_status(run["status"]), _duration(run["duration_ms"]),
            Text(run["reason"] or ""),
        )  # fmt: skip
    screen.print(table)


def plan(entries: Sequence[dict[str, Any]]) -> None:
    """Show what a tick would do."""
    screen = console()
    if not entries:
        screen.print("[dim]nothing is due[/]")
        return
    table = a_table("job", "for", "why")
    for entry in entries:
        table.add_row(
            Text(entry["job"]), when(entry.get("scheduled_for")), Text(entry.get("why") or entry["waits"])
        )
    screen.print(table)


def history(runs: Sequence[dict[str, Any]]) -> None:
    """Show runs, newest first."""
    table = a_table("started", "job", "for", "status", "slots", "took", "run", "")
    for run in runs:
        table.add_row(
            when(run["started_at"]), Text(run["job"]), when(run["scheduled_for"]) or run["trigger"],
            a_status(run["status"]), str(run["slots"] or ""), _duration(run["duration_ms"]), Text(run["run_id"]),
            Text(run["reason"] or ""),
        )  # fmt: skip
    console().print(table)


def audit(document: dict[str, Any]) -> None:
    """Show whether every slot is accounted for."""
    screen = console()
    if document["ok"]:
        screen.print(
            f"[green]every slot is accounted for[/]: {document['slots']} since {document['horizon']}"
        )
        return
    table = a_table("job", "slot", "problem")
    for problem in document["problems"]:
        table.add_row(Text(problem["job"]), problem["slot"] or "", problem["problem"])
    screen.print(f"[bold red]{len(document['problems'])} problems[/] in {document['slots']} slots")
    screen.print(table)


def check(document: dict[str, Any]) -> None:
    """Show the faults and doubts in a configuration."""
    screen = console()
    for problem in document["problems"]:
        screen.print(Text("error: ", style="bold red") + Text(problem), soft_wrap=True)
    for warning in document["warnings"]:
        screen.print(Text("warning: ", style="yellow") + Text(warning), soft_wrap=True)
    if document["ok"]:
        screen.print(f"[green]ok[/]: {document['jobs']} jobs")


def status(document: dict[str, Any]) -> None:
    """Show how everything stands, trouble first."""
    screen = console()
    for trouble in document["troubles"]:
        screen.print(Text("! ", style="bold red") + Text(trouble), soft_wrap=True)
    if not document["troubles"]:
        screen.print("[green]all is well[/]")
    ticks, upcoming = document["ticks"], document["next_job"]
    if ticks["last"] is not None:
        late = f", [bold red]{ticks['overdue_seconds']} s overdue[/]" if not ticks["running"] else ""
        screen.print(f"last tick  {when(ticks['last'])} ({ticks['seconds_ago']} s ago{late})")
    if upcoming is not None:
        screen.print(f"next       {escape(upcoming['name'])} at {when(upcoming['scheduled'])}")
    if document["health"] is not None:
        health = document["health"]
        screen.print(
            f"workspace  {health['healthy']} healthy, {health['warnings']} warnings, {health['errors']} errors"
        )
    for job, until in document["paused"].items():
        name = "all jobs" if job == "*" else escape(job)
        screen.print(f"[yellow]paused[/]     {name}" + (f" until {when(until)}" if until else ""))
    if document["undelivered"]:
        screen.print(f"outbox     {document['undelivered']} notices wait to be delivered")
    if document["jobs"]:
        rows = [_job(job) for job in sorted(document["jobs"], key=lambda job: not job["failing"])]
        table(("job", "schedule", "last", "verdict", "next", "runs", "failed"), rows)


def _job(job: dict[str, Any]) -> Sequence[str | Text]:
    upcoming = job["open_reason"] or when(job["next_run"]) if job["enabled"] else "disabled"
    upcoming = "running" if job["running"] else upcoming
    return (
        job["name"], job["schedule"], when(job["last_run"]) or "never", a_status(job["last_status"]), upcoming,
        str(job["run_count"]), str(job["failure_count"]),
    )  # fmt: skip
