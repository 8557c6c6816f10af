"""`jobs` and `show`: the configured jobs, their state and their next slots."""

import heapq
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby, islice
from typing import Any

import msgspec

from scheduled import question
from scheduled.actions import registry
from scheduled.clock import stamp
from scheduled.config.named import each_target, known_key
from scheduled.config.secret_urls import is_secret_url
from scheduled.core.epochs import open_slots_of
from scheduled.core.holds import pauses_of
from scheduled.core.jobs import Job
from scheduled.core.keys import JobKey
from scheduled.errors import UnknownError
from scheduled.instance import Instance
from scheduled.masking import MASKED, without_secrets
from scheduled.queries import assumptions, describe, expectation_words
from scheduled.queries.next_run import next_run
from scheduled.queries.of_targets import of_all
from scheduled.queries.setting_words import in_words
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
    return [_line(view, JobKey(name)) for name in question.each(view.config.jobs)]


def _line(view: View, key: JobKey) -> dict[str, Any]:
    """Return what `jobs` lists about a job, or about one target of it."""
    job = view.config.jobs[key.job]
    targets = None
    if job.for_each is not None and not key.target:
        targets = [_state(view, one) for one in question.each(each_target(view.config, key))]
    state = _state(view, key) if targets is None else of_all(targets)
    in_words = schedules_in_words(view, job)
    return {
        "name": job.name,
        "target": key.target or None,
        "description": job.description,
        "schedule": written_schedule(view, job),
        "schedule_words": ", ".join(in_words),
        "schedules": in_words,
        "zone": job.zone,
        "action": registry.describe(job.action),
        "enabled": is_enabled(job, key),
        "paused": is_paused(view, key) or state["paused"],
        "priority": None if view.config.unreadable else job.priority,
        **{name: state[name] for name in OF_STATE},
        "source": job.source,
        "targets": targets,
        "list_problem": view.list_problem(job.name),
        **(assumptions.of_run(view, key) if state["next_run"] is not None else {}),
    }


# The fields of a state that the line of a job has, too.
OF_STATE = ("next_run", "open_reason", "running", "last_run", "last_status")


def _state(view: View, key: JobKey) -> dict[str, Any]:
    """Return the state of a target, or of a job without targets."""
    row, enabled = view.rows.get(key), is_enabled(view.config.jobs[key.job], key)
    return {
        "target": key.target or None,
        "enabled": enabled,
        "paused": is_paused(view, key),
        "next_run": stamp(next_run(view, key), view.zone),
        "open_reason": view.open_reason(key) if enabled else None,
        "running": view.is_running(key),
        "last_run": stamp(row.last_run_at if row else None, view.zone),
        "last_status": row.last_status if row else None,
    }


def is_enabled(job: Job, key: JobKey) -> bool:
    """Return whether *key*, of *job*, is enabled in the configuration and by the user."""
    return job.enabled and key.target not in job.disabled_targets


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
    return {**_line(view, JobKey(job.name)), "steps": steps, "on_failure": job.on_failure}


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
NO_SETTING = frozenset({"targets", "disabled_targets"})  # they are in the state


def job(instance: Instance, name: str) -> dict[str, Any]:
    """Return all settings of a job or target, with defaults, its recorded state and its next slots.

    The state of a job with `for_each` has only the totals of its targets.
    Values of secret variables are masked. Without a readable configuration there are no settings. Raise ConfigError with the nearest name if there is no such job.
    """
    view = load_view(instance)
    key = known_key(view.config, name)
    found, keys = view.config.jobs[key.job], each_target(view.config, key)
    settings = {} if view.config.unreadable else _settings(found)
    job_state, row = view.job_states.get(key), view.rows.get(key)
    rows = [view.rows[one] for one in keys if one in view.rows]
    run = job_state.open_run if job_state else None
    return {
        **_line(view, key),
        "overridden": found.name in view.overridden or key.target in found.disabled_targets,
        "settings": settings,
        "settings_words": in_words(found, settings),
        "defaults": _defaults(found, settings),
        "state": {
            "epoch": stamp(job_state.epoch if job_state else None, view.zone),
            "position": stamp(job_state.position if job_state else None, view.zone),
            "window_start": stamp(row.window_start if row else None, view.zone),
            "open_run": run.run_id if run else None,
            "run_count": sum(row.run_count for row in rows),
            "failure_count": sum(row.failure_count for row in rows),
        },
        "next": [stamp(slot, view.zone) for slot in islice(_slots(view, keys), UPCOMING)],
    }


def _settings(job: Job) -> dict[str, Any]:
    shown: dict[str, Any] = {"env": without_secrets(job.env)}
    if is_secret_url(job.heartbeat_url):
        shown["heartbeat_url"] = MASKED
    for hook, action in (("pre", job.pre), ("post", job.post)):
        if action is not None:
            shown[hook] = registry.describe(action)
    if job.expect is not None:
        shown["expect"] = expectation_words.written(job.expect)
    if job.stdin is not None:
        shown["stdin"] = describe.stdin(job.stdin)
    found = {**_plain(job), **shown}
    return {name: value for name, value in found.items() if name not in NO_SETTING}


def _plain(job: Job) -> dict[str, Any]:
    """Return all fields of *job*, those with their defaults as well."""
    return {name: msgspec.to_builtins(getattr(job, name)) for name in job.__struct_fields__}


def _defaults(job: Job, settings: Mapping[str, Any]) -> list[str]:
    """Return the names of the *settings* of *job* that have their default value."""
    defaults = _plain(Job(name=job.name, schedules=job.schedules, action=job.action))
    return sorted(
        field for field, value in settings.items() if value == defaults[field] and field not in NEVER_DEFAULT
    )


def _slots(view: View, keys: Iterable[JobKey]) -> Iterator[Instant]:
    """Yield the future slots of all *keys*, each instant once."""
    merged = heapq.merge(*(future_slots(view, key) for key in keys))
    return (slot for slot, _ in groupby(merged))


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
