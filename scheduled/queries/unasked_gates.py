"""The gates in a dry run for an interface, which executes no command of the user."""

from typing import Any

import msgspec

from scheduled import question
from scheduled.config.config import Config
from scheduled.core.configured_jobs import Jobs
from scheduled.core.jobs import Gate, Job
from scheduled.queries import assumptions


def without_commands(config: Config) -> Config:
    """Return *config* with gates that only have the conditions that need no command."""
    jobs = {
        name: job
        if job.only_if is None
        else msgspec.structs.replace(job, only_if=_without_command(job.only_if))
        for name, job in config.jobs.items()
    }
    return msgspec.structs.replace(config, jobs=Jobs(jobs))


def _without_command(gate: Gate) -> Gate:
    return msgspec.structs.replace(gate, command="")


def unasked(job: Job) -> dict[str, Any]:
    """Return `{"assumed": ["gate"]}` if a command decides whether the gate of *job* is open, and it was not executed."""
    asked = job.only_if is None or not job.only_if.command or not question.is_limited()
    return {} if asked else {"assumed": [assumptions.GATE]}
