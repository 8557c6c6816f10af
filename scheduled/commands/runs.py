"""Ticks that somebody asks for, what they did, and what the next would do."""

from collections.abc import Callable, Sequence
from typing import Any

from scheduled.clock import stamp
from scheduled.commands import changes
from scheduled.config.files import known_jobs
from scheduled.core.bus import Subscriber
from scheduled.core.events import Event
from scheduled.core.manual import ManualRequest
from scheduled.engine import tick
from scheduled.engine.runtime import Runtime, open_runtime
from scheduled.engine.tick import Result
from scheduled.errors import ConfigError
from scheduled.instance import Instance


def ticked(instance: Instance, work: Callable[[Runtime], Result], hear: Subscriber | None) -> dict[str, Any]:
    """Open the house, do *work* in it, and say what was done."""
    runtime = open_runtime(instance)
    if hear is not None:
        runtime.bus.subscribe(Event, hear)
    runtime.claimed = instance.claimed
    return result(runtime, work(runtime))


def asked_for(runtime: Runtime, names: Sequence[str], slot: str | None) -> Result:
    """Make a tick; with *names*, run these jobs now, whatever their schedules say, or one for its *slot*."""
    if slot is not None:
        from scheduled.schedules.instants import read

        return changes.run_for(runtime, _the_one(names), read(slot, runtime.zone))
    return tick.tick(runtime, manual=[ManualRequest(name) for name in known_jobs(runtime.config, names)])


def _the_one(names: Sequence[str]) -> str:
    if len(names) != 1:
        raise ConfigError("a slot belongs to exactly one job")
    return names[0]


def planned(runtime: Runtime, names: Sequence[str], slot: str | None) -> list[dict[str, Any]]:
    """Return what `asked_for` would start; raises ConfigError where it would."""
    from scheduled.queries import plan
    from scheduled.schedules.instants import read

    if slot is not None:
        return [changes.foreseen(runtime, _the_one(names), read(slot, runtime.zone))]
    known_jobs(runtime.config, names)
    return [{"job": name, "why": "asked for"} for name in names] if names else plan.plan(runtime)


def report_planned(runtime: Runtime, *, due: bool) -> list[dict[str, Any]]:
    """Return what `daily_report` would start."""
    from scheduled.queries import plan

    if due:
        return [
            entry for entry in plan.plan(runtime) if entry["job"] == runtime.handlers().get("daily_report")
        ]
    return planned(runtime, [_reporter(runtime)], None)


def _reporter(runtime: Runtime) -> str:
    name = runtime.handlers().get("daily_report")
    if name is None:
        raise ConfigError(f'{runtime.config.path}: no job has handler = "daily_report"')
    return name


def daily_report(runtime: Runtime, *, due: bool) -> Result:
    """Make the daily report now, or, with *due*, only if its slot is open and nobody holds it."""
    if not due:
        return tick.tick(runtime, manual=[ManualRequest(_reporter(runtime))])
    return tick.tick(runtime, only=_with_the_report(runtime))


def _with_the_report(runtime: Runtime) -> list[str]:
    """Return the jobs that go with the report's slot; none where there is no report: the crontab asks all the same."""
    name = runtime.handlers().get("daily_report")
    if name is None:
        return []
    # What the report tells of comes first in its slot: whoever takes the report's slot takes the group's.
    group = runtime.config.jobs[name].group
    return [other for other, job in runtime.config.jobs.items() if group and job.group == group] or [name]


def result(runtime: Runtime, done: Result) -> dict[str, Any]:
    """Return what a tick did, for `run --json`."""
    return {
        "tick": done.tick,
        "started_at": stamp(done.started_at, runtime.zone),
        "exit_code": done.exit_code,
        "runs": [
            {**event.payload, "event": event.name}
            for event in done.events
            if event.name.startswith("job_") and event.name != "job_started"
        ],
        "busy": done.busy,
        "troubles": done.troubles,
    }
