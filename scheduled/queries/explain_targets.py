"""The explanation of a job with targets: an overview, with the explanation of each target."""

from collections.abc import Mapping, Sequence
from typing import Any

from scheduled.clock import of_stamp
from scheduled.core.keys import JobKey
from scheduled.core.runs import FAILED
from scheduled.queries.of_targets import earliest

# The facts about a target that the overview has; all others are in the explanation of the target.
OF_TARGET = (
    "target", "last_outcome", "sentence", "open_slots", "open_reason", "run", "window_start", "next_run", "slot", "verdict",
    "reason", "unmet",
)  # fmt: skip
NAMED = 5  # targets in a sentence
OF_JOB = (
    "schedule", "schedule_words", "zone", "enabled", "source", "retries", "fails_if", "expect", "kill_after",
    "overlap", "start_delay", "between", "wake", "catch_up", "grace", "paused", "quiet", "list_problem",
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
        "last_outcome": _failed(of_job["job"], targets),
        "sentence": sentence_of_all(
            of_job["job"], names, [found["sentence"] for found in targets], of_job["list_problem"]
        ),
        **{name: of_job[name] for name in OF_JOB},
        "open_slots": sum(found.get("open_slots", 0) for found in targets),
        "next_run": earliest(found.get("next_run") for found in targets),
        "assumed": next((found["assumed"] for found in targets if found.get("assumed")), None),
        "targets": [{name: found[name] for name in OF_TARGET if name in found} for found in targets],
    }
    missing = [name for name in ("assumed", "last_outcome") if found[name] is None]
    return {name: value for name, value in found.items() if name not in missing}


def _failed(job: str, targets: Sequence[Mapping[str, Any]]) -> str | None:
    """Return the sentence about the targets of which the last run did not end well; None if there are none."""
    ended = ([run for run in found.get("last_runs", ()) if run["finished_at"]] for found in targets)
    bad = [runs[0] for runs in ended if runs and runs[0]["status"] in FAILED]
    if not bad:
        return None
    names = [str(JobKey(job, run["target"])) for run in bad]
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    last = of_stamp(max(run["finished_at"] for run in bad))
    return (
        f"The last runs of {len(bad)} of its {len(targets)} targets failed, the newest at {last}:"
        f" {', '.join(names[:NAMED])}{more}."
    )


def sentence_of_all(
    job: str, targets: Sequence[str], sentences: Sequence[str], list_problem: str | None = None
) -> str:
    """Return one sentence about all *targets* of *job*, of which each has its own sentence.

    *list_problem* is why its list could not be read, if it could not.
    """
    if not targets and list_problem:
        return f"It has no targets: {list_problem}."
    if not targets:
        return "It has no targets yet."
    if len({*sentences}) > 1:
        one = JobKey(job, targets[0])
        return f"Its {len(targets)} targets differ; `scheduled explain {one}` explains one of them in full."
    of_each = f"Each of its {len(targets)} targets" if len(targets) > 1 else f"Its only target, {targets[0]}"
    return f"{of_each}: {sentences[0][:1].lower()}{sentences[0][1:]}"
