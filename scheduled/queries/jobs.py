"""`jobs` and `show`: the configured jobs, their state and their next slots."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import msgspec

from scheduled import question
from scheduled.actions import registry
from scheduled.clock import stamp
from scheduled.core.epochs import open_slots_of
from scheduled.core.holds import pauses_of
from scheduled.core.jobs import Job, key_of
from scheduled.core.keys import JobKey
from scheduled.errors import UnknownError
from scheduled.instance import Instance
from scheduled.masking import without_secrets
from scheduled.queries import assumptions, describe
from scheduled.queries.next_run import next_run
from scheduled.queries.view import View, load_view
from scheduled.schedules.kinds.cron import REBOOT
from scheduled.schedules.zones import Instant

UPCOMING = 5  # future slots that `show` lists


def jobs(instance: Instance) -> list[dict[str, Any]]:
    """Return the jobs in configuration order, each with its schedule, action, next run and last result.

    `assumed` is as in a forecast, and a time zone that changes is named in `instance.notes`. Errors in the configuration of
    single jobs are added to `instance.problems`. Raise ConfigError if the configuration
    cannot be read.
    """
    view = load_view(instance)
    instance.problems, instance.notes = view.config.problems, assumptions.zone(view.next_zone)
    return [_line(view, job) for job in question.each(view.config.jobs.values())]


def _line(view: View, job: Job) -> dict[str, Any]:
    key = key_of(job)
    row, upcoming = view.rows.get(key), next_run(view, key)
    return {
        "name": job.name,
        "description": job.description,
        "schedule": written_schedule(view, job),
        "schedule_words": schedule_in_words(view, job),
        "schedules": schedules_in_words(view, job),
        "zone": job.zone,
        "action": registry.describe(job.action),
        "enabled": job.enabled,
        "paused": is_paused(view, key),
        "priority": None if view.config.unreadable else job.priority,
        "next_run": stamp(upcoming, view.zone),
        "open_reason": view.open_reason(key) if job.enabled else None,
        "running": view.is_running(key),
        "last_run": stamp(row.last_run_at if row else None, view.zone),
        "last_status": row.last_status if row else None,
        "source": job.source,
        **(assumptions.of_run(view, key) if upcoming is not None else {}),
    }


def chains(instance: Instance) -> list[dict[str, Any]]:
    """Return the chains with their steps; the jobs of a step run in parallel. Raise ConfigError as `jobs` does."""
    view = load_view(instance)
    return [_chain(view, job) for job in question.each(view.config.jobs.values()) if job.action.steps]


def chain(instance: Instance, name: str) -> dict[str, Any]:
    """Return one chain. Raise ConfigError if there is no such job, UnknownError if the job is not a chain."""
    view = load_view(instance)
    job = view.job(name)
    if not job.action.steps:
        raise UnknownError(f"no such chain: {name} is a job without steps")
    return _chain(view, job)


def _chain(view: View, job: Job) -> dict[str, Any]:
    steps = [list(step) for step in job.action.steps]
    return {**_line(view, job), "steps": steps, "on_failure": job.on_failure}


def is_paused(view: View, key: JobKey) -> bool:
    """Return whether this target, its job or all jobs are paused."""
    return bool(pauses_of(key, view.pauses))


def written_schedule(view: View, job: Job) -> str:
    """Return the schedule of *job* in the short form of the configuration, or what starts a job without a schedule."""
    if not job.is_by_time:
        return schedule_in_words(view, job)
    return ", ".join([describe.written(job.schedules, view.zone), *[REBOOT] * bool(job.on)])


def schedule_in_words(view: View, job: Job) -> str:
    """Return in words when *job* is due or what starts it."""
    return ", ".join(schedules_in_words(view, job))


def schedules_in_words(view: View, job: Job) -> list[str]:
    """Return each schedule of *job* in words; for a job without a schedule, what starts it."""
    if not job.is_by_time:
        return [_unscheduled(view, job)]
    # A job with `@reboot` among its expressions is started by an event, too.
    return [*describe.each_schedule(job.schedules, view.zone), *[f"on {job.on}"] * bool(job.on)]


def _unscheduled(view: View, job: Job) -> str:
    if view.config.unreadable:
        return "without a schedule"  # the ledger does not know what starts it
    if job.on:
        return f"on {job.on}"
    if job.after:
        return f"after {' and '.join(job.after)}"
    chains = view.config.jobs.with_step.get(job.name)
    return f"in {' and '.join(chains)}" if chains else describe.schedules(job.schedules)


# Fields of a job that are not settings with a default value.
NEVER_DEFAULT = frozenset({"name", "action", "schedules", "source", "warnings"})


def job(instance: Instance, name: str) -> dict[str, Any]:
    """Return all settings of a job, with defaults, its recorded state and its next slots.

    Values of secret variables are masked. Without a readable configuration there are no settings. Raise ConfigError with the nearest name if there is no such job.
    """
    view = load_view(instance)
    found = view.job(name)
    settings = {} if view.config.unreadable else _settings(found)
    key = key_of(found)
    job_state, row = view.job_states.get(key), view.rows.get(key)
    run = job_state.open_run if job_state else None
    return {
        **_line(view, found),
        "overridden": name in view.overridden,
        "settings": settings,
        "defaults": _defaults(found, settings),
        "state": {
            "epoch": stamp(job_state.epoch if job_state else None, view.zone),
            "position": stamp(job_state.position if job_state else None, view.zone),
            "window_start": stamp(row.window_start if row else None, view.zone),
            "open_run": run.run_id if run else None,
            "run_count": row.run_count if row else 0,
            "failure_count": row.failure_count if row else 0,
        },
        "next": [stamp(slot, view.zone) for slot in islice(future_slots(view, key), UPCOMING)],
    }


def _settings(job: Job) -> dict[str, Any]:
    return {**msgspec.to_builtins(job), "env": without_secrets(job.env)}


def _defaults(job: Job, settings: Mapping[str, Any]) -> list[str]:
    """Return the names of the *settings* of *job* that have their default value."""
    defaults = msgspec.to_builtins(Job(name=job.name, schedules=job.schedules, action=job.action))
    return sorted(
        field for field, value in settings.items() if value == defaults[field] and field not in NEVER_DEFAULT
    )


def future_slots(view: View, key: JobKey) -> Iterator[Instant]:
    """Yield the future slots of *key*."""
    job_state = view.job_states.get(key)
    if job_state is None:
        return
    times = open_slots_of(job_state)
    after = max(view.now, job_state.epoch)
    while (slot := times.next_after(after)) is not None:
        yield slot
        after = slot
