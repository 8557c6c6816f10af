"""The proof of promise 1: recompute every slot there had to be and hold it against the ledger. Pure."""

from collections.abc import Iterable, Sequence
from itertools import groupby, islice

import msgspec

from scheduled.epochs import slots_of
from scheduled.jobs import Instant
from scheduled.state.ledger import Epoch, JobRow, SlotRow

NAMED = 20  # slots of one fault that are named one by one


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """A slot, or a row, that is not accounted for."""

    job: str
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
) -> Audit:
    """Given the whole ledger and the instant of the last tick, return what is accounted for and what is not."""
    alive = set(open_runs)
    by_job = {name: list(found) for name, found in groupby(rows, key=lambda row: row.job)}
    standing = {job.job: job for job in jobs}
    slots, problems = 0, []
    for epoch in epochs:
        job = standing[epoch.job]
        mine = [
            row
            for row in by_job.get(epoch.job, [])
            if epoch.starts_at < row.span.first <= (epoch.ends_at or seen)
        ]
        count, found = _epoch(epoch, mine, job, seen)
        slots += count
        problems += found
    for found_rows in by_job.values():
        problems += _rows(found_rows, alive)
    return Audit(
        slots=slots, horizon=min((epoch.starts_at for epoch in epochs), default=None), problems=problems
    )


def _epoch(epoch: Epoch, rows: Sequence[SlotRow], job: JobRow, seen: Instant) -> tuple[int, list[Problem]]:
    """Check one epoch: each of its slots lies in exactly one row, or after the last one for a stated reason."""
    times = slots_of(epoch.schedule, epoch.starts_at)
    until = seen - epoch.schedule.delay if epoch.ends_at is None else epoch.ends_at
    problems, reached = [], epoch.starts_at
    for row in rows:
        problems += _missing(epoch.job, times.between(reached, row.span.first - 1))
        if times.count(row.span.first - 1, row.span.last) != row.span.count:
            problems.append(
                Problem(job=epoch.job, slot=row.span.first, problem="holds another number of slots")
            )
        reached = max(reached, row.span.last)
    if epoch.ends_at is not None:
        problems += _missing(epoch.job, times.between(reached, until))
    elif job.open_reason is None:
        problems += _missing(epoch.job, times.between(max(reached, epoch.starts_at), until))
    return times.count(epoch.starts_at, until), problems


def _missing(job: str, slots: Iterable[Instant]) -> list[Problem]:
    return [
        Problem(job=job, slot=slot, problem="has neither a verdict nor a reason to be open")
        for slot in islice(slots, NAMED)
    ]


def _rows(rows: Sequence[SlotRow], alive: set[str]) -> list[Problem]:
    problems, last = [], None
    for row in rows:
        if last is not None and row.span.first <= last:
            problems.append(Problem(job=row.job, slot=row.span.first, problem="lies in two spans"))
        if row.verdict is None and row.run_id not in alive:
            problems.append(Problem(job=row.job, slot=row.span.first, problem="is open, but its run is not"))
        last = row.span.last
    return problems
