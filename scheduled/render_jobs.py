"""What people see of definitions, of the future and of reasons on a terminal: a further part of `render`."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.markup import escape
from rich.text import Text

from scheduled.render import a_status, a_table, console, when

HIDDEN = ("name", "schedule", "action", "description", "source", "enabled")


def jobs(entries: Sequence[dict[str, Any]]) -> None:
    """Show the jobs in the order of their configuration."""
    if not entries:
        console().print("[dim]no jobs are configured; `scheduled add` makes one[/]")
        return
    table = a_table("job", "when", "next", "last", "verdict", "what")
    for entry in entries:
        table.add_row(
            Text(entry["name"]), Text(entry["schedule"]), _next(entry), when(entry["last_run"]) or "never",
            a_status(entry["last_status"]), Text(entry["description"] or entry["action"]),
        )  # fmt: skip
    console().print(table)


def _next(entry: Mapping[str, Any]) -> Text:
    if not entry["enabled"]:
        return Text("disabled", style="dim")
    if entry["paused"]:
        return Text("paused", style="yellow")
    upcoming = when(entry["next_run"])
    return Text(f"{upcoming} ({entry['open_reason']})" if entry["open_reason"] else upcoming or "-")


def job(document: dict[str, Any]) -> None:
    """Show one job: what was said of it first, what holds by default dimmed."""
    screen = console()
    screen.print(Text(document["name"], style="bold") + Text(f"  {document['description']}"))
    state = "enabled" if document["enabled"] else "disabled"
    state += " by `scheduled enable/disable`" if document["switched"] else ""
    rows = {
        "when": f"{document['schedule']} ({document['zone']})",
        "what": document["action"],
        "state": state + (", paused" if document["paused"] else ""),
        "source": document["source"],
    }
    rows |= {key.replace("_", " "): value for key, value in document["standing"].items() if value is not None}
    fields(rows)
    defaults = set(document["defaults"])
    for name, value in sorted(document["settings"].items(), key=lambda item: item[0] in defaults):
        if name not in HIDDEN:
            line = f"  {name:18}{_value(value)}"
            screen.print(Text(line, style="dim" if name in defaults else ""), soft_wrap=True)
    for slot in document["next"]:
        screen.print(f"  next              {when(slot)}")


def _value(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} = {_value(inner)}" for key, inner in value.items()) or "-"
    return "-" if value in (None, "", [], ()) else str(value)


def fields(rows: Mapping[str, object]) -> None:
    """Show names and values, one a line."""
    for name, value in rows.items():
        shown = when(value) if isinstance(value, str) and value[10:11] == "T" else str(value)
        console().print(Text(f"  {name:18}{shown}"), soft_wrap=True)


def upcoming(entries: Sequence[dict[str, Any]]) -> None:
    """Show slots in their order; where jitter delays one, when it runs."""
    if not entries:
        console().print("[dim]no slot is to come[/]")
        return
    table = a_table("slot", "job", "runs at")
    for entry in entries:
        late = entry["runs_at"] != entry["scheduled_for"]
        runs_at = entry["runs_at"][:19].replace("T", " ") if late else ""
        table.add_row(when(entry["scheduled_for"]), escape(entry["job"]), runs_at)
    console().print(table)
