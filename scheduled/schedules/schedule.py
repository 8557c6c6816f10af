"""A schedule as a value, and the error for an invalid schedule."""

from collections.abc import Collection

import msgspec

from scheduled.schedules.same_zone import same_zone
from scheduled.schedules.zones import Instant, Seconds

# The slots of these kinds are instants, or depend on no local time.
WITHOUT_ZONE = frozenset({"at", "every", "manual"})


class ScheduleError(ValueError):
    """Raised for an invalid schedule. The message names the field and a valid value."""


class Schedule(msgspec.Struct, frozen=True):
    """When a job is due. An epoch of the job ends when one of these values changes.

    *expression* is the cron expression, or the interval of `every` in seconds. *anchor* is the instant of
    `at`, or the first slot of `every`; if it is None, the beginning of the epoch fixes the phase of `every`.
    *seed* determines the hashed (`H`) fields of a cron expression. A slot becomes due *delay* seconds after
    its instant. *phase* is recorded with an epoch and is no part of the configuration: the instant from which
    `every` without an anchor counts, or what the local time *anchor* meant before the host's zone changed. With
    *from_end* the interval counts from the end of the last run: an epoch has one slot.
    """

    kind: str
    expression: str = ""
    zone: str = "UTC"
    anchor: Instant | None = None
    seed: str = ""
    delay: Seconds = 0
    phase: Instant | None = None
    from_end: bool = False


def longest_delay(schedules: Collection[Schedule]) -> Seconds:
    """Return how many seconds after their instants the slots of a job with these *schedules* become due.

    All slots have the same, longest delay. With separate delays a newer slot could get its verdict before an
    older one, but every slot up to the job's position must have a verdict.
    """
    return max([schedule.delay for schedule in schedules], default=0)


def counts_from_end(schedules: Collection[Schedule]) -> bool:
    """Return whether *schedules* are an interval that counts from the end of the last run."""
    return any(schedule.from_end for schedule in schedules)


def same(schedules: Collection[Schedule], others: Collection[Schedule]) -> bool:
    """Return whether two lists contain the same schedules.

    Order, repetition and phase do not matter. Zones with the same rules are the same zone.
    """
    if schedules == others:
        return True
    ours, theirs = set(map(_configured, schedules)), set(map(_configured, others))
    return ours == theirs or (
        all(any(_alike(one, other) for other in theirs) for one in ours)
        and all(any(_alike(one, other) for other in ours) for one in theirs)
    )


def _configured(schedule: Schedule) -> Schedule:
    """Return *schedule* without its phase, and without a zone if its slots do not depend on it."""
    zone = "" if schedule.kind in WITHOUT_ZONE else schedule.zone
    return msgspec.structs.replace(schedule, zone=zone, phase=None)


def _alike(one: Schedule, other: Schedule) -> bool:
    return one == msgspec.structs.replace(other, zone=one.zone) and same_zone(one.zone, other.zone)
