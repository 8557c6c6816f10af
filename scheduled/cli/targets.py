"""Output on a terminal: the targets of jobs, also of jobs with many."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.text import Text

from scheduled.cli.terminal import counted, words
from scheduled.core.keys import JobKey
from scheduled.core.runs import FAILED

MOST_NAMED = 5  # targets in a line


def named(entry: Mapping[str, Any]) -> str:
    """Return the job and the target of a document, as in messages: `JOB` or `JOB@TARGET`, with the number of several targets."""
    if targets := entry.get("targets"):
        return f"{entry['job']} ({counted(len(targets), 'target')})"
    return JobKey(entry.get("job") or "", entry.get("target") or "").display_name


def of_targets(targets: Sequence[Mapping[str, Any]]) -> Text:
    """Return how many targets of a job have which last status: `48 ok, 2 failed`."""
    found = Counter(_state(target) for target in targets)
    failed = any(target["last_status"] in FAILED for target in targets)
    text = ", ".join(f"{number} {state}" for state, number in found.most_common())
    return Text(text or "no targets yet", style="bold red" if failed else "")


def _state(target: Mapping[str, Any]) -> str:
    if not target["enabled"] or target["running"]:
        return "running" if target["running"] else "disabled"
    if target["last_status"] is None:
        return words(target["open_reason"]) or "never ran"
    return "ok" if target["last_status"] == "success" else words(target["last_status"])


def failed_targets(name: str, targets: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    """Yield a line that names the targets of the job *name* of which the last run did not end well, if there are any."""
    failed = [
        target["target"] for target in targets if target["last_status"] not in (None, "success", "skipped")
    ]
    if failed:
        names = ", ".join(str(JobKey(name, target)) for target in failed[:MOST_NAMED])
        more = f" and {len(failed) - MOST_NAMED} more" if len(failed) > MOST_NAMED else ""
        yield f"not ok: {names}{more}; `scheduled show {name}` lists all targets"


def together(entries: Iterable[dict[str, Any]], *fields: str) -> list[dict[str, Any]]:
    """Return *entries* with one for all targets of a job that have the same *fields*, in the place of the first."""
    found: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for place, entry in enumerate(entries):
        alike = tuple(entry.get(name) for name in ("job", *fields)) if entry.get("target") else (place,)
        found.setdefault(alike, []).append(entry)
    return [
        {**first, "targets": [entry["target"] for entry in (first, *others)]} if others else first
        for first, *others in found.values()
    ]
