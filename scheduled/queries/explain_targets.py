"""The explanation of a job with targets: an overview, with the explanation of each target."""

from collections.abc import Mapping, Sequence
from typing import Any

from scheduled.core.keys import JobKey
from scheduled.queries.of_targets import earliest

# The facts about a target that the overview has; all others are in the explanation of the target.
OF_TARGET = (
    "target", "last_outcome", "sentence", "open_slots", "open_reason", "run", "window_start", "next_run", "slot", "verdict",
    "reason",
)  # fmt: skip
OF_JOB = (
    "schedule", "schedule_words", "zone", "enabled", "source", "retries", "catch_up", "grace", "paused", "quiet",
    "quiet_until", "gate", "budget", "group", "last_runs", "ticks", "timezone",
)  # fmt: skip


def overview(of_job: Mapping[str, Any], targets: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Given the explanation of a job without a target and those of its *targets*, return that of the job.

    It has the facts that are the same for all targets, and the facts about each target as `targets`.
    """
    names = [found["target"] for found in targets]
    found = {
        "job": of_job["job"],
        "target": None,
        "sentence": sentence_of_all(of_job["job"], names, [found["sentence"] for found in targets]),
        **{name: of_job[name] for name in OF_JOB},
        "open_slots": sum(found.get("open_slots", 0) for found in targets),
        "next_run": earliest(found.get("next_run") for found in targets),
        "assumed": next((found["assumed"] for found in targets if found.get("assumed")), None),
        "targets": [{name: found[name] for name in OF_TARGET if name in found} for found in targets],
    }
    return found if found["assumed"] else {name: found[name] for name in found if name != "assumed"}


def sentence_of_all(job: str, targets: Sequence[str], sentences: Sequence[str]) -> str:
    """Return one sentence about all *targets* of *job*, of which each has its own sentence."""
    if not targets:
        return "It has no targets yet."
    if len({*sentences}) > 1:
        one = JobKey(job, targets[0])
        return f"Its {len(targets)} targets differ; `scheduled explain {one}` explains one of them in full."
    of_each = f"Each of its {len(targets)} targets" if len(targets) > 1 else "Its target"
    return f"{of_each}: {sentences[0]}"
