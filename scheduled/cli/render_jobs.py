"""What people see of definitions, of the future and of reasons on a terminal: a further part of `render`."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.markup import escape
from rich.text import Text

from scheduled.cli.render import a_status, console, table, when
from scheduled.queries import describe
from scheduled.schedules.durations import duration

HIDDEN = ("name", "schedules", "action", "description", "source", "enabled", "doubts")
DURATIONS = ("timeout", "grace", "gate_deadline", "delay", "max_delay", "jitter")
SIZES = ("output_limit", "memory", "file_size")
INSTANTS = {
    "at", "epoch", "epoch_ended", "position", "slot", "retry_at", "quiet_until", "last_success_for", "next_slot", "next_due",
}  # fmt: skip


def jobs(entries: Sequence[dict[str, Any]]) -> None:
    """Show the jobs in the order of their configuration."""
    if not entries:
        console().print("[dim]no jobs are configured; `scheduled add` makes one[/]")
        return
    rows = [
        (entry["name"], entry["schedule"], _next(entry), when(entry["last_run"]) or "never",
         a_status(entry["last_status"]), entry["description"] or entry["action"])
        for entry in entries
    ]  # fmt: skip
    table(("job", "when", "next", "last", "verdict", "what"), rows)


def _next(entry: Mapping[str, Any]) -> Text:
    if not entry["enabled"]:
        return Text("disabled", style="dim")
    if entry["paused"]:
        return Text("paused", style="yellow")
    if entry["running"]:
        return Text("running", style="cyan")
    upcoming = when(entry["next_run"])
    return Text(f"{upcoming} ({entry['open_reason']})" if entry["open_reason"] else upcoming or "-")


def job(document: dict[str, Any]) -> None:
    """Show one job: what was said of it first, what holds by default dimmed."""
    screen = console()
    screen.print(Text(document["name"], style="bold") + Text(f"  {document['description']}"))
    state = "enabled" if document["enabled"] else "disabled"
    state += " by `scheduled enable/disable`" if document["overridden"] else ""
    rows = {
        "when": f"{document['schedule']} ({document['zone']})",
        "what": document["action"],
        "state": state + (", paused" if document["paused"] else ""),
        "source": document["source"],
    }
    fields(rows | {key: value for key, value in document["standing"].items() if value is not None})
    defaults = set(document["defaults"])
    for name, value in sorted(document["settings"].items(), key=lambda item: item[0] in defaults):
        if name not in HIDDEN:
            line = f"  {name:17} {_named(name, value)}"
            screen.print(Text(line, style="dim" if name in defaults else ""), soft_wrap=True)
    for slot in document["next"]:
        screen.print(f"  next              {when(slot)}")


def _named(name: str, value: Any) -> str:
    """Say a value as its name wants it: as a duration, as a size."""
    if isinstance(value, int) and name in DURATIONS:
        return duration(value)
    return describe.size(value) if isinstance(value, int) and name in SIZES else _value(value)


def _value(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} = {_named(key, inner)}" for key, inner in value.items()) or "-"
    if isinstance(value, list | tuple):
        return ", ".join(map(_value, value)) or "-"
    return "-" if value in (None, "") else str(value)


def fields(rows: Mapping[str, object]) -> None:
    """Show names and values, one a line."""
    for name, value in rows.items():
        shown = when(value) if isinstance(value, str) and name in INSTANTS else _value(value)
        console().print(Text(f"  {name.replace('_', ' '):17} {shown}"), soft_wrap=True)


def upcoming(entries: Sequence[dict[str, Any]]) -> None:
    """Show slots in their order; where jitter delays one, when it runs."""
    if not entries:
        console().print("[dim]no slot is to come[/]")
        return
    rows = [
        (
            when(entry["scheduled_for"]),
            entry["job"],
            _runs_at(entry),
        )
        for entry in entries
    ]
    table(("slot", "job", "runs at"), rows)


def _runs_at(entry: Mapping[str, Any]) -> str:
    if entry["runs_at"] is None:
        return {"paused": "paused", "late": "skipped: too late then"}[entry["held"]]
    return entry["runs_at"][:19].replace("T", " ") if entry["runs_at"] != entry["scheduled_for"] else ""


def forecast(runs: Sequence[dict[str, str]]) -> None:
    """Show what will run."""
    if not runs:
        console().print("[dim]nothing will run[/]")
        return
    rows = [(when(run["runs_at"]), run["job"], when(run["scheduled_for"])) for run in runs]
    table(("runs at", "job", "for the slot of"), rows)


def explanation(document: dict[str, Any]) -> None:
    """Show the sentence, then what it rests on; what says nothing is left out."""
    console().print(Text(document["sentence"], style="bold"), soft_wrap=True)
    hidden = ("job", "sentence", "last_runs", "run")
    fields(
        {
            name: value
            for name, value in document.items()
            if value not in (None, [], {}) and name not in hidden
        }
    )
    run = document.get("run")
    told = [run] if isinstance(run, dict) else document.get("last_runs", [])
    if isinstance(run, str):
        fields({"run": run})
    for found in told:
        reason = f" ({found['reason']})" if found["reason"] else ""
        ended = when(found["finished_at"]) or "not ended"
        fields({"run": f"{found['run_id']}  {found['status']}{reason}  {ended}"})


def pauses(done: Sequence[dict[str, Any]]) -> None:
    """Show what is paused or resumed."""
    for found in done:
        whom = found["job"] or "all jobs"
        if "until" in found:
            end = f"until {when(found['until'])}" if found["until"] else "until `scheduled resume`"
            console().print(Text(f"{whom}: paused {end}"))
        else:
            still = ", ".join(found["still"])
            word = "resumed" if found["was_paused"] else "was not paused"
            console().print(Text(f"{whom}: {word}" + (f"; still paused: {still}" if still else "")))


def switches(done: Sequence[dict[str, Any]]) -> None:
    """Show what is enabled or disabled now."""
    for found in done:
        word = "enabled" if found["enabled"] else "disabled"
        console().print(Text(f"{found['job']}: {word if found['changed'] else f'was {word} already'}"))


def skipped(done: dict[str, Any]) -> None:
    """Show which slots were skipped, and which retries are not made."""
    for run_id in done["retries"]:
        console().print(Text(f"{done['job']}: {run_id} is not tried again"))
    if not done["skipped"]:
        if not done["retries"]:
            console().print(f"[dim]{escape(done['job'])} has no open slot[/]")
        return
    last = f" to {when(done['last'])}" if done["skipped"] > 1 else ""
    console().print(Text(f"{done['job']}: {done['skipped']} skipped: {when(done['first'])}{last}"))


def edited(done: dict[str, Any]) -> None:
    """Show what became of a file, and what is doubtful about it."""
    for warning in done["warnings"]:
        console().print(Text("warning: ", style="yellow") + Text(warning), soft_wrap=True)
    if not done["changed"]:
        console().print(Text(f"{done['path']}: unchanged"), soft_wrap=True)
        return
    if done["dry_run"]:
        sys.stdout.write(done["diff"])
        if done["deleted"]:
            console().print(
                Text(f"{done['path']}: would be deleted, for it held nothing else"), soft_wrap=True
            )
        return
    became = "deleted, for it held nothing else" if done["deleted"] else "changed"
    console().print(Text(f"{done['path']}: {became}"), soft_wrap=True)
    if done["backup"]:
        console().print(Text(f"the one before is kept in {done['backup']}"), soft_wrap=True)


def backed_up(done: dict[str, Any]) -> None:
    """Show what a backup holds."""
    size = sum(done["files"].values()) // 1024
    word = "would hold" if done["dry_run"] else "holds"
    console().print(Text(f"{done['path']}: {word} {len(done['files'])} files, {size} KiB"), soft_wrap=True)


def restored(done: dict[str, Any]) -> None:
    """Show what was restored."""
    word = "would be restored" if done["dry_run"] else "restored"
    for path in done["restored"]:
        console().print(Text(f"{path}: {word}, as of {when(done['created_at'])} UTC"), soft_wrap=True)
    if done["kept"] and not done["dry_run"]:
        console().print(Text(f"what was there is kept in {done['kept']}"), soft_wrap=True)


def stopped(done: dict[str, Any]) -> None:
    """Show which process a run was."""
    word = "would be stopped" if done["dry_run"] else "stopped"
    console().print(Text(f"{done['run_id']}: {word} (process {done['pid']})"), soft_wrap=True)


def incidents(found: Sequence[dict[str, Any]]) -> None:
    """Show what is wrong now, and since when."""
    rows = [
        (when(entry["since"]), entry["job"] or "", str(entry["payload"].get("text", entry["key"])))
        for entry in found
    ]
    _rows_or(("since", "job", "what"), rows, "nothing is wrong")


def notices(found: Sequence[dict[str, Any]]) -> None:
    """Show what waits to be delivered."""
    rows = [
        (entry["recipient"], entry["subject"], str(entry["tries"]), when(entry["next_try"]))
        for entry in found
    ]
    _rows_or(("to", "subject", "tries", "next"), rows, "every notice is delivered")


def _rows_or(columns: Sequence[str], rows: Sequence[Sequence[str]], nothing: str) -> None:
    if rows:
        table(columns, rows)
    else:
        console().print(f"[dim]{nothing}[/]")
