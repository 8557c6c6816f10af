"""Recompute every slot that should exist and check that the ledger accounts for each of them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby, islice
from typing import Any

import msgspec

from scheduled.core.epochs import slots_of
from scheduled.core.keys import JobKey, Keyed
from scheduled.core.records import Epoch, JobRow, SlotRow
from scheduled.schedules.schedule import longest_delay
from scheduled.schedules.zones import Instant

Each = Callable[[Iterable[Any]], Iterator[Any]]  # `iter`, or a function that also checks a limit
MAX_LISTED = 20  # missing slots listed for one gap


class Problem(Keyed, frozen=True, kw_only=True):
    """A slot with an error in the ledger. *slot* is the first slot of the row if a whole row is wrong."""

    job: str
    target: str = ""
    slot: Instant | None
    problem: str


class Audit(msgspec.Struct, frozen=True, kw_only=True):
    """The result of an audit: how many *slots* should exist since *horizon*, and the *problems* found.

    *horizon* is None if there are no epochs.
    """

    slots: int
    horizon: Instant | None
    problems: list[Problem]


def audit(
    epochs: Sequence[Epoch],
    rows: Iterable[SlotRow],
    jobs: Sequence[JobRow],
    open_runs: Iterable[str],
    seen: Instant,
    span: tuple[Instant, Instant] | None = None,
    *,
    retries: Iterable[str] = (),
    each: Each = iter,
) -> Audit:
    """Compare the ledger with every slot that should exist up to *seen*, the instant of the last tick.

    *rows* must be grouped by job and target, and ascending within a group. *open_runs* are the ids of the
    runs that have not ended, *retries* of those that wait for a retry. *span*, if given, limits the audit to the slots in (after, until]: older slots
    may be pruned. *each* returns an iterator of
    epochs or rows; what it raises ends the audit.
    """
    after, until = span or (0, seen)
    open_ids = set(open_runs)
    stranded = set(retries)
    rows_by_key = {job.key: job for job in jobs}
    slots, problems = 0, []
    for key_epochs, key_rows in _by_key(epochs, rows):
        for epoch in each(key_epochs):
            low = max(epoch.starts_at, after)
            high = min(until, _due_until(epoch, rows_by_key[epoch.key], seen))
            if low < high:
                within = [row for row in each(key_rows) if _overlaps(row, epoch, low, high)]
                count, found = _epoch(epoch, each(within), rows_by_key[epoch.key], low, high)
                slots += count
                problems += found
        ended = all(epoch.ends_at is not None for epoch in key_epochs)
        recent = (row for row in each(key_rows) if row.span.last > after)
        problems += _rows(recent, open_ids, stranded if ended else set())
    horizon = min((max(epoch.starts_at, after) for epoch in epochs), default=None)
    return Audit(slots=slots, horizon=horizon, problems=problems)


def _by_key(
    epochs: Iterable[Epoch], rows: Iterable[SlotRow]
) -> Iterator[tuple[list[Epoch], Sequence[SlotRow]]]:
    """Yield the epochs and the rows of each job and target.

    Only the rows of one job and target are in memory at a time.
    """
    by_key: dict[JobKey, list[Epoch]] = {}
    for epoch in epochs:
        by_key.setdefault(epoch.key, []).append(epoch)
    for key, found in groupby(rows, key=lambda row: row.key):
        yield by_key.pop(key, []), list(found)
    for key_epochs in by_key.values():
        yield key_epochs, ()


def _due_until(epoch: Epoch, job: JobRow, seen: Instant) -> Instant:
    """Return the instant up to which slots of *epoch* have been due at *seen*.

    Slots of an ended epoch beyond the position were not due when the zone of the host changed.
    """
    due = seen - longest_delay(epoch.schedules)
    return due if epoch.ends_at is None else min(epoch.ends_at, max(due, job.position))


def _overlaps(row: SlotRow, epoch: Epoch, low: Instant, high: Instant) -> bool:
    return epoch.starts_at < row.span.first <= high and row.span.last > low


def _epoch(
    epoch: Epoch, rows: Iterable[SlotRow], job: JobRow, low: Instant, high: Instant
) -> tuple[int, list[Problem]]:
    """Return the number of slots of the epoch in (low, high] and the problems with them.

    Each slot must be in exactly one row or have an open reason.
    """
    times = slots_of(epoch.schedules, epoch.starts_at)
    # An open reason covers every slot after the position, so only the slots up to here need a row.
    closed = high if job.open_reason is None else min(high, job.position)
    problems, reached = [], low
    for row in rows:
        problems += _missing(epoch.key, times.between(reached, min(row.span.first - 1, closed)))
        if times.count(row.span.first - 1, row.span.last) != row.span.count:
            problems.append(
                _problem(epoch.key, row.span.first, "is in a recorded span with the wrong number of slots")
            )
        reached = max(reached, row.span.last)
    problems += _missing(epoch.key, times.between(reached, closed))
    return times.count(low, high), problems


def _missing(key: JobKey, slots: Iterable[Instant]) -> list[Problem]:
    return [
        _problem(key, slot, "has neither a verdict nor an open reason") for slot in islice(slots, MAX_LISTED)
    ]


def _rows(rows: Iterable[SlotRow], open_ids: set[str], stranded: set[str]) -> list[Problem]:
    """Return the problems with the rows of one job or target; no tick starts the retries of the runs *stranded*."""
    problems, last = [], None
    for row in rows:
        found = []
        if last is not None and row.span.first <= last:
            found.append("is in two recorded spans")
        if row.verdict is None and row.run_id not in open_ids:
            found.append("has no verdict, but its run is no longer open")
        if row.verdict is None and row.run_id in stranded:
            found.append(
                "has no verdict: its run waits for a retry, but the job or target was removed or disabled"
            )
        problems += [_problem(row.key, row.span.first, text) for text in found]
        last = row.span.last
    return problems


def _problem(key: JobKey, slot: Instant, text: str) -> Problem:
    return Problem(job=key.job, target=key.target, slot=slot, problem=text)
