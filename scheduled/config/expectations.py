"""Parse `expect` of a job table: what a success has to show, and until when there must be one."""

import re

import msgspec

from scheduled.actions.kind import SUPERVISOR
from scheduled.actions.registry import kind_of
from scheduled.config.execution import hook, refuse_wrong
from scheduled.config.tables import ExpectTable
from scheduled.config.values import seconds
from scheduled.core.jobs import Expect, Job
from scheduled.errors import ConfigError
from scheduled.schedules.zones import Seconds

TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
TIMES = re.compile(r"\s*(\d{1,4}(?:\.\d{1,3})?)\s*x\s*")
KEYS = ", ".join(ExpectTable.__struct_fields__)


def expect(raw: ExpectTable) -> Expect:
    """Return what is expected of a job. Raise ConfigError for a wrong value."""
    if all(getattr(raw, key) is None for key in ExpectTable.__struct_fields__):
        raise ConfigError(f"expect: is empty; write one of {KEYS}, or remove it")
    if raw.output is not None:
        refuse_wrong("expect.output", raw.output)
    if raw.fresh is not None and not raw.fresh.strip():
        raise ConfigError("expect.fresh: is empty; write the path of a file, or remove it")
    times = _times(raw.duration)
    return Expect(
        by=None if raw.by is None else _minute("expect.by", raw.by),
        within=None if raw.within is None else seconds("expect.within", raw.within),
        duration=None if times is not None else _duration(raw.duration),
        times=times,
        output=raw.output or "",
        fresh=raw.fresh or "",
        command=hook("expect.command", raw.command),
    )


def applicable(job: Job) -> Job:
    """Return *job* without what is expected of its attempts, if it executes nothing of its own and [defaults] expects it."""
    found = job.expect
    if found is None or not found.is_about_attempts or kind_of(job.action).EXECUTOR == SUPERVISOR:
        return job
    over_time = Expect(by=found.by, within=found.within, duration=found.duration, times=found.times)
    return msgspec.structs.replace(job, expect=over_time if over_time.is_about_time else None)


def _minute(key: str, text: str) -> int:
    """Return a time of day in minutes after midnight."""
    found = TIME.fullmatch(text)
    if found is None:
        raise ConfigError(f'{key}: must be a time of day, got {text!r}; write for example "09:00"')
    return int(found[1]) * 60 + int(found[2])


def _times(given: int | str | None) -> float | None:
    """Return how many times the median a run may take; None for a duration."""
    found = TIMES.fullmatch(given) if isinstance(given, str) else None
    if found is None:
        return None
    if float(found[1]) <= 1:
        raise ConfigError(
            f'expect.duration: {given!r} is not more than the median itself; write for example "3x"'
        )
    return float(found[1])


def _duration(given: int | str | None) -> Seconds | None:
    if given is None:
        return None
    try:
        return seconds("expect.duration", given)
    except ConfigError as error:
        raise ConfigError(f'{error}, or "3x" for three times the median of the last runs') from None
