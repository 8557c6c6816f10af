"""Output of one run on a terminal: its fields, its steps, its attempts and its result."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.text import Text

from scheduled.advice import complete
from scheduled.cli.render_jobs import fields
from scheduled.cli.targets import named
from scheduled.cli.terminal import colored, console, duration_of, when

INSTANTS = ("scheduled_for", "started_at", "finished_at")


def run(document: dict[str, Any]) -> None:
    """Print a run: its status and fields, the steps of a chain, earlier attempts, and its result."""
    console().print(
        Text(f"{document['run_id']}  ", style="bold") + colored(document["status"]), soft_wrap=True
    )
    fields({name: value for name, value in _fields(document).items() if value not in (None, "")})
    _section("steps", _steps(document["steps"] or ()))
    _section("attempts", map(_attempt, document["attempts"] if len(document["attempts"]) > 1 else ()))
    own = {name: value for name, value in (document["result"] or {}).items() if name != "steps"}
    _section("result", (Text(line) for line in lines_of(own)))
    if document["steps"] is None:
        output = complete(f"`scheduled logs {document['run_id']}` prints the output")
        console().print(Text(output, style="dim"), soft_wrap=True)


def _fields(document: Mapping[str, Any]) -> dict[str, Any]:
    instants = {name: (document[name] or "")[:19].replace("T", " ") for name in INSTANTS}
    return {
        "job": document["job"],
        "target": document["target"],
        "chain": document["parent"],
        **instants,
        "slots": document["slots"] or None,
        "trigger": document["trigger"],
        "attempt": document["attempt"],
        "duration": duration_of(document["duration_ms"]),
        "exit_code": document["exit_code"],
        "reason": document["reason"],
        "host": document["host"],
    }


def _section(title: str, lines: Iterator[Text] | Sequence[Text]) -> None:
    for place, line in enumerate(lines):
        if not place:
            console().print(Text(title, style="bold"))
        console().print(Text("  ") + line, soft_wrap=True)


def _steps(steps: Sequence[Sequence[Mapping[str, Any]]]) -> Iterator[Text]:
    for number, step in enumerate(steps, 1):
        for entry in step:
            name = named(entry)
            status = colored(entry["status"]) if entry["status"] else Text("not started", style="dim")
            reason = f": {entry['reason']}" if entry["reason"] else ""
            yield Text(f"{number}  {name}  ") + status + Text(f"{reason}  {entry['run_id'] or ''}".rstrip())


def _attempt(entry: Mapping[str, Any]) -> Text:
    reason = f": {entry['reason']}" if entry["reason"] else ""
    silent = "" if entry["has_output"] else ", no output"
    return (
        Text(f"{entry['attempt']}  {when(entry['started_at'])}  ")
        + colored(entry["status"])
        + Text(f"{reason}{silent}")
    )


def lines_of(result: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each value of a result, and one for each entry of a list or table in it."""
    for name, value in result.items():
        entries = (
            value.items()
            if isinstance(value, dict)
            else enumerate(value)
            if isinstance(value, list)
            else None
        )
        if not entries:
            yield f"{name}: {_plain(value)}"
            continue
        yield f"{name}:"
        yield from (
            f"  {f'{key}: ' if isinstance(value, dict) else '- '}{_plain(entry)}" for key, entry in entries
        )


def _plain(value: Any) -> str:
    import msgspec

    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
