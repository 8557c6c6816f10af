"""Row `disk`: the space of a year of hourly jobs with the default `[history]`, compared with a fixed limit.

A part of the year is enough: pruning has deleted everything that is older than the `keep_days`.
"""

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

from benchmarks.fixtures import DAY, Runtime, command_jobs
from benchmarks.measure import Figure
from scheduled.config.files import load_config
from scheduled.core.jobs import key_of
from scheduled.core.keys import JobKey
from scheduled.core.records import Claimant
from scheduled.core.run_ids import slot_run_id
from scheduled.core.runs import AttemptResult, Claim, Span
from scheduled.core.tick_times import named
from scheduled.paths import Paths
from scheduled.state.sqlite.ledger import SqliteLedger

HOUR, FURTHER_DAYS = 3600, 10
LEDGER, FILES = 30, 2_000  # MB for 100 jobs, and outputs in a directory
BOOT, HOST = "5c0a6a0b-1f5c-4e3f-9d2e-0a1b2c3d4e5f", "0123456789abcdef"
PORTION = 2_000


def figures(root: Path, *, quick: bool) -> Iterator[Figure]:
    """Compare the ledger and the largest directory of outputs with their limits."""
    jobs = 10 if quick else 100
    runtime = Runtime(root, command_jobs(jobs, 'cron = "0 * * * *"'))
    runtime.begin_epochs(0)
    kept = _live(runtime)
    megabytes = (runtime.state / "ledger.db").stat().st_size / 1e6
    directories = Counter(Paths(runtime.state).output_of(run_id, 1).parent for run_id in kept)
    years = f"a year of {jobs} hourly jobs"
    for work, against, found, most, unit in (
        (f"ledger after {years}", "limit", megabytes, LEDGER * jobs / 100, "MB"),
        (f"largest directory after {years}", "limit", max(directories.values()), FILES, "files"),
    ):
        yield Figure("disk", work, against, [found], [most], limit=1, gate=1.1, unit=unit)


def _live(runtime: Runtime) -> list[str]:
    """Record the runs of all jobs hour by hour, and prune once a day; return the ids of the runs that are kept."""
    config = load_config(runtime.config)
    keys = [key_of(job) for job in config.jobs.values()]
    days = config.keep_days + FURTHER_DAYS
    begin = int(time.time()) // DAY * DAY - days * DAY
    with closing(SqliteLedger(runtime.state / "ledger.db")) as ledger:
        for day in range(begin, begin + days * DAY, DAY):
            with ledger.transaction():
                for slot in range(day, day + DAY, HOUR):
                    _tick(ledger, keys, slot)
            _prune(ledger, day + DAY - config.keep_days * DAY, config.keep_runs)
        return [run.run_id for run in ledger.history(limit=-1)]


def _tick(ledger: SqliteLedger, keys: Iterable[JobKey], slot: int) -> None:
    """Claim the runs of a slot, and record that they succeeded."""
    claimant = Claimant(tick=named(slot, "12345-abcd"), boot=BOOT, host=HOST)
    runs = [(key, slot_run_id(key, slot)) for key in keys]
    for key, run_id in runs:
        claim = Claim(
            run_id=run_id,
            job=key.job,
            slot=slot,
            attempt=1,
            slots=1,
            trigger="schedule",
            window_start=slot - HOUR,
        )
        ledger.claim(claim, claimant, slot + 0.123456)
    for key, run_id in runs:
        _succeed(ledger, key, run_id, slot)


def _succeed(ledger: SqliteLedger, key: JobKey, run_id: str, slot: int) -> None:
    began, ended = slot + 0.234567, slot + 0.345678
    ledger.started(run_id, 1, began)
    result = AttemptResult(
        run_id=run_id,
        attempt=1,
        status="success",
        started_at=began,
        finished_at=ended,
        duration_ms=111,
        exit_code=0,
        output_bytes=5,
    )
    ledger.ended(result, "success", None, None)
    ledger.record_verdict(key, Span(slot, slot, 1), "success", "", run_id, int(ended))
    ledger.advance(key, slot)


def _prune(ledger: SqliteLedger, before: int, keep_runs: int) -> None:
    following: JobKey | None = None
    while True:
        with ledger.transaction():
            _, following = ledger.prune(before, keep_runs, PORTION, following)
        if following is None:
            return
