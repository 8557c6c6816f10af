"""Settle open runs that their own tick can't settle, because it was killed or the machine crashed.

A record in the result file decides. Without one, the run still runs if its process or its lock exists, and
was interrupted if not.
"""

import os
import signal
import time
from contextlib import suppress

import msgspec

from scheduled.clock import boot_id
from scheduled.core.events import Event
from scheduled.core.jobs import OUTPUT_LIMIT
from scheduled.core.records import CHAIN
from scheduled.core.runs import UNDER_WAY, AttemptResult, OpenRun
from scheduled.engine import lost_steps
from scheduled.engine.runtime import Runtime
from scheduled.engine.settle import leave_to_next_tick, settle_finished
from scheduled.execution import process
from scheduled.execution.capped_output import CappedOutput
from scheduled.execution.env_file import secrets_of
from scheduled.execution.protocol import Ended, NotStarted, Record, Started, read_records, unreadable
from scheduled.masking import Mask
from scheduled.state.files import read_regular
from scheduled.state.ledger import Ledger
from scheduled.state.locks import is_held

OUTPUT_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW


def settle_ended(ledger: Ledger, runtime: Runtime, now: float) -> list[Event]:
    """Settle every open run that has ended, even if its tick is still alive; return the events to publish.

    The files of the runs stay until `leftovers.remove` is called after the commit.
    """
    events: list[Event] = []
    ticks: dict[str, dict[tuple[str, int], list[Record]]] = {}
    for run in ledger.open_runs():
        if run.status == "waiting_retry" or run.tick == CHAIN:
            continue
        try:
            if run.tick not in ticks:
                ticks[run.tick] = _by_attempt(_records(runtime, run.tick))
            of_run = ticks[run.tick].get((run.run_id, run.attempt), [])
            events += _settle_one(ledger, runtime, run, of_run, now)
        except OSError as error:
            leave_to_next_tick(runtime, run, error)
    events += lost_steps.close_waiting(ledger, runtime, now)
    events += lost_steps.drop(ledger, runtime, now)
    return events


def record_large_reports(ledger: Ledger, runtime: Runtime) -> None:
    """Record the conditions in large reports of runs that have ended and are not settled; see `large_reports`."""
    from scheduled.engine import large_reports  # rarely needed

    for run in ledger.open_runs():
        report = runtime.paths.report_of(run.run_id, run.attempt)
        under_way = run.status in UNDER_WAY and run.tick != CHAIN
        if under_way and large_reports.is_large(ledger, report, run):
            for record in _records(runtime, run.tick):
                if isinstance(record, Ended) and _key(record) == (run.run_id, run.attempt):
                    large_reports.record(ledger, runtime, record.attempt_result)


def _records(runtime: Runtime, tick: str) -> list[Record]:
    """Return the records of a tick's result file, without those that can't be read."""
    path = runtime.paths.results_of(tick)
    try:
        data = read_regular(path)
    except FileNotFoundError:
        return []
    except OSError as error:
        runtime.add_problem(
            "WARNING", f"{path}: {error}; the locks of its jobs decide whether they still run"
        )
        return []
    if damaged := unreadable(data):
        lines = "1 line" if damaged == 1 else f"{damaged} lines"
        runtime.add_problem(
            "WARNING", f"{path}: damaged: {lines} can't be read; the file is kept as {path.name}.damaged"
        )
    return read_records(data)


def _by_attempt(records: list[Record]) -> dict[tuple[str, int], list[Record]]:
    """Return *records* by run and attempt, in order: a killed tick may have left very many."""
    found: dict[tuple[str, int], list[Record]] = {}
    for record in records:
        found.setdefault(_key(record), []).append(record)
    return found


def _settle_one(
    ledger: Ledger, runtime: Runtime, run: OpenRun, of_run: list[Record], now: float
) -> list[Event]:
    for record in of_run:
        if isinstance(record, Ended):
            return settle_finished(ledger, runtime, run, record.attempt_result, now)
        if isinstance(record, NotStarted):
            ledger.unclaim(run.run_id)
            return []
    started = next((record for record in of_run if isinstance(record, Started)), None)
    if started is not None:
        ledger.started(run.run_id, run.attempt, started.at)
    if is_held(runtime.paths.results_of(run.tick)):
        return []
    if _still_runs(runtime, run, started):
        with suppress(OSError):
            os.utime(runtime.paths.results_of(run.tick))  # until when it ran, should it end without a record
        _end_if_overdue(runtime, run, started)
        return []
    if started is None and _never_began(runtime, run):
        ledger.unclaim(run.run_id)
        return []
    attempt_result = msgspec.structs.replace(
        _interrupted(runtime, run, started, now), output_bytes=_close_output(runtime, run)
    )
    return settle_finished(ledger, runtime, run, attempt_result, now)


def _close_output(runtime: Runtime, run: OpenRun) -> int:
    """Cut and mask the output of a run without a supervisor; return how many bytes were printed."""
    job = runtime.config.jobs.get(run.job)
    try:
        fd = os.open(runtime.paths.output_of(run.run_id, run.attempt), OUTPUT_FLAGS)
    except FileNotFoundError:
        return 0
    limit, secrets = (job.output_limit, secrets_of(job, runtime.environment)) if job else (OUTPUT_LIMIT, ())
    return CappedOutput(fd, limit, Mask(secrets)).close()


def _key(record: Record) -> tuple[str, int]:
    if isinstance(record, Ended):
        return record.attempt_result.run_id, record.attempt_result.attempt
    return record.run_id, record.attempt


def _still_runs(runtime: Runtime, run: OpenRun, started: Started | None) -> bool:
    if run.boot != boot_id():
        return False
    # A job that has closed all its descriptors holds no lock, so its process is checked as well.
    alive = started is not None and process.lives(started.pid, started.born)
    return alive or is_held(runtime.paths.output_of(run.run_id, run.attempt))


def _end_if_overdue(runtime: Runtime, run: OpenRun, started: Started | None) -> None:
    """End a job without a supervisor that exceeds its timeout: SIGTERM, then SIGKILL at a later tick.

    SIGCONT follows, as a stopped process would not handle SIGTERM.
    """
    job = runtime.config.jobs.get(run.job)
    if job is None or started is None or not process.lives(started.pid, started.born):
        return
    over = time.monotonic() - started.moment - job.timeout
    if over > 0:
        process.signal_group(started.pid, signal.SIGKILL if over > process.KILL_GRACE else signal.SIGTERM)
        process.signal_group(started.pid, signal.SIGCONT)


def _never_began(runtime: Runtime, run: OpenRun) -> bool:
    """Return whether the run's process was never started: its output file, made first, does not exist.

    After a reboot a missing file proves nothing, as it may not have reached the disk.
    """
    return run.boot == boot_id() and not runtime.paths.output_of(run.run_id, run.attempt).exists()


def _interrupted(runtime: Runtime, run: OpenRun, started: Started | None, now: float) -> AttemptResult:
    """Return the result of an attempt that was killed; it ended when something last showed that it ran."""
    seen = _last_sign(runtime, run, now)
    began = started.at if started is not None else seen
    ended = max(seen, min(began, now))
    return AttemptResult(
        run_id=run.run_id,
        attempt=run.attempt,
        status="interrupted",
        started_at=began,
        finished_at=ended,
        duration_ms=max(0, int((ended - began) * 1000)),
        reason="the machine or the supervisor stopped during the run",
    )


def _last_sign(runtime: Runtime, run: OpenRun, now: float) -> float:
    """Return when *run* wrote its last output, or its supervisor or a tick last saw it; *now* if that is not known.

    A time after *now* comes from a wrong clock.
    """
    found = []
    for path in (runtime.paths.results_of(run.tick), runtime.paths.output_of(run.run_id, run.attempt)):
        with suppress(OSError):
            found.append(path.stat().st_mtime)
    return max((at for at in found if at <= now), default=now)
