"""What the states of all targets of a job are together."""

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
