"""Output on a terminal: jobs, future runs and explanations."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from scheduled.advice import complete
from scheduled.cli.targets import MOST_NAMED, failed_targets, named, of_targets
from scheduled.cli.terminal import colored, console, field, remarks, rows_or, when, words
from scheduled.core.keys import JobKey
from scheduled.queries.of_targets import together
from scheduled.queries.setting_words import value_in_words

INSTANTS = {
    "at", "epoch", "epoch_ended", "position", "slot", "retry_at", "quiet_until", "window_start", "next_slot", "next_due",
    "next_run",
}  # fmt: skip


def jobs(entries: Sequence[dict[str, Any]], *, notes: Sequence[str] = ()) -> None:
    """Print the jobs as a table, in configuration order, and what is assumed."""
    rows = [
        (entry["name"], entry["schedule_words"], _next(entry), when(entry["last_run"]) or "never",
         _status(entry), entry["description"] or entry["action"])
        for entry in entries
    ]  # fmt: skip
    columns = ("job", "schedule", "next run", "last run", "status", "description")
    rows_or(columns, rows, "no jobs are configured; add one with `scheduled add`")
    remarks([line for entry in entries for line in failed_targets(entry["name"], entry["targets"] or ())])
    remarks(
        [f"{entry['name']}: for_each: {entry['list_problem']}" for entry in entries if entry["list_problem"]]
    )
    remarks(notes)


def _status(entry: Mapping[str, Any]) -> Text:
    return colored(entry["last_status"]) if entry["targets"] is None else of_targets(entry["targets"])


def _next(entry: Mapping[str, Any]) -> str | Text:
    if not entry["enabled"]:
        return Text("disabled", style="dim")
    if entry["paused"]:
        return Text("paused", style="yellow")
    if entry["running"]:
        return Text("running", style="cyan")
    upcoming, waits = when(entry["next_run"]), words(entry["open_reason"])
    paused = sum(target["paused"] for target in entry.get("targets") or ())
    notes = ", ".join(filter(None, (waits, f"{paused} paused" if paused else "")))
    return f"{upcoming} ({notes})" if notes else upcoming or "-"


def job(document: dict[str, Any]) -> None:
    """Print one job: its state, its settings (defaults last and dimmed) and its next slots."""
    screen = console()
    name = JobKey(document["name"], document["target"] or "").display_name
    screen.print(Text(name, style="bold") + Text(f"  {document['description']}"))
    word = "enable" if document["enabled"] else "disable"
    state = f"{word}d with `scheduled {word}`" if document["overridden"] else f"{word}d"
    rows = {
        "schedule": f"{document['schedule_words']} ({document['zone']})",
        "action": document["action"],
        "state": state + _now(document),
        "source": document["source"],
    }
    fields(rows | {key: value for key, value in document["state"].items() if value is not None})
    defaults = set(document["defaults"])
    for name, text in sorted(document["settings_words"].items(), key=lambda item: item[0] in defaults):
        field(name, text, "dim" if name in defaults else "")
    for slot in document["next"]:
        screen.print(f"  next slot         {when(slot)}")
    if document["targets"] is not None:
        _targets(document["targets"])
    if document["list_problem"]:
        screen.print(Text(f"for_each: {document['list_problem']}", style="yellow"), soft_wrap=True)


def _targets(targets: Sequence[Mapping[str, Any]]) -> None:
    """Print the state of each target of a job."""
    rows = [
        (target["target"], _next(target), when(target["last_run"]) or "never", colored(target["last_status"]))
        for target in targets
    ]
    rows_or(("target", "next run", "last run", "status"), rows, "the job has no targets yet")


def _now(document: Mapping[str, Any]) -> str:
    """Return what the job does now, after a comma: it is paused or running, or why its slot is open."""
    if document["running"]:
        return ", running"
    if document["paused"]:
        return ", paused"
    return f", waits: {words(document['open_reason'])}" if document["open_reason"] else ""


def fields(rows: Mapping[str, object]) -> None:
    """Print names and values, one pair a line."""
    for name, value in rows.items():
        shown = when(value) if isinstance(value, str) and name in INSTANTS else value_in_words(value)
        field(name.replace("_", " "), shown)


def upcoming(entries: Sequence[dict[str, Any]], *, notes: Sequence[str]) -> None:
    """Print slots in order; `runs at` is empty for a slot that runs on time."""
    rows = [(when(entry["scheduled_for"]) or "-", named(entry), _runs_at(entry)) for entry in entries]
    rows_or(("slot", "job", "runs at"), rows, "no run is foreseen")
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


def _sentences(targets: Sequence[Mapping[str, Any]]) -> None:
    """Print the sentence about each target, once for those with the same one; nothing if all have the same."""
    alike: dict[str, list[str]] = {}
    for target in targets:
        alike.setdefault(target["sentence"], []).append(target["target"])
    for sentence, names in alike.items() if len(alike) > 1 else ():
        more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
        text = Text(f"  {', '.join(names[:MOST_NAMED])}{more}: ", style="bold") + Text(sentence)
        console().print(text, soft_wrap=True)


def forecast(runs: Sequence[dict[str, Any]], *, notes: Sequence[str]) -> None:
    """Print future runs as a table, and what is assumed."""
    alike = together(runs, "runs_at", "scheduled_for")
    rows = [(when(run["runs_at"]), named(run), when(run["scheduled_for"]) or "-") for run in alike]
    rows_or(("runs at", "job", "slot"), rows, "no runs in this span")
    remarks(notes)


def explanation(document: dict[str, Any]) -> None:
    """Print the sentences of an explanation, the past first, and the facts behind them, without empty fields."""
    if "last_outcome" in document:
        console().print(Text(document["last_outcome"]), soft_wrap=True)
    console().print(Text(document["sentence"], style="bold"), soft_wrap=True)
    _sentences(document.get("targets", ()))
    hidden = ("job", "targets", "last_outcome", "sentence", "schedule_words", "last_runs", "run")
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
    runs = [run] if isinstance(run, dict) else document.get("last_runs", [])
    if isinstance(run, str) and run not in [found["run_id"] for found in runs]:
        fields({"run": run})
    for found in runs:
        reason = f" ({found['reason']})" if found["reason"] else ""
        ended = when(found["finished_at"]) or "not ended"
        fields({"run": f"{found['run_id']}  {found['status']}{reason}  {ended}"})
