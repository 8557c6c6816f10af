"""The proof of promise 1: recompute every slot there had to be and hold it against the ledger. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice

import msgspec

from scheduled.core.epochs import slots_of
from scheduled.core.keys import JobKey, Keyed
from scheduled.core.records import Epoch, JobRow, SlotRow
from scheduled.schedules.schedule import longest_delay
from scheduled.schedules.zones import Instant

NAMED = 20  # slots of one fault that are named one by one


class Problem(Keyed, frozen=True, kw_only=True):
    """A slot, or a row, that is not accounted for."""

    job: str
    target: str = ""
    slot: Instant | None
    problem: str


class Audit(msgspec.Struct, frozen=True, kw_only=True):
    """*slots* there had to be since *horizon*; the ledger accounts for all of them if there are no *problems*."""

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
) -> Audit:
    """Given the whole ledger and the instant of the last tick, return what is accounted for and what is not.

    The *rows* come job by job, target by target, in the order of time. With *span*, only the slots in (after, until] are asked for: those before it may be pruned.
    """
    after, until = span or (0, seen)
    alive = set(open_runs)
    rows_by_key = {job.key: job for job in jobs}
    slots, problems = 0, []
    for mine, found_rows in _by_key(epochs, rows):
        for epoch in mine:
            low = max(epoch.starts_at, after)
            high = min(
                until, seen - longest_delay(epoch.schedules) if epoch.ends_at is None else epoch.ends_at
            )
            if low < high:
                within = [row for row in found_rows if _lies_in(row, epoch, low, high)]
                count, found = _epoch(epoch, within, rows_by_key[epoch.key], low, high)
                slots += count
                problems += found
        problems += _rows([row for row in found_rows if row.span.last > after], alive)
    horizon = min((max(epoch.starts_at, after) for epoch in epochs), default=None)
    return Audit(slots=slots, horizon=horizon, problems=problems)


def _by_key(
    epochs: Iterable[Epoch], rows: Iterable[SlotRow]
) -> Iterator[tuple[list[Epoch], Sequence[SlotRow]]]:
    """Pair the epochs of every job and target with its rows, of which those of one at a time are held in memory."""
    by_key: dict[JobKey, list[Epoch]] = {}
    for epoch in epochs:
        by_key.setdefault(epoch.key, []).append(epoch)
    for key, found in groupby(rows, key=lambda row: row.key):
        yield by_key.pop(key, []), list(found)
    for mine in by_key.values():
        yield mine, ()


def _lies_in(row: SlotRow, epoch: Epoch, low: Instant, high: Instant) -> bool:
    return epoch.starts_at < row.span.first <= high and row.span.last > low


def _epoch(
    epoch: Epoch, rows: Sequence[SlotRow], job: JobRow, low: Instant, high: Instant
) -> tuple[int, list[Problem]]:
    """Check (low, high] of an epoch: each slot lies in exactly one row, or is open for a stated reason."""
    times = slots_of(epoch.schedules, epoch.starts_at)
    # Up to here every slot must have its row; a reason to be open holds for all that come after the position.
    closed = high if epoch.ends_at is not None or job.open_reason is None else min(high, job.position)
    problems, reached = [], low
    for row in rows:
        problems += _missing(epoch.key, times.between(reached, min(row.span.first - 1, closed)))
        if times.count(row.span.first - 1, row.span.last) != row.span.count:
            problems.append(
                Problem(
                    job=epoch.job,
                    target=epoch.target,
                    slot=row.span.first,
                    problem="holds another number of slots",
                )
            )
        reached = max(reached, row.span.last)
    problems += _missing(epoch.key, times.between(reached, closed))
    return times.count(low, high), problems


def _missing(key: JobKey, slots: Iterable[Instant]) -> list[Problem]:
    return [
        Problem(
            job=key.job, target=key.target, slot=slot, problem="has neither a verdict nor a reason to be open"
        )
        for slot in islice(slots, NAMED)
    ]


def _rows(rows: Sequence[SlotRow], alive: set[str]) -> list[Problem]:
    problems, last = [], None
    for row in rows:
        if last is not None and row.span.first <= last:
            problems.append(
                Problem(job=row.job, target=row.target, slot=row.span.first, problem="lies in two spans")
            )
        if row.verdict is None and row.run_id not in alive:
            problems.append(
                Problem(
                    job=row.job, target=row.target, slot=row.span.first, problem="is open, but its run is not"
                )
            )
        last = row.span.last
    return problems
