"""`run`: a tick, or runs that a user wants now."""

from collections.abc import Sequence
from typing import Any

from scheduled.commands.ticked import is_unattended, ticked
from scheduled.core.bus import Subscriber
from scheduled.core.manual import ManualRequest
from scheduled.engine import tick
from scheduled.engine.runtime import Runtime
from scheduled.engine.tick import Result
from scheduled.errors import ConfigError
from scheduled.instance import Instance


def run(
    instance: Instance,
    jobs: Sequence[str] = (),
    slot: str | None = None,
    on_event: Subscriber | None = None,
    *,
    inherit_env: bool = False,
) -> dict[str, Any]:
    """Run a tick and return its result when it has ended.

    With *jobs*, run these jobs or targets now instead of the due ones; with *slot*, run the only one in *jobs* for that
    instant; a job with `for_each` means all its targets; with *inherit_env*, *jobs* inherit the environment of this process. *on_event* is called with each event when it is
    published. Raise ConfigError if the configuration cannot be read, there is no such job, or the slot cannot run.
    """
    if inherit_env and not jobs:
        raise ConfigError("inherit_env: needs a job; a tick gives all jobs the environment of cron")
    return ticked(
        instance,
        lambda runtime: _run(runtime, jobs, slot),
        on_event,
        regular=not jobs and slot is None,
        requested=jobs or None,
        inherit_env=inherit_env,
    )


def _run(runtime: Runtime, names: Sequence[str], slot: str | None) -> Result:
    if slot is not None:
        return _run_for(runtime, names, slot)
    requests = _requests(runtime, names) if names else []
    return tick.tick(runtime, manual=requests, unattended=not requests and is_unattended(runtime))


def _requests(runtime: Runtime, names: Sequence[str]) -> list[ManualRequest]:
    from scheduled.config.named import known_keys  # a tick of cron names none

    # A job without a target means those that it has when the tick has read their list.
    return [ManualRequest(key.job, target=key.target) for key in known_keys(runtime.config, names)]


def _run_for(runtime: Runtime, names: Sequence[str], slot: str) -> Result:
    """Run a job for the instant *slot*: the run of an open slot, otherwise a run in addition to the schedule."""
    from scheduled.queries import dry_run
    from scheduled.schedules.instants import read

    name, instant = dry_run.the_one(names), read(slot, runtime.zone)
    found = dry_run.runs_for_slot(runtime, name, instant)  # raises ConfigError if the slot cannot run
    manual = [ManualRequest(run["job"], slot=instant, target=run["target"] or "") for run in found]
    return tick.tick(runtime, manual=manual)
