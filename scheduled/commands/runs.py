"""Ticks that somebody asks for, what they did, and what the next would do."""

from collections.abc import Callable, Sequence
from typing import Any

from scheduled.clock import stamp
from scheduled.commands import changes as asking
from scheduled.config.files import known_jobs
from scheduled.core.bus import Subscriber
from scheduled.core.manual import Wish
from scheduled.engine import tick as runner
from scheduled.engine.runtime import House
from scheduled.engine.tick import Result
from scheduled.errors import ConfigError
from scheduled.instance import Where


def ticked(where: Where, work: Callable[[House], Result], hear: Subscriber | None) -> dict[str, Any]:
    """Open the house, do *work* in it, and say what was done."""
    house = where.house()
    if hear is not None:
        house.bus.subscribe(hear)
    house.claimed = where.claimed
    return result(house, work(house))


def asked_for(house: House, names: Sequence[str], slot: str | None) -> Result:
    """Make a tick; with *names*, run these jobs now, whatever their schedules say, or one for its *slot*."""
    if slot is not None:
        from scheduled.schedules.instants import read

        return asking.run_for(house, _the_one(names), read(slot, house.zone))
    return runner.tick(house, manual=[Wish(name) for name in known_jobs(house.config, names)])


def _the_one(names: Sequence[str]) -> str:
    if len(names) != 1:
        raise ConfigError("a slot belongs to exactly one job")
    return names[0]


def planned(house: House, names: Sequence[str], slot: str | None) -> list[dict[str, Any]]:
    """Return what `asked_for` would start; raises ConfigError where it would."""
    from scheduled.queries import plan as foresight
    from scheduled.schedules.instants import read

    if slot is not None:
        return [asking.foreseen(house, _the_one(names), read(slot, house.zone))]
    known_jobs(house.config, names)
    return [{"job": name, "why": "asked for"} for name in names] if names else foresight.plan(house)


def report_planned(house: House, *, due: bool) -> list[dict[str, Any]]:
    """Return what `daily_report` would start."""
    from scheduled.queries import plan as foresight

    if due:
        return [
            entry for entry in foresight.plan(house) if entry["job"] == house.handlers().get("daily_report")
        ]
    return planned(house, [_reporter(house)], None)


def _reporter(house: House) -> str:
    name = house.handlers().get("daily_report")
    if name is None:
        raise ConfigError(f'{house.config.path}: no job has handler = "daily_report"')
    return name


def daily_report(house: House, *, due: bool) -> Result:
    """Make the daily report now, or, with *due*, only if its slot is open and nobody holds it."""
    if not due:
        return runner.tick(house, manual=[Wish(_reporter(house))])
    return runner.tick(house, only=_with_the_report(house))


def _with_the_report(house: House) -> list[str]:
    """Return the jobs that go with the report's slot; none where there is no report: the crontab asks all the same."""
    name = house.handlers().get("daily_report")
    if name is None:
        return []
    # What the report tells of comes first in its slot: whoever takes the report's slot takes the group's.
    group = house.config.jobs[name].group
    return [other for other, job in house.config.jobs.items() if group and job.group == group] or [name]


def result(house: House, done: Result) -> dict[str, Any]:
    """Return what a tick did, for `run --json`."""
    return {
        "tick": done.tick,
        "started_at": stamp(done.started_at, house.zone),
        "exit_code": done.exit_code,
        "runs": [
            {**event.payload, "event": event.name}
            for event in done.events
            if event.name.startswith("job_") and event.name != "job_started"
        ],
        "busy": done.busy,
        "troubles": done.troubles,
    }
