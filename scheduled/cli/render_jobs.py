"""Output of documents on a terminal: jobs, future runs, explanations, and the results of commands."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.markup import escape
from rich.text import Text

from scheduled.advice import complete
from scheduled.cli.render import colored, console, counted, remarks, rows_or, when, words
from scheduled.queries import describe
from scheduled.schedules.durations import duration

HIDDEN = ("name", "schedules", "action", "description", "source", "enabled", "warnings")
DURATIONS = ("timeout", "grace", "gate_deadline", "delay", "max_delay", "jitter")
SIZES = ("output_limit", "memory", "file_size")
INSTANTS = {
    "at", "epoch", "epoch_ended", "position", "slot", "retry_at", "quiet_until", "window_start", "next_slot", "next_due",
    "next_run",
}  # fmt: skip


def jobs(entries: Sequence[dict[str, Any]]) -> None:
    """Print the jobs as a table, in configuration order."""
    rows = [
        (entry["name"], entry["schedule_words"], _next(entry), when(entry["last_run"]) or "never",
         colored(entry["last_status"]), entry["description"] or entry["action"])
        for entry in entries
    ]  # fmt: skip
    columns = ("job", "schedule", "next run", "last run", "status", "description")
    rows_or(columns, rows, "no jobs are configured; add one with `scheduled add`")


def _next(entry: Mapping[str, Any]) -> Text:
    if not entry["enabled"]:
        return Text("disabled", style="dim")
    if entry["paused"]:
        return Text("paused", style="yellow")
    if entry["running"]:
        return Text("running", style="cyan")
    upcoming, waits = when(entry["next_run"]), words(entry["open_reason"])
    return Text(f"{upcoming} ({waits})" if waits else upcoming or "-")


def job(document: dict[str, Any]) -> None:
    """Print one job: its state, its settings (defaults last and dimmed) and its next slots."""
    screen = console()
    screen.print(Text(document["name"], style="bold") + Text(f"  {document['description']}"))
    word = "enable" if document["enabled"] else "disable"
    state = f"{word}d with `scheduled {word}`" if document["overridden"] else f"{word}d"
    rows = {
        "schedule": f"{document['schedule_words']} ({document['zone']})",
        "action": document["action"],
        "state": state + (", paused" if document["paused"] else ""),
        "source": document["source"],
    }
    fields(rows | {key: value for key, value in document["state"].items() if value is not None})
    defaults = set(document["defaults"])
    for name, value in sorted(document["settings"].items(), key=lambda item: item[0] in defaults):
        if name not in HIDDEN:
            line = f"  {name:17} {_named(name, value)}"
            screen.print(Text(line, style="dim" if name in defaults else ""), soft_wrap=True)
    for slot in document["next"]:
        screen.print(f"  next slot         {when(slot)}")


def _named(name: str, value: Any) -> str:
    """Return the value of a setting in words; durations and sizes with their units."""
    if isinstance(value, int) and name in DURATIONS:
        return duration(value)
    return describe.size(value) if isinstance(value, int) and name in SIZES else _value(value)


def _value(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} = {_named(key, inner)}" for key, inner in value.items()) or "-"
    if isinstance(value, list | tuple):
        return ", ".join(map(_value, value)) or "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value in (None, "") else str(value)


def fields(rows: Mapping[str, object]) -> None:
    """Print names and values, one pair a line."""
    for name, value in rows.items():
        shown = when(value) if isinstance(value, str) and name in INSTANTS else _value(value)
        console().print(Text(f"  {name.replace('_', ' '):17} {shown}"), soft_wrap=True)


def upcoming(entries: Sequence[dict[str, Any]], *, notes: Sequence[str]) -> None:
    """Print slots in order; `runs at` is empty for a slot that runs on time."""
    rows = [(when(entry["scheduled_for"]) or "-", entry["job"], _runs_at(entry)) for entry in entries]
    rows_or(("slot", "job", "runs at"), rows, "there are no future slots")
    remarks(notes)


# The reasons of `next` in words: why a slot has no run of its own.
REASONS = {
    "paused": "paused",
    "ask": "waits for your decision",
    "config_error": "the configuration cannot be read",
    "late": "skipped: later than its grace",
    "coalesced": "covered by a later slot",
    "waiting_retry": "retry",
    "requested": "requested",
    "open": "open",
}


def _runs_at(entry: Mapping[str, Any]) -> str:
    reason = REASONS.get(entry["reason"] or "", f"skipped: {entry['reason']}")
    if entry["runs_at"] is None:
        return reason
    if entry["reason"] is None and entry["runs_at"] == entry["scheduled_for"]:
        return ""
    return when(entry["runs_at"]) + (f" ({reason})" if entry["reason"] else "")


def forecast(runs: Sequence[dict[str, Any]], *, notes: Sequence[str]) -> None:
    """Print future runs as a table, and what is assumed."""
    rows = [(when(run["runs_at"]), run["job"], when(run["scheduled_for"]) or "-") for run in runs]
    rows_or(("runs at", "job", "slot"), rows, "no runs in this span")
    remarks(notes)


def explanation(document: dict[str, Any]) -> None:
    """Print the sentences of an explanation, the past first, and the facts behind them, without empty fields."""
    if "last_outcome" in document:
        console().print(Text(document["last_outcome"]), soft_wrap=True)
    console().print(Text(document["sentence"], style="bold"), soft_wrap=True)
    hidden = ("job", "last_outcome", "sentence", "schedule_words", "last_runs", "run")
    facts = {
        name: value for name, value in document.items() if value not in (None, [], {}) and name not in hidden
    }
    if (words := document.get("schedule_words")) not in (None, document.get("schedule")):
        facts["schedule"] = f"{document['schedule']} ({words})"
    if "paused" in facts:
        facts["paused"] = [
            f"{name} until {when(until) if until else complete('`scheduled resume`')}"
            for name, until in document["paused"].items()
        ]
    fields(facts)
    run = document.get("run")
    if isinstance(run, str):
        fields({"run": run})
    for found in [run] if isinstance(run, dict) else document.get("last_runs", []):
        reason = f" ({found['reason']})" if found["reason"] else ""
        ended = when(found["finished_at"]) or "not ended"
        fields({"run": f"{found['run_id']}  {found['status']}{reason}  {ended}"})


def paused(done: Sequence[dict[str, Any]], *, dry_run: bool) -> None:
    """Print which jobs are paused, and until when."""
    for found in done:
        verb = "would be" if dry_run else "is" if found["job"] else "are"
        end = when(found["until"]) if found["until"] else complete("`scheduled resume`")
        console().print(Text(f"{found['job'] or 'all jobs'} {verb} paused until {end}"))


def resumed(done: Sequence[dict[str, Any]], *, dry_run: bool) -> None:
    """Print which pauses were ended, and which remain."""
    for found in done:
        if found["was_paused"]:
            text = f"{found['job'] or 'all jobs'}: the pause {'would end' if dry_run else 'has ended'}"
        else:
            text = f"{found['job']} was not paused" if found["job"] else "there is no pause of all jobs"
        if found["still"]:
            names = ["all jobs" if name == "all" else name for name in found["still"]]
            text += f"; still paused: {', '.join(names)}"
        console().print(Text(text))


def overridden(done: Sequence[dict[str, Any]], *, dry_run: bool) -> None:
    """Print which jobs are now enabled or disabled."""
    for found in done:
        word = "enabled" if found["enabled"] else "disabled"
        verb = "would be" if dry_run else "is now"
        console().print(Text(f"{found['job']} {verb if found['changed'] else 'is already'} {word}"))


def skipped(done: dict[str, Any], *, dry_run: bool) -> None:
    """Print which slots were skipped or are open again, and which runs are no longer retried."""
    if done["undone"]:
        _reopened(done, dry_run=dry_run)
        return
    job, verb = done["job"], "would be" if dry_run else "was"
    for run_id in done["retries"]:
        console().print(Text(f"{job}: {run_id} {'would not be' if dry_run else 'is not'} retried"))
    if done["skipped"] == 1:
        console().print(Text(f"{job}: the slot {when(done['first'])} {verb} skipped"))
    elif done["skipped"]:
        span = f"from {when(done['first'])} to {when(done['last'])}"
        verb = "would be" if dry_run else "were"
        console().print(Text(f"{job}: {done['skipped']} slots {span} {verb} skipped"))
    elif not done["retries"]:
        console().print(f"[dim]{escape(job)} has no open slots[/]")
    if done["skipped"] and not dry_run:
        console().print(Text(f"`scheduled skip {job} --undo` undoes this", style="dim"), soft_wrap=True)


def _reopened(done: dict[str, Any], *, dry_run: bool) -> None:
    span = f"from {when(done['first'])} to {when(done['last'])}"
    slots = f"the slot {when(done['first'])}" if done["undone"] == 1 else f"{done['undone']} slots {span}"
    verb = "would be" if dry_run else "is" if done["undone"] == 1 else "are"
    console().print(Text(f"{done['job']}: {slots} {verb} open again"), soft_wrap=True)


def edited(done: dict[str, Any]) -> None:
    """Print what changed in a configuration file, and new warnings."""
    for warning in done["warnings"]:
        console().print(Text("warning: ", style="yellow") + Text(warning), soft_wrap=True)
    if not done["changed"]:
        console().print(Text(f"{done['path']}: unchanged"), soft_wrap=True)
        return
    if done["dry_run"]:
        sys.stdout.write(done["diff"])
        if done["deleted"]:
            console().print(
                Text(f"{done['path']}: would be deleted, because it contains nothing else"), soft_wrap=True
            )
        return
    written = "changed" if done["backup"] else "created"
    change = "deleted, because it contained nothing else" if done["deleted"] else written
    console().print(Text(f"{done['path']}: {change}"), soft_wrap=True)
    if done["backup"]:
        console().print(Text(f"the previous version is in {done['backup']}"), soft_wrap=True)


def backed_up(done: dict[str, Any]) -> None:
    """Print the content of a backup."""
    size = sum(done["files"].values()) // 1024
    word = "would contain" if done["dry_run"] else "contains"
    files = counted(len(done["files"]), "file")
    console().print(Text(f"{done['path']}: {word} {files}, {size} KiB before compression"), soft_wrap=True)


def restored(done: dict[str, Any]) -> None:
    """Print which files were restored."""
    word = "would be restored" if done["dry_run"] else "restored"
    for path in done["restored"]:
        console().print(Text(f"{path}: {word} to {when(done['created_at'])} UTC"), soft_wrap=True)
    if done["kept"] and not done["dry_run"]:
        console().print(Text(f"the previous state is in {done['kept']}"), soft_wrap=True)


def stopped(done: dict[str, Any]) -> None:
    """Print the process of a stopped run, or its state before, and the steps of a chain."""
    word = "would be stopped" if done["dry_run"] else "stopped"
    states = {
        "claimed": " (it was queued: it ends as soon as it starts)",
        "waiting_retry": " (no more attempts)",
    }
    how = f" (process {done['pid']})" if done["pid"] else states.get(done["status"], "")
    console().print(Text(f"{done['run_id']}: {word}{how}"), soft_wrap=True)
    for step in done["steps"]:
        console().print(Text(f"  {step}: {word}"), soft_wrap=True)


def incidents(found: Sequence[dict[str, Any]]) -> None:
    """Print the current conditions, and since when they hold."""
    rows = [(when(entry["since"]), entry["job"] or "", entry["text"]) for entry in found]
    rows_or(("since", "job", "condition"), rows, "there are no incidents")


def notices(found: Sequence[dict[str, Any]]) -> None:
    """Print the notices that are not delivered yet."""
    rows = [
        (entry["recipient"], entry["subject"], str(entry["tries"]), when(entry["next_try"]))
        for entry in found
    ]
    rows_or(("to", "subject", "attempts", "next attempt"), rows, "every notice is delivered")
