"""Warnings about an `expect` that can never be broken, or is broken although all goes well."""

from collections.abc import Iterator, Mapping
from itertools import islice, pairwise
from typing import Any

from scheduled.clock import local, stamp
from scheduled.core.cadence import CHECKED_SLOTS
from scheduled.core.epochs import slots_of
from scheduled.core.expectations import deadlines
from scheduled.core.holds import first_allowed
from scheduled.core.jobs import Expect, Job
from scheduled.core.tick_times import Ticks
from scheduled.schedules.durations import duration
from scheduled.schedules.schedule import counts_from_end
from scheduled.schedules.zones import DAY, HOUR, Instant, Seconds

DAYS = 40 * DAY  # of this time the deadlines are looked at
SPAN = 400 * DAY  # and of this the distances of the slots
FAR = 12 * HOUR  # from a slot to a time of the next day: probably the time of the same day was meant


def warnings(job: Job, table: Mapping[str, Any], ticks: Ticks, now: Instant) -> Iterator[str]:
    """Yield the warnings about *job*, each beginning with its key; *table* has the keys as they are written."""
    if job.expect is None:
        return
    slots = list(islice(slots_of(job.schedules, now).between(now, now + SPAN), CHECKED_SLOTS))
    if job.expect.by is not None:
        yield from _by(job, ticks, now, is_own="expect" in table)
    if job.expect.within is not None and not counts_from_end(job.schedules):
        yield from _within(job.expect.within, slots)
    yield from _duration(job, job.expect)


def _by(job: Job, ticks: Ticks, now: Instant, *, is_own: bool) -> Iterator[str]:
    times, slots = deadlines(job), slots_of(job.schedules, now)
    if times is None:
        why = (
            'with from = "end", which has no fixed slots' if job.is_by_time else "on a job without a schedule"
        )
        if is_own:
            yield f"expect.by: has no effect {why}; write within, or remove it"
        return
    # Of several slots before a deadline the newest has to succeed.
    last = {deadline: slots.last_until(deadline - 1) for deadline in times.between(now, now + DAYS)}
    asked = {deadline: slot for deadline, slot in last.items() if slot is not None and slot > now}
    for deadline, slot in asked.items():
        if ticks.at_or_after(first_allowed(job, slot + job.delay)) >= deadline:
            yield (
                f"expect.by: no tick starts the slot of {stamp(slot, job.zone)} before {stamp(deadline, job.zone)}, so it is"
                " always late; write another time"
            )
            return
    days = {
        slot: local(slot, job.zone).date() != local(deadline, job.zone).date()
        for deadline, slot in asked.items()
    }
    near = min((deadline - slot for deadline, slot in asked.items()), default=0)
    if near > FAR and all(days.values()):
        yield (
            f"expect.by: is that of the day after each slot, {duration(near)} later; write a time after that of the slots if"
            " the same day is meant"
        )


def _within(within: Seconds, slots: list[Instant]) -> Iterator[str]:
    longest = max((later - slot for slot, later in pairwise(slots)), default=0)
    if longest >= within:
        yield (
            f"expect.within: {duration(within)} is not longer than the time between two slots ({duration(longest)}), so it"
            " is broken although every run succeeds; write a longer time"
        )


def _duration(job: Job, expect: Expect) -> Iterator[str]:
    if expect.duration is not None and not job.action.steps and expect.duration >= job.timeout:
        yield (
            f"expect.duration: is never reached, because a run ends after its timeout ({duration(job.timeout)}); write a"
            " shorter time, or a longer timeout"
        )
