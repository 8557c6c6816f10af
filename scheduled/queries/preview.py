"""A schedule that is not saved yet, in words and with its next slots."""

from collections.abc import Mapping
from typing import Any

from scheduled import clock
from scheduled.clock import minute, stamp
from scheduled.config.job_table import parse_job
from scheduled.core.epochs import base_of, edited, open_slots_of, slots_of
from scheduled.core.jobs import Job
from scheduled.errors import ConfigError
from scheduled.instance import Instance
from scheduled.queries import describe
from scheduled.queries.view import View, load_view
from scheduled.schedules.kinds.cron import REBOOT
from scheduled.schedules.schedule import counts_from_end
from scheduled.schedules.timetable import Timetable
from scheduled.schedules.zones import Instant

SLOTS = 10


def preview(instance: Instance, schedule: Mapping[str, Any], job: str = "") -> dict[str, Any]:
    """Return a schedule in words and its next ten slots, those of `next` if *job* exists and has it already.

    *schedule* has the keys of a job that define when it runs, such as `cron`. *job* is the name of the job: `H` in a
    cron expression depends on it. Raise ConfigError, which names the key, if the schedule is not valid or has no future
    slots.
    """
    view = load_view(instance)
    # The parser requires an action. It has no effect on the slots.
    found = parse_job(
        job or "job",
        {**schedule, "command": ["true"]},
        source=instance.config_file,
        defaults={},
        timezone=view.config.timezone,
    )
    now = int(clock.now())
    times, slot = _slots(view, found, job, now)
    slots: list[str | None] = []
    while len(slots) < SLOTS and (following := times.next_after(slot)) is not None:
        slot = following
        slots.append(stamp(slot, found.zone))
    if found.is_by_time and not slots:
        raise ConfigError(_no_future(found, times.last_until(now)))
    words = describe.each_schedule(found.schedules) if found.is_by_time or not found.on else []
    words += [f"on {found.on}"] * bool(found.on)
    written = [describe.written(found.schedules), *[REBOOT] * bool(found.on)]
    return {
        "schedule": ", ".join(written if found.is_by_time else words),
        "schedule_words": ", ".join(words),
        "schedules": words,
        "zone": found.zone,
        "next": slots,
    }


def _slots(view: View, found: Job, name: str, now: Instant) -> tuple[Timetable, Instant]:
    """Return the slots that the job *name* has with the schedules of *found*, and after which instant they are shown.

    An interval that counts from the end of the last run has one slot, which may be due already.
    """
    state = next((state for key, state in view.job_states.items() if key.job == name), None)
    if state is None:
        return slots_of(found.schedules, now), now
    state = edited(state, found.schedules, now)
    return open_slots_of(state), base_of(state) if counts_from_end(found.schedules) else now


def _no_future(job: Job, last: Instant | None) -> str:
    """Return the message for a schedule without future slots; *last* is its last slot, if it has one."""
    keys = " and ".join(dict.fromkeys(schedule.kind for schedule in job.schedules))
    if last is None:
        return f"{keys}: has no slots; correct the schedule"
    at = minute(last, job.zone)
    return f"{keys}: has no slot in the future: the last one was {at}; give a later instant"
