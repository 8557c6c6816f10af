"""`chain`: other jobs, one after the other. The jobs of an inner list run side by side."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from scheduled.actions.kind import ExecutionContext, Key, Work
from scheduled.core.jobs import Action, Job
from scheduled.core.runs import Claim
from scheduled.errors import ConfigError, ScheduledError

KEYS: Mapping[str, Key] = {"chain": Key(list[str | list[str]], executed=False)}
GROUP: str = ""
EXECUTOR: str = "chain"  # its run has no process: start requests in the ledger start its steps
LABEL: str = "a chain of jobs"
EXAMPLE: str = "fetch, parse + index, publish"
METAVAR: str = "JOBS"
HELP: str = "Action: other jobs, one after the other (a,b,c)."


def read(given: Mapping[str, Any]) -> Action:
    """See `ActionKind.read`."""
    steps = tuple((step,) if isinstance(step, str) else tuple(step) for step in given["chain"])
    if not all(steps) or any(len(set(step)) < len(step) for step in steps):
        raise ConfigError(
            "chain: each step must be a job, or a list of different jobs that run side by side; "
            'write for example ["fetch", ["parse", "index"], "publish"]'
        )
    return Action("chain", steps=steps)


def from_text(text: str, before: Any) -> Any:  # noqa: ARG001 - the signature of every kind
    """See `ActionKind.from_text`: `a, b + c`. A plus sign without spaces is part of a job's name."""
    steps = [
        [name for part in re.split(r"\s\+\s", step) if (name := part.strip())] for step in text.split(",")
    ]
    return [step[0] if len(step) == 1 else step for step in steps if step]


def to_text(value: Any) -> str:
    """See `ActionKind.to_text`."""
    return ", ".join(" + ".join(step) if isinstance(step, list) else step for step in value)


def faults(job: Job) -> Iterable[str]:  # noqa: ARG001 - the signature of every kind
    """See `ActionKind.faults`."""
    return []


def missing(action: Action, environment: Mapping[str, str], directory: str) -> Iterable[str]:  # noqa: ARG001 - the signature of every kind
    """See `ActionKind.missing`."""
    return []


def describe(action: Action) -> str:
    """See `ActionKind.describe`."""
    return "chain " + ", ".join(" + ".join(step) for step in action.steps)


def handler(action: Action) -> str:  # noqa: ARG001 - the signature of every kind
    """See `ActionKind.handler`."""
    return ""


def prepare(job: Job, claim: Claim, context: ExecutionContext, totals: Mapping[str, int]) -> Work:  # noqa: ARG001 - the signature of every kind
    """See `ActionKind.prepare`."""
    raise ScheduledError(
        f"{job.name}: is a chain, which has no program of its own; run its steps with `scheduled run {job.name}`"
    )
