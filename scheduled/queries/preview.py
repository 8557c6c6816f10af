"""A schedule that is not saved yet, in words and with its next slots."""

from collections.abc import Mapping
from typing import Any

from scheduled import clock
from scheduled.clock import stamp
from scheduled.config.job_table import parse_job
from scheduled.config.kept_zone import load_kept
from scheduled.core.epochs import slots_of
from scheduled.errors import ConfigError
from scheduled.instance import Instance
from scheduled.queries import describe

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
        raise ConfigError(f"{found.schedules[0].kind}: has no slot in the future; give a later instant")
    words = [f"on {found.on}"] if found.on else describe.each_schedule(found.schedules)
    return {
        "schedule": ", ".join(words),
        "schedules": words,
        "zone": found.zone,
        "next": slots,
    }
