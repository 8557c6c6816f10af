"""A schedule as a value, and the error for an invalid schedule."""

from collections.abc import Iterable

import msgspec

from scheduled.schedules.zones import Instant, Seconds


class ScheduleError(ValueError):
    """Raised for an invalid schedule. The message names the field and a valid value."""


class Schedule(msgspec.Struct, frozen=True):
    """When a job is due. An epoch of the job ends when one of these values changes.

    *expression* is the cron expression, or the interval of `every` in seconds. *anchor* is the instant of
    `at`, or the first slot of `every`; if it is None, the beginning of the epoch fixes the phase of `every`.
    *seed* determines the hashed (`H`) fields of a cron expression. A slot becomes due *delay* seconds after
    its instant.
    """

    kind: str
    expression: str = ""
    zone: str = "UTC"
    anchor: Instant | None = None
    seed: str = ""
    delay: Seconds = 0


def longest_delay(schedules: Iterable[Schedule]) -> Seconds:
    """Return how many seconds after their instants the slots of a job with these *schedules* become due.

    All slots have the same, longest delay. With separate delays a newer slot could get its verdict before an
    older one, but every slot up to the job's position must have a verdict.
    """
    return max((schedule.delay for schedule in schedules), default=0)


def same(schedules: Iterable[Schedule], others: Iterable[Schedule]) -> bool:
    """Return whether two lists contain the same schedules. Order and repetition do not matter."""
    return set(schedules) == set(others)
