"""`pause`, `resume`, `enable` and `disable`: manual overrides of the configuration.

Each command checks its arguments first and raises ConfigError without a change if one is not valid. With *dry_run* it
returns the result without making the change.
"""

from collections.abc import Collection, Sequence
from typing import Any

from scheduled import clock
from scheduled.clock import stamp
from scheduled.commands.changing import changing
from scheduled.config.named import known_or_former
from scheduled.core.events import Event
from scheduled.core.holds import pauses_of
from scheduled.core.keys import ALL_JOBS, JobKey
from scheduled.engine import dropped, registration, start_requests
from scheduled.engine.runtime import Runtime, open_runtime
from scheduled.errors import ConfigError
from scheduled.instance import Instance
from scheduled.schedules.instants import ahead
from scheduled.state.ledger import Ledger
from scheduled.state.open import read_only


def pause(
    instance: Instance, jobs: Sequence[str] = (), until: str | None = None, *, dry_run: bool = False
) -> list[dict[str, Any]]:
    """Pause *jobs* (or targets), or all jobs if none is given, until the instant *until* or until `resume`.

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
            events = _toggled(ledger, runtime, chosen, enabled=False)
        runtime.publish(events)
    ends = stamp(end, runtime.zone)
    return [{**_subject(key), "paused": True, "until": ends, "dry_run": dry_run} for key in chosen]


def _subject(key: JobKey) -> dict[str, str | None]:
    return {"job": key.job or None, "target": key.target or None}


def _chosen(runtime: Runtime, jobs: Sequence[str], former: Collection[JobKey] = ()) -> list[JobKey]:
    """Return the keys of *jobs*: a job, which includes all its targets, or a target; without a job, the key of all jobs.

    A target that its job no longer has must be one of the keys *former*.
    """
    found = dict.fromkeys(known_or_former(runtime.config, text, former) for text in jobs)
    return list(found) or [ALL_JOBS]


def _toggled(ledger: Ledger, runtime: Runtime, chosen: Sequence[JobKey], *, enabled: bool) -> list[Event]:
    """Post the notices about a pause of all jobs that begins or ends, if it is *chosen*; return the event to publish."""
    if ALL_JOBS not in chosen:
        return []
    events = [Event(name="scheduler_toggled", payload={"enabled": enabled})]
    start_requests.announce(ledger, runtime.config.jobs, events, clock.now())
    return events


def resume(instance: Instance, jobs: Sequence[str] = (), *, dry_run: bool = False) -> list[dict[str, Any]]:
    """End the pauses of *jobs* (or targets, also former ones), or the pause of all jobs if none is given; the next tick runs their open slots.

    `still` names the pauses that remain in force: for a job that of all jobs and those of its targets, for a target also
    that of its job, for all jobs those of single jobs. Raise
    ConfigError if there is no such job.
    """
    runtime = open_runtime(instance)
    with read_only(runtime.paths) as ledger:
        before = ledger.pauses(int(clock.now()))
    chosen = _chosen(runtime, jobs, before)
    if not dry_run and not before.keys().isdisjoint(chosen):
        with changing(runtime) as ledger:
            for key in chosen:
                ledger.resume(key)
            events = _toggled(ledger, runtime, chosen, enabled=True)
        runtime.publish(events)
    left = before.keys() - set(chosen)
    return [
        {
            **_subject(key),
            "paused": not left.isdisjoint(pauses_of(key, before)) and key != ALL_JOBS,
            "was_paused": key in before,
            "still": sorted(other.display_name or "all" for other in left if _is_about(other, key)),
            "dry_run": dry_run,
        }
        for key in chosen
    ]


def _is_about(pause: JobKey, key: JobKey) -> bool:
    """Return whether *pause* holds *key*, or something that belongs to it."""
    return ALL_JOBS in (pause, key) or (pause.job == key.job and "" in (pause.target, key.target))


def enable(instance: Instance, jobs: Sequence[str], *, dry_run: bool = False) -> list[dict[str, Any]]:
    """Enable jobs (or targets, also former ones), overriding the configuration. Earlier slots do not run.

    `still` names the targets of a job that remain disabled. Raise ConfigError for an unknown job, or a target of a disabled job.
    """
    return _override(open_runtime(instance), jobs, enabled=True, dry_run=dry_run)


def disable(instance: Instance, jobs: Sequence[str], *, dry_run: bool = False) -> list[dict[str, Any]]:
    """Disable jobs (or targets), overriding the configuration; discard the events that wait for them. Raise ConfigError for an unknown job."""
    return _override(open_runtime(instance), jobs, enabled=False, dry_run=dry_run)


def _override(
    runtime: Runtime, names: Sequence[str], *, enabled: bool, dry_run: bool
) -> list[dict[str, Any]]:
    """Enable or disable jobs or targets, and begin or end their epochs in the same transaction."""
    with read_only(runtime.paths) as ledger:
        former = ledger.overrides() if enabled else ()
    chosen = _chosen(runtime, names, former)
    written = {key: bool(key.target) or runtime.config.jobs[key.job].enabled for key in chosen}
    with read_only(runtime.paths) as ledger:
        runtime.config.override(ledger.overrides())
        waiting = {key: 0 if enabled else _count_start_requests(ledger, key) for key in chosen}
    before = {key: _is_enabled(runtime, key) for key in chosen}
    for key in chosen if enabled else ():
        _refuse_alone(runtime, key)
    if not dry_run:
        with changing(runtime) as ledger:
            for key in chosen:
                # An override equal to the configuration is deleted, so that later changes of the file take effect.
                ledger.override(key, None if written[key] == enabled else enabled)
            runtime.config.override(dict.fromkeys(chosen, enabled))
            made_now = [key.job for key in chosen]
            events = registration.register(ledger, runtime.config, int(clock.now()), made_now=made_now)
        runtime.publish(events)
        if any(waiting.values()):
            with runtime.ledger() as ledger:
                for more in dropped.rest(ledger, runtime.config, int(clock.now())):
                    runtime.publish(more)
    return [
        {
            **_subject(key),
            "enabled": enabled,
            "changed": before[key] != enabled,
            "still": _still_disabled(runtime, key) if enabled else [],
            "discarded": waiting[key],
            "dry_run": dry_run,
        }
        for key in chosen
    ]


def _is_enabled(runtime: Runtime, key: JobKey) -> bool:
    job = runtime.config.jobs[key.job]
    return job.enabled and key.target not in job.disabled_targets


def _refuse_alone(runtime: Runtime, key: JobKey) -> None:
    """Raise ConfigError if *key* is a target of a disabled job: it cannot be enabled alone."""
    if key.target and not runtime.config.jobs[key.job].enabled:
        raise ConfigError(
            f"{key}: the job {key.job} is disabled with all its targets; `scheduled enable {key.job}` first,"
            " then disable the other targets"
        )


def _still_disabled(runtime: Runtime, key: JobKey) -> list[str]:
    """Return the targets of a job that remain disabled when it is enabled."""
    if key.target:
        return []
    job = runtime.config.jobs[key.job]
    return [str(JobKey(job.name, target)) for target in job.targets if target in job.disabled_targets]


def _count_start_requests(ledger: Ledger, key: JobKey) -> int:
    if not key.target:
        return ledger.count_start_requests(key.job)
    return sum(row.key == key for row in ledger.start_requests())
