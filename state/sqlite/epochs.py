"""The epochs of jobs, in SQL."""

import sqlite3
from functools import lru_cache
from typing import Annotated

import msgspec

from scheduled.core.keys import JobKey
from scheduled.core.records import Epoch
from scheduled.schedules.schedule import Schedule
from scheduled.schedules.zones import Instant

_Schedules = Annotated[tuple[Schedule, ...], msgspec.Meta(min_length=1)]


@lru_cache(
    maxsize=1 << 14
)  # a query reads the schedules of each job several times, and many jobs have the same
def read_schedules(text: str) -> tuple[Schedule, ...]:
    """Parse schedules from the JSON of the ledger. Raise msgspec.DecodeError if *text* is invalid."""
    return msgspec.json.decode(text, type=_Schedules)


class Epochs:
    """The `Epochs` of a ledger; see `state.contract` for the contracts."""

    _db: sqlite3.Connection

    def begin_epoch(self, key: JobKey, schedules: tuple[Schedule, ...], starts_at: Instant) -> None:
        """See `Epochs.begin_epoch`."""
        self._db.execute(
            "INSERT INTO jobs (job, target, position) VALUES (?, ?, ?)"
            " ON CONFLICT DO UPDATE SET position = max(position, excluded.position), open_reason = NULL",
            (*key, starts_at),
        )
        self._db.execute(
            "INSERT INTO epochs (job, target, starts_at, schedules) VALUES (?, ?, ?, ?)",
            (*key, starts_at, msgspec.json.encode(schedules).decode()),
        )

    def continue_epoch(self, key: JobKey, schedules: tuple[Schedule, ...], starts_at: Instant) -> None:
        """See `Epochs.continue_epoch`."""
        self.end_epoch(key, starts_at)
        self._db.execute(
            "INSERT INTO epochs (job, target, starts_at, schedules) VALUES (?, ?, ?, ?)",
            (*key, starts_at, msgspec.json.encode(schedules).decode()),
        )

    def ended_epochs(self) -> dict[JobKey, Epoch]:
        """See `Epochs.ended_epochs`."""
        rows = self._db.execute(
            "SELECT job, target, ifnull(starts_at, position), max(position, ifnull(ends_at, position)), ifnull(schedules, '')"
            " FROM jobs LEFT JOIN epochs USING (job, target) WHERE NOT EXISTS (SELECT 1 FROM epochs AS one"
            " WHERE one.job = jobs.job AND one.target = jobs.target AND one.ends_at IS NULL) ORDER BY ends_at, epochs.id"
        )
        return {  # the last epoch of a key replaces its earlier ones
            JobKey(job, target): Epoch(
                job=job,
                target=target,
                starts_at=starts_at,
                ends_at=ends_at,
                schedules=read_schedules(schedules) if schedules else (),
            )
            for job, target, starts_at, ends_at, schedules in rows
        }

    def end_epoch(self, key: JobKey, ends_at: Instant) -> None:
        """See `Epochs.end_epoch`."""
        self._db.execute(
            "UPDATE epochs SET ends_at = ? WHERE job = ? AND target = ? AND ends_at IS NULL", (ends_at, *key)
        )

    def epochs(self) -> list[Epoch]:
        """See `Epochs.epochs`."""
        rows = self._db.execute(
            "SELECT job, target, starts_at, ends_at, schedules FROM epochs ORDER BY job, target, starts_at, id"
        )
        return [
            Epoch(
                job=job,
                target=target,
                starts_at=starts_at,
                ends_at=ends_at,
                schedules=read_schedules(schedules),
            )
            for job, target, starts_at, ends_at, schedules in rows
        ]

    def epoch_ends(self, key: JobKey, first: Instant, last: Instant) -> list[Instant]:
        """See `Epochs.epoch_ends`."""
        rows = self._db.execute(
            "SELECT ends_at FROM epochs WHERE job = ? AND target = ? AND ends_at >= ? AND ends_at < ? ORDER BY ends_at",
            (*key, first, last),
        )
        return [ends_at for (ends_at,) in rows]
