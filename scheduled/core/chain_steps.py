"""The steps of a chain's run, with the runs that they started."""

from collections.abc import Mapping, Sequence
from typing import Any

from scheduled.core.keys import JobKey, read_label
from scheduled.core.records import CHAIN, RunRow
from scheduled.core.runs import UNDER_WAY

PER_ROUND = 1000  # more than the steps of a chain


def step_number(progress: Mapping[str, Any]) -> int:
    """Return the number of the current step in the current attempt of a chain: each attempt has its own numbers.

    *progress* is the payload of the chain's run: `at` is the index of the step, `round` counts the earlier attempts.
    """
    return int(progress.get("round", 0)) * PER_ROUND + int(progress["at"])


def steps_of(run: RunRow, children: Sequence[RunRow]) -> list[list[tuple[JobKey, RunRow | None]]] | None:
    """Return the jobs of each step of a chain's run, each with its newest run there, or None if it has not started.

    *children* are the runs that the steps started, oldest first. Return None if *run* is not the run of a chain.
    """
    if run.tick != CHAIN or "steps" not in run.payload:
        return None
    current = [child for child in children if not _is_outdated(run, child)]
    newest = {(child.step % PER_ROUND, child.key): child for child in current}
    return [
        [(key, newest.get((place, key))) for key in map(read_label, labels)]
        for place, labels in enumerate(run.payload["steps"])
    ]


def _is_outdated(run: RunRow, child: RunRow) -> bool:
    """Return whether the current attempt of the chain has yet to repeat the step of *child*, which an earlier one ran."""
    later_step = child.step % PER_ROUND > int(run.payload["at"])
    return (
        run.status in UNDER_WAY and later_step and child.step // PER_ROUND < int(run.payload.get("round", 0))
    )
