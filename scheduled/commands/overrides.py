"""`pause`, `resume`, `enable` and `disable`: manual overrides of the configuration.

Each command checks its arguments first and raises ConfigError without a change if one is not valid. With *dry_run* it
returns the result without making the change.
"""

from collections.abc import Sequence
from typing import Any

from scheduled import clock
from scheduled.clock import stamp
from scheduled.commands.changing import changing
from scheduled.config.files import known_jobs
from scheduled.core.events import Event
from scheduled.core.jobs import key_of
from scheduled.core.keys import ALL_JOBS, JobKey
from scheduled.engine import dropped, planning
from scheduled.engine.runtime import Runtime, open_runtime
from scheduled.instance import Instance
from scheduled.schedules.instants import ahead
from scheduled.state.open import read_only


def pause(
    instance: Instance, jobs: Sequence[str] = (), until: str | None = None, *, dry_run: bool = False
) -> list[dict[str, Any]]:
    """Pause *jobs*, or all jobs if none is given, until the instant *until* or until `resume`.

    *until* is a time of day (`18:30`), a duration (`+2h`) or an ISO 8601 instant. Slots that come due during the pause
    run when it ends. Raise ConfigError if there is no such job, or *until* is not valid or in the past.
    """
    runtime = open_runtime(instance)
    end = None if until is None else ahead(until, runtime.zone, clock.now())
    chosen = _chosen(runtime, jobs)
    if not dry_run:
        with changing(runtime) as ledger:
            for key in chosen:
                ledger.pause(key, end)
        _publish(runtime, chosen, enabled=False)
    ends = stamp(end, runtime.zone)
    return [{"job": key.job or None, "paused": True, "until": ends, "dry_run": dry_run} for key in chosen]


def _chosen(runtime: Runtime, jobs: Sequence[str]) -> list[JobKey]:
    """Return the keys of *jobs*, which include all their targets; without a job, the key of all jobs."""
    return [key_of(runtime.config.jobs[name]) for name in known_jobs(runtime.config, jobs)] or [ALL_JOBS]


def _publish(runtime: Runtime, chosen: Sequence[JobKey], *, enabled: bool) -> None:
    if ALL_JOBS in chosen:
        runtime.publish([Event(name="scheduler_toggled", payload={"enabled": enabled})])


def resume(instance: Instance, jobs: Sequence[str] = (), *, dry_run: bool = False) -> list[dict[str, Any]]:
    """End the pauses of *jobs*, or the pause of all jobs if none is given; the next tick runs their open slots.

    `still` names the pauses that remain in force: for a job that of all jobs, for all jobs those of single jobs. Raise
    ConfigError if there is no such job.
    """
    runtime = open_runtime(instance)
    chosen = _chosen(runtime, jobs)
    with read_only(runtime.paths) as ledger:
        before = ledger.pauses(int(clock.now()))
    if not dry_run and not before.keys().isdisjoint(chosen):
        with changing(runtime) as ledger:
            for key in chosen:
                ledger.resume(key)
        _publish(runtime, chosen, enabled=True)
    left = before.keys() - set(chosen)
    return [
        {
            "job": key.job or None,
            "paused": bool(key != ALL_JOBS and ALL_JOBS in left),
            "was_paused": key in before,
            "still": sorted(other.display_name or "all" for other in left if ALL_JOBS in (other, key)),
            "dry_run": dry_run,
        }
        for key in chosen
    ]


def enable(instance: Instance, jobs: Sequence[str], *, dry_run: bool = False) -> list[dict[str, Any]]:
    """Enable jobs, overriding the configuration. Earlier slots do not run. Raise ConfigError for an unknown job."""
    return _override(open_runtime(instance), jobs, enabled=True, dry_run=dry_run)


def disable(instance: Instance, jobs: Sequence[str], *, dry_run: bool = False) -> list[dict[str, Any]]:
    """Disable jobs, overriding the configuration; discard the events that wait for them. Raise ConfigError for an unknown job."""
    return _override(open_runtime(instance), jobs, enabled=False, dry_run=dry_run)


def _override(
    runtime: Runtime, names: Sequence[str], *, enabled: bool, dry_run: bool
) -> list[dict[str, Any]]:
    """Enable or disable jobs, and begin or end their epochs in the same transaction."""
    chosen = known_jobs(runtime.config, names)
    keys = {name: key_of(runtime.config.jobs[name]) for name in chosen}
    written = {name: runtime.config.jobs[name].enabled for name in chosen}
    with read_only(runtime.paths) as ledger:
        runtime.config.override(ledger.overrides())
        waiting = {name: 0 if enabled else ledger.count_start_requests(name) for name in chosen}
    before = {name: runtime.config.jobs[name].enabled for name in chosen}
    if not dry_run:
        with changing(runtime) as ledger:
            for name in chosen:
                # An override equal to the configuration is deleted, so that later changes of the file take effect.
                ledger.override(keys[name], None if written[name] == enabled else enabled)
            runtime.config.override(dict.fromkeys(keys.values(), enabled))
            events = planning.register(ledger, runtime.config, int(clock.now()), made_now=chosen)
        runtime.publish(events)
        if any(waiting.values()):
            with runtime.ledger() as ledger:
                for more in dropped.rest(ledger, runtime.config, int(clock.now())):
                    runtime.publish(more)
    return [
        {
            "job": name,
            "enabled": enabled,
            "changed": before[name] != enabled,
            "discarded": waiting[name],
            "dry_run": dry_run,
        }
        for name in chosen
    ]
