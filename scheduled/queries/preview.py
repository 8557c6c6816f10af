"""What a schedule would mean, before anybody writes it down: in words, and its next slots."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scheduled import clock
from scheduled.clock import stamp
from scheduled.config.files import load_config
from scheduled.config.job_table import parse_job
from scheduled.core.epochs import slots_of
from scheduled.errors import ConfigError
from scheduled.queries import describe

SLOTS = 10


def preview(
    config_file: Path, table: Mapping[str, Any], name: str = "", limit: int = SLOTS
) -> dict[str, Any]:
    """Say when a job with these keys of a schedule would be due from now on; raises ConfigError with the key."""
    found = load_config(config_file)
    # What the job would do has no bearing on when.
    job = parse_job(
        name or "job",
        {**table, "command": ["true"]},
        source=config_file,
        defaults={},
        timezone=found.timezone,
    )
    now = int(clock.now())
    times, slot = slots_of(job.schedules, now), now
    slots: list[str | None] = []
    while len(slots) < limit and (following := times.next_after(slot)) is not None:
        slot = following
        slots.append(stamp(slot, job.zone))
    if job.is_by_time and not slots:
        raise ConfigError(f"{job.schedules[0].kind}: is over")
    words = [f"on {job.on}"] if job.on else describe.each_schedule(job.schedules)
    return {
        "schedule": ", ".join(words),
        "schedules": words,
        "zone": job.zone,
        "next": slots,
    }
