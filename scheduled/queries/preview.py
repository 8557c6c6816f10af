"""A schedule that is not saved yet, in words and with its next slots."""

from collections.abc import Mapping
from typing import Any

from scheduled import clock
from scheduled.clock import stamp
from scheduled.config.job_table import parse_job
from scheduled.config.kept_zone import load_kept
from scheduled.core.epochs import slots_of
from scheduled.core.jobs import Job
from scheduled.errors import ConfigError
from scheduled.instance import Instance
from scheduled.queries import describe
from scheduled.schedules.kinds.cron import REBOOT
from scheduled.schedules.zones import Instant

SLOTS = 10


def preview(instance: Instance, schedule: Mapping[str, Any], job: str = "") -> dict[str, Any]:
    """Return a schedule in words and its next ten slots.

    *schedule* has the keys of a job that define when it runs, such as `cron`. *job* is the name of the job: `H` in a
    cron expression depends on it. Raise ConfigError, which names the key, if the schedule is not valid or has no future
    slots.
    """
    config = load_kept(instance)
    # The parser requires an action. It has no effect on the slots.
    found = parse_job(
        job or "job",
        {**schedule, "command": ["true"]},
        source=instance.config_file,
        defaults={},
        timezone=config.timezone,
    )
    now = int(clock.now())
    times, slot = slots_of(found.schedules, now), now
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


def _no_future(job: Job, last: Instant | None) -> str:
    """Return the message for a schedule without future slots; *last* is its last slot, if it has one."""
    keys = " and ".join(dict.fromkeys(schedule.kind for schedule in job.schedules))
    if last is None:
        return f"{keys}: has no slots; correct the schedule"
    at = (stamp(last, job.zone) or "")[:16].replace("T", " ")
    return f"{keys}: has no slot in the future: the last one was {at}; give a later instant"
