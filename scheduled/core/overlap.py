"""Slots that come due while a run of their job is under way: which of them run, are skipped, or replace the run.

With `overlap = "wait"` they are treated as missed slots, and nothing here is used.
"""

from collections.abc import Iterator, Sequence

import msgspec

from scheduled.core.catch_up import Due
from scheduled.core.epochs import base_of, open_slots_of, span_between
from scheduled.core.holds import Gap, Holds, unseen
from scheduled.core.jobs import Job
from scheduled.core.no_catch_up import SUPERSEDED
from scheduled.core.records import CHAIN
from scheduled.core.runs import JobState, OpenRun, Skip, Span
from scheduled.core.starts import Start, caught_up
from scheduled.schedules.timetable import Timetable
from scheduled.schedules.zones import Instant

OVERLAP = "overlap"  # the reason of a slot that is skipped because a run was under way when it came due
LIMIT = "catch_up_limit"
Spans = tuple[Gap, ...]  # (after, until], ascending, without a slot in common


def looks_back(job: Job) -> bool:
    """Return whether it matters for *job* when its earlier runs were under way. With `catch_up = "all"` every slot runs anyway."""
    return job.overlap == "skip" or (job.overlap == "queue" and job.catch_up != "all")


def came_due(
    job: Job, job_state: JobState, base: Instant, until: Instant, now: Instant, holds: Holds
) -> Spans:
    """Return the spans of slots in (*base*, *until*] that came due while a run was under way.

    Slots that no tick saw in time are missed, not among them. () unless `looks_back`.
    """
    if not looks_back(job) or not job_state.occupied:
        return ()
    spans = _joined((max(began - job.delay, base), min(ended - job.delay, until))
                    for began, ended in job_state.occupied)  # fmt: skip
    for missed in unseen(job, now, holds):
        spans = tuple(_without(spans, missed))
    return spans


def _joined(spans: Iterator[Gap]) -> Spans:
    found: list[Gap] = []
    for after, until in sorted(span for span in spans if span[0] < span[1]):
        if found and after <= found[-1][1]:
            found[-1] = found[-1][0], max(until, found[-1][1])
        else:
            found.append((after, until))
    return tuple(found)


def _without(spans: Spans, hole: Gap) -> Iterator[Gap]:
    for after, until in spans:
        yield from (
            part for part in ((after, min(until, hole[0])), (max(after, hole[1]), until)) if part[0] < part[1]
        )


def oldest(times: Timetable, spans: Spans, limit: int) -> Instant | None:
    """Return the oldest slot in *spans* that runs: at most the *limit* newest of them do. None if they have no slot."""
    for after, until in reversed(spans):
        count = times.count(after, until)
        if count >= limit:
            slot = until + 1
            for _ in range(limit):
                slot = times.last_until(slot - 1) or slot
            return slot
        limit -= count
    firsts = (times.next_after(after) for after, until in spans if times.count(after, until))
    return next(firsts, None)


def newest_outside(times: Timetable, base: Instant, until: Instant, spans: Spans) -> Instant | None:
    """Return the newest slot in (*base*, *until*] that is in none of *spans*; None if there is none."""
    newest = times.last_until(until)
    for after, last in reversed(spans):
        if newest is not None and after < newest <= last:
            newest = times.last_until(after)
    return newest if newest is not None and newest > base else None


def skipped_first(times: Timetable, base: Instant, until: Instant, spans: Spans) -> tuple[Skip, ...]:
    """Return the oldest open slots after *base* as skips, as long as they are in *spans*."""
    found: list[Skip] = []
    for after, last in spans:
        first = times.next_after(base)
        span = span_between(times, max(after, base), min(last, until))
        if first is None or span is None or first > until:
            continue
        if first < span.first:
            break
        found.append(Skip(span, OVERLAP))
        base = span.last
    return tuple(found)


def parts(
    times: Timetable, base: Instant, until: Instant, spans: Spans, reason: str
) -> tuple[tuple[Span, ...], tuple[Skip, ...]]:
    """Return the slots in (*base*, *until*] outside of *spans*, and those in them, as skips for *reason*."""
    outside, inside = list[Span | None](), list[Skip]()
    for after, last in spans:
        after, last = min(max(after, base), until), min(last, until)  # noqa: PLW2901 - the part of the span that counts
        outside.append(span_between(times, base, after) if base < after else None)
        if after < last and (span := span_between(times, after, last)) is not None:
            inside.append(Skip(span, reason))
        base = max(base, last)
    outside.append(span_between(times, base, until) if base < until else None)
    return tuple(span for span in outside if span is not None), tuple(inside)


def given_up(
    job: Job, times: Timetable, base: Instant, until: Instant, given: tuple[Skip, ...], spans: Spans
) -> tuple[Skip, ...]:
    """Return the oldest open slots that are skipped: *given*, as without `overlap`, changed for the slots in *spans*.

    With "skip" these are skipped because of the overlap; with "queue" they are not given up for a newer slot.
    """
    if job.overlap == "queue":
        return _kept(times, given, spans)
    given = tuple(part for skip in given if skip.reason != LIMIT for part in _named(times, skip, spans))
    if job.catch_up == "all":
        passed = given[-1].span.last if given else base
        given += _beyond_limit(times, passed, until, spans, job.catch_up_limit)
    return *given, *skipped_first(times, given[-1].span.last if given else base, until, spans)


def _beyond_limit(
    times: Timetable, base: Instant, until: Instant, spans: Spans, limit: int
) -> tuple[Skip, ...]:
    """Return as skips the slots in (*base*, *until*] up to the newest one that is beyond the *limit*.

    The limit counts the slots outside of *spans* alone, for the others do not run.
    """
    newest: Instant | None = until + 1
    for _ in range(limit + 1):
        newest = None if newest is None else newest_outside(times, base, newest - 1, spans)
    return () if newest is None else _parted(times, Span(base + 1, newest, 0), LIMIT, spans)


def _named(times: Timetable, skip: Skip, spans: Spans) -> list[Skip]:
    """Return *skip* in parts: of the slots that are skipped for a newer one, those in *spans* have the reason `overlap`."""
    if not skip.reason.startswith(SUPERSEDED):
        return [skip]
    return [*_parted(times, skip.span, skip.reason, spans)]


def _parted(
    times: Timetable, span: Span, reason: str, spans: Spans, within: str = OVERLAP
) -> tuple[Skip, ...]:
    """Return the slots in *span* as skips for *reason*, those in *spans* for the reason *within*, oldest first."""
    outside, inside = parts(times, span.first - 1, span.last, spans, within)
    found = [*(Skip(one, reason) for one in outside), *inside]
    return tuple(sorted(found, key=lambda one: one.span.first))


def _kept(times: Timetable, skips: Sequence[Skip], spans: Spans) -> tuple[Skip, ...]:
    """Return *skips* without the slots in *spans* that are only skipped because a newer one is due (`catch_up = "none"`).

    Slots after the first of those are left out, too: they have their turn later.
    """
    found: list[Skip] = []
    for skip in skips:
        if not skip.reason.startswith(SUPERSEDED):
            found.append(skip)
            continue
        outside, inside = parts(times, skip.span.first - 1, skip.span.last, spans, OVERLAP)
        if not inside:
            found.append(skip)
            continue
        found += [Skip(span, skip.reason) for span in outside if span.last < inside[0].span.first]
        break
    return tuple(found)


def _older(times: Timetable, skip: Skip, slot: Instant, spans: Spans) -> tuple[Skip, ...]:
    """Return the part of *skip* before the queued *slot*: what came due during a run is beyond the limit of the queue."""
    span = Span(skip.span.first, min(skip.span.last, slot - 1), 0)
    if span.last < span.first:
        return ()
    return _parted(times, span, skip.reason, spans, LIMIT) if skip.reason.startswith(SUPERSEDED) else (skip,)


def replacing(job: Job, job_state: JobState, newest: Instant) -> Start | None:
    """Return the start that stops the run under way for the slot *newest*, and takes its place; None if it goes on."""
    run = _replaceable(job, job_state, newest)
    if run is None:
        return None
    start = caught_up(job, job_state, open_slots_of(job_state), base_of(job_state), newest)
    return msgspec.structs.replace(start, superseded=run, replaces=True)


def _replaceable(job: Job, job_state: JobState, newest: Instant) -> OpenRun | None:
    """Return the run under way that the slot *newest* replaces; None if there is none.

    Only a run that a schedule started is stopped, and only for a slot that came due after the start of its attempt.
    """
    run = job_state.open_run
    if run is None or run.started_at is None:
        return None
    by_schedule = run.status == "running" and run.trigger == "schedule" and run.tick != CHAIN
    ends_anyway = run.stop_requested or job.action.steps
    return run if by_schedule and not ends_anyway and newest + job.delay > run.started_at else None


def due(
    job: Job, times: Timetable, base: Instant, until: Instant, given: tuple[Skip, ...], spans: Spans
) -> Due:
    """Return which of the slots in (*base*, *until*] is due. *given* are those given up without regard to *spans*."""
    without, given = given, given_up(job, times, base, until, given, spans)
    passed = given[-1].span.last if given else base
    if job.overlap == "skip":
        slot = newest_outside(times, passed, until, spans)
        return Due(slot, given, job.catch_up == "all", spans)
    ahead = tuple((max(after, passed), last) for after, last in spans if last > passed)
    slot = oldest(times, ahead, job.catch_up_limit)
    if slot is not None:
        before = tuple(part for skip in without for part in _older(times, skip, slot, spans))
        return Due(slot, before, in_order=True, during=spans)
    newest = times.last_until(until)
    return Due(newest if newest is not None and newest > passed else None, given)
