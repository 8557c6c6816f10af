"""Runs that result files prove and the ledger does not have: it was replaced by an older one, or lost its last transactions.

The snapshot shows this only if a tick has published it since. A tick that was killed has left its result file.
"""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import msgspec

from scheduled.core.configured_jobs import Jobs
from scheduled.core.jobs import keys_of
from scheduled.core.keys import JobKey
from scheduled.engine.runtime import Runtime
from scheduled.errors import StateError
from scheduled.execution.protocol import Ended, Record, Started, read_records
from scheduled.schedules.zones import Instant
from scheduled.state import live_runs
from scheduled.state.files import read_regular
from scheduled.state.ledger import Ledger
from scheduled.state.locks import is_held

SLOT = r"(\d{8}T\d{6}Z)(?:-[0-9a-f]+)?"  # what follows the job in the id of the run for a slot


class Proved(msgspec.Struct, frozen=True):
    """An attempt that a result file proves. *lives* is whether it may still run."""

    run_id: str
    attempt: int
    started_at: float
    lives: bool


def proved(runtime: Runtime, paths: Iterable[Path]) -> list[Proved]:
    """Return the attempts that the result files *paths* of other ticks prove. Call it before a transaction."""
    found: list[Proved] = []
    for path in paths:
        with suppress(OSError, StateError):  # another tick has removed it; `leftovers` reports other errors
            lives = is_held(path)
            found += _attempts(runtime, read_records(read_regular(path)), lives=lives)
    return found


def _attempts(runtime: Runtime, records: Iterable[Record], *, lives: bool) -> list[Proved]:
    started = {
        (record.run_id, record.attempt): record.at for record in records if isinstance(record, Started)
    }
    ended = [record.attempt_result for record in records if isinstance(record, Ended)]
    started |= {(one.run_id, one.attempt): one.started_at for one in ended if one.started_at is not None}
    over = {(one.run_id, one.attempt) for one in ended}
    return [
        Proved(*key, at, lives or (key not in over and is_held(runtime.paths.output_of(*key))))
        for key, at in started.items()
    ]


def settle(ledger: Ledger, runtime: Runtime, found: Iterable[Proved], now: float) -> list[str]:
    """Record that the slots of runs that the ledger does not have are decided, in the caller's transaction; return a warning.

    Raise BusyError if such a run may still be under way.
    """
    found = list(found)
    names = live_runs.missing(ledger, {one.run_id: one.started_at for one in found})
    if not names:
        return []
    from scheduled.state import rollback  # rarely needed

    live_runs.refuse(runtime.paths, ledger, {one.run_id: one.started_at for one in found if one.lives})
    for run_id in names:
        slot = _slot_of(runtime.config.jobs, run_id)
        if slot is not None:
            rollback.decide(ledger, *slot, int(now))
    rollback.mark_lost(ledger, int(now))
    text = (
        f"{runtime.paths.ledger}: does not have the runs {live_runs.some(names)}, which have results in {runtime.paths.results}: an old"
        " copy was put back, or its write-ahead log was lost; their slots do not run again, and are recorded as skipped"
    )
    return [text]


def _slot_of(jobs: Jobs, run_id: str) -> tuple[JobKey, Instant] | None:
    """Return the job and the slot of which *run_id* is the run; None for a run without a slot, or of no job."""
    import re
    from calendar import timegm
    from time import strptime

    for key in (key for job in jobs.values() for key in keys_of(job)):
        if run_id.startswith(f"{key.in_ids}-"):
            match = re.fullmatch(SLOT, run_id.removeprefix(f"{key.in_ids}-"))
            if match:
                return key, timegm(strptime(match[1], "%Y%m%dT%H%M%SZ"))
    return None
