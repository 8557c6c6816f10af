"""Output on a terminal: the status, incidents and notices."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from rich.markup import escape
from rich.text import Text

from scheduled import clock
from scheduled.advice import complete
from scheduled.cli.targets import failed_targets, named, of_targets, shortened
from scheduled.cli.terminal import colored, console, counted, remarks, roughly, rows_or, table, when, words
from scheduled.queries.of_targets import of_all

# The commands at the end of the text of a problem: ` (scheduled logs a)`, or ": `scheduled approve x` or ...".
ADVICE = re.compile(r" \(scheduled [^()]*\)$|: `scheduled [^`]*approve [^`]*` or `scheduled [^`]*deny [^`]*`")


def status(document: dict[str, Any], *, notes: Sequence[str] = ()) -> None:
    """Print current problems, the ticks, the workspace, pauses, undelivered notices, the jobs, and what is assumed."""
    screen = console()
    for problem in shortened(document["problems"], document["jobs"]):
        screen.print(Text("! ", style="bold red") + Text(problem), soft_wrap=True)
    if not document["problems"]:
        screen.print("[green]all is well[/]")
    upcoming = document["next_job"]
    _ticks(document["ticks"])
    if upcoming is not None:
        name = named({**upcoming, "job": upcoming["name"]})
        screen.print(f"next run   {escape(name)} at {when(upcoming['scheduled'])}")
    if document["health"] is not None:
        health = document["health"]
        warnings, errors = counted(health["warnings"], "warning"), counted(health["errors"], "error")
        screen.print(f"workspace  {health['healthy']} healthy, {warnings}, {errors}")
    _by_hand(document)
    if document.get("wake"):
        alarm = document["wake"]
        screen.print(f"wakes      at {when(alarm['at'])} for {escape(alarm['job'])}")
    if document["undelivered"]:
        screen.print(f"outbox     {counted(document['undelivered'], 'undelivered notice')}")
    if document["jobs"]:
        jobs = _each_job(document["jobs"])
        rows = [_job(job) for job in sorted(jobs, key=lambda job: not job["failing"])]
        table(("job", "schedule", "last run", "status", "next run", "runs", "failed"), rows)
        remarks([line for job in jobs for line in failed_targets(job["name"], job.get("targets", ()))])
    remarks(notes)


def _by_hand(document: Mapping[str, Any]) -> None:
    """Print what is paused, muted, or disabled without being listed."""
    screen = console()
    for job, until in document["paused"].items():
        name = "all jobs" if job == "*" else escape(job)
        name += " (gone)" if job in document.get("gone", ()) else ""
        resume = complete("`scheduled resume`" if job == "*" else f"`scheduled resume {job}`")
        screen.print(
            f"[yellow]paused[/]     {name} until {when(until) if until else escape(resume)}", soft_wrap=True
        )
    for job, until in document.get("muted", {}).items():
        unmute = complete(f"`scheduled unmute {job}`")
        end = when(until) if until else escape(unmute)
        screen.print(f"[yellow]muted[/]      {escape(job)} until {end}", soft_wrap=True)
    for job in sorted({*document.get("disabled", ())} & {*document.get("gone", ())}):
        enable = complete(f"`scheduled enable {job}`")
        screen.print(f"[yellow]disabled[/]   {escape(job)} (gone) until {escape(enable)}", soft_wrap=True)


def _ticks(ticks: dict[str, Any]) -> None:
    """Print the last tick, and what is known about the next ones."""
    screen = console()
    if ticks["last"] is not None:
        stopped = ticks["state"] == "stopped"
        late = f", [bold red]{roughly(ticks['overdue_seconds'])} overdue[/]" if stopped else ""
        screen.print(f"last tick  {when(ticks['last'])} ({roughly(ticks['seconds_ago'])} ago{late})")
    if ticks["state"] == "starting":
        every = roughly(ticks["expected_every_seconds"])
        screen.print(f"ticks      installed, the first one comes within {every}")
    elif ticks["state"] == "unknown":
        screen.print("ticks      not installed; jobs run only when something starts a tick")


def _each_job(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the *rows* with one for all targets of a job."""
    found = []
    for _, group in groupby(rows, key=lambda row: (row["name"], row["target"] is None)):
        first, *others = group
        found.append(_of_targets([first, *others]) if first["target"] is not None else first)
        found += [] if first["target"] is not None else others
    return found


def _of_targets(targets: Sequence[dict[str, Any]]) -> dict[str, Any]:
    states = [{"paused": False, **target} for target in targets]
    return {
        **targets[0],
        **of_all(states),
        "enabled": any(target["enabled"] for target in targets),
        "failing": any(target["failing"] for target in targets),
        "run_count": sum(target["run_count"] for target in targets),
        "failure_count": sum(target["failure_count"] for target in targets),
        "targets": targets,
    }


def _job(job: dict[str, Any]) -> Sequence[str | Text]:
    upcoming = _upcoming(job) if job["enabled"] else "disabled"
    upcoming = "running" if job["running"] else upcoming
    status = of_targets(job["targets"]) if "targets" in job else colored(job["last_status"])
    return (
        job["name"], job["schedule"], when(job["last_run"]) or "never", status, upcoming,
        str(job["run_count"]), str(job["failure_count"]),
    )  # fmt: skip


def _upcoming(job: Mapping[str, Any]) -> str:
    """Return why a job waits, or when it is due next; of a delay, both."""
    reason, due = words(job["open_reason"]), when(job["next_run"])
    if job["open_reason"] in ("jitter", "start_delay") and due:
        return f"{due} ({reason})"
    return reason or due


def incidents(found: Sequence[dict[str, Any]], *, others: bool = False) -> None:
    """Print each current incident: what it is, since when, the last lines of output, and what to do.

    *others*: something else is wrong, and is printed below.
    """
    screen = console()
    for entry in sorted(found, key=lambda entry: entry["caused_by"] is not None):
        screen.print(Text("! ", style="bold red") + Text(_what(entry)), soft_wrap=True)
        screen.print(
            Text(f"    {_lasts(entry['since'])}{entry['history']}{_state(entry)}", style="dim"),
            soft_wrap=True,
        )
        for line in entry["output"]:
            screen.print(Text(f"    | {line}"), soft_wrap=True)
        if entry["to_do"]:
            screen.print(
                Text(f"    {complete(', '.join(f'`{text}`' for text in entry['to_do']))}"), soft_wrap=True
            )
    if not found:
        screen.print(f"there are no {'other ' * others}incidents")


def _lasts(since: str) -> str:
    """Return for how long something has lasted *since* an instant (RFC 3339); "" if it is none."""
    try:
        began = datetime.fromisoformat(since).timestamp()
    except ValueError:
        return ""
    return f"for {roughly(max(0, int(clock.now() - began)))}: "


def _what(entry: Mapping[str, Any]) -> str:
    """Return the text of an incident; its job is named, and the commands at its end are not if others follow."""
    text = str(entry["text"])
    if entry["to_do"]:
        text = ADVICE.sub("", text)
    name = named(entry)
    return text if not name or text.startswith(name) else f"{name}: {text}"


def _state(entry: Mapping[str, Any]) -> str:
    """Return what a person, or another incident, has to do with the notices about an incident."""
    found = "; flapping" if entry["flapping"] else ""
    found += f"; follows from {entry['caused_by'].partition(':')[2]}" if entry["caused_by"] else ""
    found += "; acknowledged" if entry["acknowledged_at"] else ""
    until = f" until {when(entry['muted_until'])}" if entry["muted_until"] else ""
    return found + (f"; muted{until}" if entry["muted"] else "")


def notices(found: Sequence[dict[str, Any]]) -> None:
    """Print the notices that are not delivered yet."""
    rows = [
        (entry["recipient"], entry["subject"], str(entry["tries"]), when(entry["next_try"]))
        for entry in found
    ]
    rows_or(("to", "subject", "attempts", "next attempt"), rows, "every notice is delivered")
