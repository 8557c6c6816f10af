"""Output on a terminal: ticks, runs, plans and the check."""

from collections.abc import Sequence
from typing import Any, cast

from rich.markup import escape
from rich.text import Text

from scheduled.cli.targets import named
from scheduled.cli.terminal import colored, console, counted, duration_of, remarks, rows_or, when, words
from scheduled.core.events import Event
from scheduled.printable import printable_in
from scheduled.queries.of_targets import together

WIDE = 120  # columns of a terminal on which a table of runs is readable


def progress(event: Event) -> None:
    """Print the start and the result of a run when its event is published."""
    payload, screen = cast("dict[str, Any]", printable_in(event.payload)), console()
    name = escape(named(payload))
    if event.name == "job_started":
        missed = payload.get("missed")
        covers = f" [dim](covers {counted(int(str(missed)), 'missed slot')})[/]" if missed else ""
        screen.print(f"[cyan]>[/] {name}{covers}")
    elif "run_id" not in payload:
        return  # slots that were skipped by a rule of the configuration are recorded, not printed
    elif event.name == "approval_requested":
        run_id = escape(str(payload["run_id"]))
        screen.print(
            f"[yellow]??[/] {name} {payload['reason']}: scheduled approve {run_id}, or scheduled deny {run_id}"
        )
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


def tick(document: dict[str, Any]) -> None:
    """Print the runs of a tick as a table."""
    rows = [
        (named(run), when(run["scheduled_for"]) or "now", colored(run["status"]), duration_of(run["duration_ms"]),
         run["reason"] or "")
        for run in document["runs"]
    ]  # fmt: skip
    rows_or(("job", "scheduled for", "status", "duration", "reason"), rows, "nothing was due")


def planned_starts(entries: Sequence[dict[str, Any]], *, notes: Sequence[str] = ()) -> None:
    """Print the runs that a tick would start, the jobs that wait, and what is assumed."""
    rows = [
        (
            named(entry),
            when(entry.get("scheduled_for")),
            entry.get("reason") or _wait(entry),
        )
        for entry in together(entries, "scheduled_for", "reason", "open_reason", "until", "attempt")
    ]
    rows_or(("job", "scheduled for", "reason"), rows, "nothing is due")
    remarks(notes)


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
        (when(run["started_at"]), named(run), when(run["scheduled_for"]) or run["trigger"], colored(run["status"]),
         str(run["slots"] or ""), duration_of(run["duration_ms"]), run["run_id"] or "", run["reason"] or "")
        for run in runs
    ]  # fmt: skip
    columns = ("started", "job", "scheduled for", "status", "slots", "duration", "run", "reason")
    rows_or(columns, rows, "there are no such runs")
    remarks(notes)


def _run_lines(run: dict[str, Any]) -> None:
    at = run["started_at"] or run["finished_at"]  # slots without a run: the time of the decision
    first = Text(f"{when(at):16}  {run['run_id'] or named(run)}  ") + colored(run["status"])
    details = [
        f"for {when(run['scheduled_for'])}" if run["scheduled_for"] else run["trigger"],
        counted(run["slots"], "slot") if run["slots"] else "",
        duration_of(run["duration_ms"]),
        run["reason"] or "",
    ]
    console().print(first, soft_wrap=True)
    console().print(Text(f"{'':18}{', '.join(filter(None, details))}", style="dim"), soft_wrap=True)


def check(document: dict[str, Any]) -> None:
    """Print the errors and warnings about a configuration."""
    screen = console()
    for problem in document["problems"]:
        screen.print(Text("error: ", style="bold red") + Text(problem), soft_wrap=True)
    for warning in document["warnings"]:
        screen.print(Text("warning: ", style="yellow") + Text(warning), soft_wrap=True)
    if document["ok"]:
        screen.print(f"[green]ok[/]: {counted(document['jobs'], 'job')}")
