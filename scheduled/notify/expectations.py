"""Find jobs that did not succeed or took too long, against `by`, `within` and `duration` of their `expect`."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import overload

import msgspec

from scheduled.clock import minute
from scheduled.core import expectations as rules
from scheduled.core.configured_jobs import Jobs
from scheduled.core.expectations import Known, Success
from scheduled.core.holds import pauses_of
from scheduled.core.jobs import Expect, Job, enabled_keys_of
from scheduled.core.keys import JobKey
from scheduled.core.records import JobRow, RunRow
from scheduled.core.runs import UNDER_WAY, JobState, OpenRun
from scheduled.core.troubles import Trouble
from scheduled.notify.never_run import is_wanted
from scheduled.notify.problems import named
from scheduled.schedules.durations import duration
from scheduled.schedules.zones import Instant
from scheduled.state.ledger import Ledger

LATE, SLOW = "late", "slow"


class _Successes(Sequence[Success]):
    """The newest successes of a key, read when they are first looked at: for most jobs the summary or the newest is enough."""

    def __init__(self, ledger: Ledger, key: JobKey) -> None:
        self._ledger, self._key = ledger, key

    @cached_property
    def _first(self) -> Sequence[Success]:
        return self._read(1)

    @cached_property
    def _all(self) -> Sequence[Success]:
        return self._read(rules.NEWEST + 1)

    def _read(self, limit: int) -> Sequence[Success]:
        job, target = self._key
        rows = self._ledger.history(job=job, target=target, status="success", limit=limit)
        return [_success(found) for found in rows]

    @overload
    def __getitem__(self, place: int) -> Success: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Success]: ...
    def __getitem__(self, place: int | slice) -> Success | Sequence[Success]:
        return self._first[0] if place == 0 and self._first else self._all[place]

    def __len__(self) -> int:
        return len(self._all)

    def __bool__(self) -> bool:
        return bool(self._first)


class Found(msgspec.Struct):
    """The expectations that are broken, by the key of the trouble, and the next instant at which another one can be."""

    troubles: dict[str, Trouble]
    next: Instant | None


def find(ledger: Ledger, jobs: Jobs, now: float, lasts: Callable[[OpenRun], float]) -> Found:
    """Return what is broken at *now* (UTC seconds). *lasts* returns for how many seconds a run is under way.

    A disabled or paused job expects nothing.
    """
    enabled = [key for name in jobs.expecting if jobs[name].enabled for key in enabled_keys_of(jobs[name])]
    pauses = ledger.pauses(int(now))
    paused = {key: ends for key in enabled if (ends := pauses_of(key, pauses))}
    keys = [key for key in enabled if key not in paused]
    found = Found(troubles={}, next=_resumed([*paused.values()]))
    rows = {row.key: row for row in ledger.job_rows(keys)}
    running = {run.key: run for run in ledger.open_runs() if run.status in UNDER_WAY}
    for key, state in ledger.job_states(keys).items():
        _find(found, jobs, _known(ledger, key, state, rows.get(key)), running.get(key), now, lasts)
    return found


def _resumed(paused: Sequence[Mapping[JobKey, Instant | None]]) -> Instant | None:
    """Return when the first of some jobs, each with all its pauses and their ends, is paused no longer; None if none ever is."""
    ends = [[*pauses.values()] for pauses in paused]
    return min(
        (max(known) for each in ends if len(known := [at for at in each if at is not None]) == len(each)),
        default=None,
    )


def _find(
    found: Found,
    jobs: Jobs,
    known: Known,
    run: OpenRun | None,
    now: float,
    lasts: Callable[[OpenRun], float],
) -> None:
    """Add what is broken of one key to *found*."""
    key, job = known.state.key, jobs[known.state.job]
    assert job.expect is not None
    name, texts = named(jobs, key), [*_late(job, known, int(now))]
    if texts:
        text = f"{key.display_name}: {'; '.join(texts)} (scheduled explain {name})"
        found.troubles[f"{LATE}:{key}"] = Trouble(text=text, kind=LATE, subject=key)
    slow = _slow(job.expect, known, run, lasts, job.zone)
    if slow is not None:
        run_id, why = slow
        text = f"{key.display_name}: {why} (scheduled logs {name})"
        found.troubles[f"{SLOW}:{key}"] = Trouble(text=text, kind=SLOW, subject=key, run_id=run_id)
    coming = (rules.next_late(job, known, int(now)), rules.next_silent(job, known))
    later = [at for at in (found.next, *coming) if at is not None and at > now]
    found.next = min(later, default=None)


def _known(ledger: Ledger, key: JobKey, state: JobState, row: JobRow | None) -> Known:
    return Known(
        state=state,
        successes=_Successes(ledger, key),
        window_start=row.window_start if row is not None else None,
        succeeded_at=row.last_run_at if row is not None and row.last_status == "success" else None,
        is_excused=lambda slot: _is_excused(ledger, key, slot),
    )


def _success(row: RunRow) -> Success:
    began = row.started_at or row.claimed_at
    return Success(
        run_id=row.run_id,
        scheduled_for=row.slot if row.slot is not None else row.requested_for,
        began=began,
        ended=row.finished_at or began,
        took=None if row.duration_ms is None else row.duration_ms / 1000,
    )


def _is_excused(ledger: Ledger, key: JobKey, slot: Instant) -> bool:
    """Return whether a person, or a gate that was to do it, skipped *slot*."""
    row = ledger.row_at(key, slot)
    return row is not None and row.span.last >= slot and row.verdict == "skipped" and is_wanted(row.reason)


def _late(job: Job, known: Known, now: Instant) -> Iterator[str]:
    """Yield what is broken of `by` and `within`."""
    assert job.expect is not None
    late, silent = rules.late(job, known, now), rules.next_silent(job, known)
    if late is not None:
        yield f"has not succeeded for its slot of {_at(late.slot, job)}, expected by {_at(late.deadline, job)}"
    if silent is not None and silent <= now:
        since = _at(rules.silent_since(known), job)
        yield f"has not succeeded since {since}, expected within {duration(job.expect.within or 0)}"


def _slow(
    expect: Expect, known: Known, run: OpenRun | None, lasts: Callable[[OpenRun], float], zone: str
) -> tuple[str, str] | None:
    """Return the run by which `duration` is broken, and how: the *run* that is under way, or the last success."""
    most = rules.limit(expect, known.successes) if run is not None and run.started_at is not None else None
    if run is not None and most is not None and lasts(run) > most:
        return (
            run.run_id,
            f"{run.run_id} is under way since {minute(run.started_at, zone)}, {_than(expect, most)}",
        )
    most = rules.exceeded(expect, known)
    if most is None:
        return None
    last = known.successes[0]
    return last.run_id, f"its last success took {_seconds(last.took or 0)}, {_than(expect, most)}"


def _than(expect: Expect, most: float) -> str:
    of = "" if expect.times is None else f", {expect.times:g} times the median of the runs before it"
    return f"expected at most {_seconds(most)}{of}"


def _seconds(found: float) -> str:
    """Return seconds in words, whole ones from ten seconds on."""
    return duration(round(found)) if found >= 10 else f"{found:.1f}".removesuffix(".0") + "s"  # noqa: PLR2004 - two digits


def _at(instant: Instant, job: Job) -> str:
    return minute(instant, job.zone)
