"""The targets of jobs: their names, what a list of them may contain, and when a new one begins."""

from collections.abc import Collection, Iterable, Mapping

import msgspec

from scheduled.core.epochs import minute_before, slots_of
from scheduled.core.jobs import Job
from scheduled.core.runs import JobState
from scheduled.printable import printable
from scheduled.schedules.schedule import same
from scheduled.schedules.zones import Instant

MOST_TARGETS = 1000
LONGEST_NAME = 200  # bytes in UTF-8
SHOWN = 40  # characters of a wrong name in a message


class Unknown(msgspec.Struct, frozen=True):
    """A time in which no target of a job was known: from *since* to *until*, None as long as it lasts, and why."""

    since: float
    why: str
    until: float | None = None


class LastTargets(msgspec.Struct, frozen=True):
    """The last known targets of a job of which the list changes.

    They are those of the list *source*, read at the instant *at*. *problem* is why it could not be read completely then.
    *unknown* is the last time in which no target was known, if there was one.
    """

    source: str
    at: float
    targets: tuple[str, ...] = ()
    problem: str = ""
    unknown: Unknown | None = None


def unknown_after(
    before: LastTargets | None, targets: Collection[str], at: float, why: str
) -> Unknown | None:
    """Return the last time in which no target was known, when reading a list at the instant *at* gave these *targets*.

    *before* is what was known until then, *why* the reason why there may be none.
    """
    last = before.unknown if before is not None else None
    if last is not None and last.until is None:
        return msgspec.structs.replace(last, until=at) if targets else msgspec.structs.replace(last, why=why)
    return last if targets else Unknown(at, why)


def had_none(found: LastTargets | None, at: float) -> Unknown | None:
    """Return the time in which no target was known if the instant *at* is in it."""
    last = found.unknown if found is not None else None
    return (
        last if last is not None and last.since <= at and (last.until is None or at <= last.until) else None
    )


def fault_of(name: str) -> str:
    """Return why *name* can't be a target, beginning with the name; "" if it can."""
    if not name.strip():
        return "a target must not be empty"
    shown = f"'{printable(name[:SHOWN])}{'...' if len(name) > SHOWN else ''}'"
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return f"the target {shown} is not valid text"
    if not name.isprintable():
        return f"the target {shown} has characters that can't be printed"
    return f"the target {shown} is longer than {LONGEST_NAME} bytes" if size > LONGEST_NAME else ""


def faults_of(names: Iterable[str]) -> list[str]:
    """Return the faults of a list of targets, in order, with those that it names twice or that are too many."""
    seen, found = set[str](), []
    for name in names:
        fault = fault_of(name)
        found += [fault or f"the target '{name}' is listed twice"] if fault or name in seen else []
        seen.add(name)
    if len(seen) > MOST_TARGETS:
        found.append(f"{len(seen):,} targets are too many; at most {MOST_TARGETS:,} are allowed")
    return found


def source_of(job: Job) -> str:
    """Return a text that names the list of *job* if it changes by itself; "" for a written list, or without `for_each`."""
    if job.for_each is None or not job.has_changing_targets:
        return ""
    return f"command:{job.for_each.command}" if job.for_each.command else "branches"


def beginning(job: Job, states: Iterable[JobState], planned: Instant, now: Instant) -> Instant | None:
    """Return when a target begins that is new in the list of *job*; None if that is the moment of the edit of the job.

    *states* are those of the other targets. It takes part in the newest slot that came due after *planned*, the instant
    of the last planning, and begins at *now* if there is none.
    """
    if not job.has_changing_targets or not (others := [*states]):
        return None
    if not all(same(job.schedules, other.schedules) for other in others):
        return None
    if any(schedule.kind == "every" and schedule.anchor is None for schedule in job.schedules):
        return now  # its slots depend on when it begins
    newest = slots_of(job.schedules, now).last_until(now - job.delay)
    if newest is None or newest + job.delay <= planned or newest <= min(other.epoch for other in others):
        return now
    return newest


def is_gone(job: Job, target: str) -> bool:
    """Return whether *target* is no longer in the list of *job*, which changes by itself."""
    return job.has_changing_targets and bool(target) and target not in job.targets


def is_due(job: Job, states: Iterable[JobState], planned: Instant, now: Instant) -> bool:
    """Return whether a slot of one of the targets with *states* came due after *planned*, the instant of the last planning."""
    for state in states:
        newest = slots_of(state.schedules, state.epoch).last_until(now - job.delay)
        if newest is not None and newest > state.epoch and newest + job.delay > planned:
            return True
    return False


def next_listed(jobs: Mapping[str, Job], now: Instant) -> list[Instant]:
    """Return when each enabled job of which no target is known yet is due next: then its list is read again."""
    waiting = (job for job in jobs.values() if job.enabled and job.has_changing_targets and not job.targets)
    slots = (
        (job, slots_of(job.schedules, minute_before(now)).next_after(now - job.delay)) for job in waiting
    )
    return [slot + job.delay for job, slot in slots if slot is not None]
