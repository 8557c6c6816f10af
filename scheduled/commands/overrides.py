"""What people set by hand on top of the configuration: `pause`, `resume`, `enable`, `disable`.

Each looks first, so that what can't be done is refused with nothing changed, and with *dry_run* only looks.
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
from scheduled.engine import planning
from scheduled.engine.runtime import Runtime, open_runtime
from scheduled.instance import Instance
from scheduled.schedules.instants import ahead
from scheduled.state.open import read_only


def pause(
    instance: Instance, jobs: Sequence[str] = (), until: str | None = None, *, dry_run: bool = False
) -> list[dict[str, Any]]:
    """Start nothing, or none of *jobs*, until 18:30, +2h, an instant, or `resume`.

    What comes due meanwhile is caught up on once the pause is over. Raises ConfigError.
    """
    runtime = open_runtime(instance)
    end = None if until is None else ahead(until, runtime.zone, clock.now())
    chosen = _chosen(runtime, jobs)
    if not dry_run:
        with changing(runtime) as ledger:
            for key in chosen:
                ledger.pause(key, end)
        _publish(runtime, chosen, enabled=False)
    return [{"job": key.job or None, "paused": True, "until": stamp(end, runtime.zone)} for key in chosen]


def _chosen(runtime: Runtime, jobs: Sequence[str]) -> list[JobKey]:
    """Return what a pause of *jobs*, with all their targets, is of; without any it is of all jobs."""
    return [key_of(runtime.config.jobs[name]) for name in known_jobs(runtime.config, jobs)] or [ALL_JOBS]


def _publish(runtime: Runtime, chosen: Sequence[JobKey], *, enabled: bool) -> None:
    if ALL_JOBS in chosen:
        runtime.publish([Event(name="scheduler_toggled", payload={"enabled": enabled})])


def resume(instance: Instance, jobs: Sequence[str] = (), *, dry_run: bool = False) -> list[dict[str, Any]]:
    """End the pause of all jobs, or those of *jobs*; the next tick catches up.

    *still* says what other pause holds a job on. Raises ConfigError.
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
            "still": sorted(other.for_people or "all" for other in left if ALL_JOBS in (other, key)),
        }
        for key in chosen
    ]


def enable(instance: Instance, jobs: Sequence[str], *, dry_run: bool = False) -> list[dict[str, Any]]:
    """Enable jobs, whatever the configuration says; nothing is replayed. Raises ConfigError."""
    return _override(open_runtime(instance), jobs, enabled=True, dry_run=dry_run)


def disable(instance: Instance, jobs: Sequence[str], *, dry_run: bool = False) -> list[dict[str, Any]]:
    """Disable jobs, whatever the configuration says. Raises ConfigError."""
    return _override(open_runtime(instance), jobs, enabled=False, dry_run=dry_run)


def _override(
    runtime: Runtime, names: Sequence[str], *, enabled: bool, dry_run: bool
) -> list[dict[str, Any]]:
    """Enable or disable jobs; their epochs begin and end at once."""
    chosen = known_jobs(runtime.config, names)
    keys = {name: key_of(runtime.config.jobs[name]) for name in chosen}
    written = {name: runtime.config.jobs[name].enabled for name in chosen}
    with read_only(runtime.paths) as ledger:
        runtime.config.override(ledger.overrides())
    before = {name: runtime.config.jobs[name].enabled for name in chosen}
    if not dry_run:
        with changing(runtime) as ledger:
            for name in chosen:
                # Where the file says the same, it has the word again.
                ledger.override(keys[name], None if written[name] == enabled else enabled)
            runtime.config.override(dict.fromkeys(keys.values(), enabled))
            planning.register(ledger, runtime.config, int(clock.now()))
    return [{"job": name, "enabled": enabled, "changed": before[name] != enabled} for name in chosen]
