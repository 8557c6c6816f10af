"""What the states of all targets of a job are together."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from scheduled.core.runs import FAILED


def of_all(states: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Given the states of the targets of a job, return the state of the job.

    The next run is the first of all, the last run the newest. The last status is that of the target that failed last; if
    none failed, that of the newest run. Of the rest, it is what is the same for all targets.
    """
    reasons = {state["open_reason"] for state in states}
    ran = sorted(
        (state for state in states if state["last_run"]),
        key=lambda state: datetime.fromisoformat(state["last_run"]),
    )
    failed = [state for state in ran if state["last_status"] in FAILED]
    newest = next(iter([*failed[-1:], *ran[-1:]]), None)
    return {
        "paused": bool(states) and all(state["paused"] for state in states),
        "next_run": earliest(state["next_run"] for state in states),
        "open_reason": reasons.pop() if len(reasons) == 1 else None,
        "running": any(state["running"] for state in states),
        "last_run": ran[-1]["last_run"] if ran else None,
        "last_status": newest["last_status"] if newest else None,
    }


def earliest(stamps: Iterable[str | None]) -> str | None:
    """Return the earliest of the instants *stamps*; None if there is none."""
    return min(filter(None, stamps), key=datetime.fromisoformat, default=None)


def in_numbers(states: Iterable[Mapping[str, Any]]) -> str:
    """Return how many targets of a job have which last status: `48 ok, 2 failed`."""
    found = Counter(_in_words(state) for state in states)
    return ", ".join(f"{number} {words}" for words, number in found.most_common()) or "no targets yet"


def _in_words(state: Mapping[str, Any]) -> str:
    if not state["enabled"] or state["running"]:
        return "running" if state["running"] else "disabled"
    if state["last_status"] is None:
        return (state["open_reason"] or "never ran").replace("_", " ")
    return "ok" if state["last_status"] == "success" else str(state["last_status"]).replace("_", " ")


def failed(states: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the targets of which the last run did not end well."""
    return [state["target"] for state in states if state["last_status"] in FAILED]


def together(entries: Iterable[dict[str, Any]], *fields: str) -> list[dict[str, Any]]:
    """Return *entries* with one for all targets of a job that have the same *fields*, in the place of the first.

    That one has the names of the targets as `targets`.
    """
    found: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for place, entry in enumerate(entries):
        alike = tuple(entry.get(name) for name in ("job", *fields)) if entry.get("target") else (place,)
        found.setdefault(alike, []).append(entry)
    return [
        {**first, "targets": [entry["target"] for entry in (first, *others)]} if others else first
        for first, *others in found.values()
    ]
