"""What is configured and when it comes: the answers of `jobs`, `show` and `next`."""

import heapq
from collections.abc import Iterator
from itertools import islice
from typing import Any

import msgspec

from scheduled.actions import registry
from scheduled.clock import stamp
from scheduled.core.epochs import open_slots_of
from scheduled.core.holds import is_too_late, may_start, pauses_of
from scheduled.core.jobs import Job, key_of, keys_of
from scheduled.core.keys import JobKey
from scheduled.errors import UnknownError, require_between
from scheduled.instance import Instance
from scheduled.masking import without_secrets
from scheduled.queries import describe
from scheduled.queries.view import View, look
from scheduled.schedules.zones import Instant

UPCOMING = 5  # slots to come that `show` lists
MOST = 100_000  # slots in one answer


def jobs(instance: Instance) -> list[dict[str, Any]]:
    """List the jobs in the order of the configuration: when each is due, what it does, how it went.

    What is wrong in the configuration goes into `instance.problems`. Raises ConfigError.
    """
    view = look(instance)
    instance.problems = view.config.problems
    return [_line(view, job) for job in view.config.jobs.values()]


def _line(view: View, job: Job) -> dict[str, Any]:
    key = key_of(job)
    row = view.rows.get(key)
    return {
        "name": job.name,
        "description": job.description,
        "schedule": in_words(view, job),
        "schedules": each_in_words(view, job),
        "zone": job.zone,
        "action": registry.describe(job.action),
        "enabled": job.enabled,
        "paused": is_paused(view, key),
        "priority": job.priority,
        "next_run": stamp(view.next_run(job, key), view.zone),
        "open_reason": (row.open_reason if row else None) if job.enabled else None,
        "running": view.is_running(key),
        "last_run": stamp(row.last_run_at if row else None, view.zone),
        "last_status": row.last_status if row else None,
        "source": job.source,
    }


def chains(instance: Instance) -> list[dict[str, Any]]:
    """List the chains and their steps, each the jobs that run side by side in it. Raises ConfigError."""
    view = look(instance)
    return [_chain(view, job) for job in view.config.jobs.values() if job.action.steps]


def chain(instance: Instance, name: str) -> dict[str, Any]:
    """Return one chain; raises UnknownError for a job that is none, ConfigError."""
    view = look(instance)
    job = view.job(name)
    if not job.action.steps:
        raise UnknownError(f"no such chain: {name}; it is a job, and no chain")
    return _chain(view, job)


def _chain(view: View, job: Job) -> dict[str, Any]:
    steps = [list(step) for step in job.action.steps]
    return {**_line(view, job), "steps": steps, "on_failure": job.on_failure}


def is_paused(view: View, key: JobKey) -> bool:
    """Return whether a pause, of this target, its job or all jobs, is in force."""
    return bool(pauses_of(key, view.pauses))


def in_words(view: View, job: Job) -> str:
    """Say when *job* is due."""
    return ", ".join(each_in_words(view, job))


def each_in_words(view: View, job: Job) -> list[str]:
    """Say of each schedule when *job* is due; of a job without any, what starts it."""
    if not job.is_by_time:
        return [_unscheduled(view, job)]
    return describe.each_schedule(job.schedules, view.zone)


def _unscheduled(view: View, job: Job) -> str:
    if job.on:
        return f"on {job.on}"
    if job.after:
        return f"after {' and '.join(job.after)}"
    chains = view.config.jobs.with_step.get(job.name)
    return f"in {' and '.join(chains)}" if chains else describe.schedules(job.schedules)


# What every job is given; and what `check` thinks of it.
NEVER_DEFAULT = frozenset({"name", "action", "schedules", "source", "doubts"})


def job(instance: Instance, name: str) -> dict[str, Any]:
    """Return everything configured of a job, defaults included, where it stands, and its next slots.

    Raises ConfigError, with the nearest name, if there is no such job.
    """
    view = look(instance)
    found = view.job(name)
    settings = msgspec.to_builtins(found)
    settings["env"] = without_secrets(found.env)
    key = key_of(found)
    job_state, row = view.job_states.get(key), view.rows.get(key)
    run = job_state.open_run if job_state else None
    return {
        **_line(view, found),
        "overridden": name in view.overridden,
        "settings": settings,
        "defaults": sorted(
            field
            for field, default in msgspec.to_builtins(
                Job(name=name, schedules=found.schedules, action=found.action)
            ).items()
            if settings[field] == default and field not in NEVER_DEFAULT
        ),
        "standing": {
            "epoch": stamp(job_state.epoch if job_state else None, view.zone),
            "position": stamp(job_state.position if job_state else None, view.zone),
            "last_success_for": stamp(row.window_start if row else None, view.zone),
            "open_run": run.run_id if run else None,
            "run_count": row.run_count if row else 0,
            "failure_count": row.failure_count if row else 0,
        },
        "next": [entry["scheduled_for"] for entry in _upcoming(view, name, UPCOMING)],
    }


def upcoming(instance: Instance, job: str | None = None, limit: int = 10) -> list[dict[str, Any]]:
    """Return the next slots, of a job or of all, and when each is taken up at the earliest.

    `runs_at` is null where that is not known (`held` is `paused`), or never (`late`: by then it is later than its
    grace allows). Raises ConfigError.
    """
    require_between("limit", limit, 1, MOST)
    return _upcoming(look(instance), job, limit)


def _upcoming(view: View, name: str | None, limit: int) -> list[dict[str, Any]]:
    chosen = [view.job(name)] if name is not None else list(view.config.jobs.values())
    merged = heapq.merge(*(_slots(view, job, key) for job in chosen for key in keys_of(job)))
    return [
        {
            "job": key.job,
            "target": key.target or None,
            "scheduled_for": stamp(slot, view.zone),
            **_taken_up(view, key, slot + delay),
        }
        for slot, key, delay in islice(merged, limit)
    ]


def _taken_up(view: View, key: JobKey, due: Instant) -> dict[str, str | None]:
    job = view.job(key.job)
    at = may_start(job, key, due, view.pauses)
    if at is None:
        return {"runs_at": None, "held": "paused"}
    late = is_too_late(job, due, at)
    return {"runs_at": None if late else stamp(at, view.zone), "held": "late" if late else None}


def _slots(view: View, job: Job, key: JobKey) -> Iterator[tuple[Instant, JobKey, int]]:
    job_state = view.job_states.get(key)
    if job_state is None:
        return
    times = open_slots_of(job.schedules, job_state)
    after = max(view.now, job_state.epoch)
    while (slot := times.next_after(after)) is not None:
        yield slot, key, job.delay
        after = slot
