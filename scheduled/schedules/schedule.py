"""A schedule as a value, and the error of one that can't be."""

from collections.abc import Iterable

import msgspec

from scheduled.schedules.zones import Instant, Seconds


class ScheduleError(ValueError):
    """A schedule that can't be: the message names the field and says what to write."""


class Schedule(msgspec.Struct, frozen=True):
    """When a job is due. An epoch of the job lasts for as long as this value stays the same.

    *expression* is the cron expression, or the interval of `every` in seconds. *anchor* fixes the phase of
    `every` (and is the instant of `at`); where it is None the epoch's beginning does. *seed* spreads hashed (`H`)
    cron fields. A slot is taken up *delay* seconds after its instant.
    """

    kind: str
    expression: str = ""
    zone: str = "UTC"
    anchor: Instant | None = None
    seed: str = ""
    delay: Seconds = 0


def longest_delay(schedules: Iterable[Schedule]) -> Seconds:
    """Return by how much the slots of a job with these *schedules* are put off.

    All its slots share the longest: a slot that is taken up before an older one would leave a hole in what the
    position says is decided.
    """
    return max((schedule.delay for schedule in schedules), default=0)


def same(schedules: Iterable[Schedule], others: Iterable[Schedule]) -> bool:
    """Return whether two lists mean the same slots by the same means: neither order nor repetition matters."""
    return set(schedules) == set(others)
