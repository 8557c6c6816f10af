"""`stop RUN`: end a run that is under way."""

import signal
import time
from typing import Any

from scheduled.core.runs import OpenRun
from scheduled.engine.runtime import Runtime, open_runtime
from scheduled.errors import ConfigError, ScheduledError
from scheduled.execution import process
from scheduled.execution.protocol import Ended, Started, read_records
from scheduled.instance import Instance

POLL = 0.05  # seconds between two checks whether the process has ended


def stop(instance: Instance, run_id: str, *, dry_run: bool = False) -> dict[str, Any]:
    """Send TERM to the process group of a run, and KILL after a grace period; return when its process has ended.

    The run fails and is not retried. Raise ConfigError if no such run is under way, ScheduledError if the run is queued
    and has no process yet.
    """
    runtime = open_runtime(instance)
    with runtime.ledger() as ledger:
        run = ledger.open_run(run_id)
        if run is None or run.status == "waiting_retry":
            raise ConfigError(
                f"{run_id}: no such run is under way; `scheduled history --status running` lists those that are"
            )
        started = _process(runtime, run)
        done = {"run_id": run_id, "job": run.job, "pid": started.pid, "dry_run": dry_run}
        if dry_run:
            return done
        with ledger.transaction():
            ledger.request_stop(run_id)
    _end(started)
    return done


def _process(runtime: Runtime, run: OpenRun) -> Started:
    path = runtime.paths.results_of(run.tick)
    records = read_records(path.read_bytes()) if path.exists() else []
    found = None
    for record in records:
        if isinstance(record, Started) and (record.run_id, record.attempt) == (run.run_id, run.attempt):
            found = record
        # The process of a handler executes several runs in turn, so it may already execute another run.
        if isinstance(record, Ended) and (record.attempt_result.run_id, record.attempt_result.attempt) == (
            run.run_id,
            run.attempt,
        ):
            raise ConfigError(f"{run.run_id}: has just ended; `scheduled history` shows its result")
    if found is not None:
        return found
    raise ScheduledError(f"{run.run_id}: is queued and has no process yet; retry when it is running")


def _end(started: Started) -> None:
    if not process.lives(started.pid, started.born):
        return
    process.signal_group(started.pid, signal.SIGTERM)
    process.signal_group(started.pid, signal.SIGCONT)
    deadline = time.monotonic() + process.KILL_GRACE
    while process.lives(started.pid, started.born):
        if time.monotonic() > deadline:
            process.signal_group(started.pid, signal.SIGKILL)
        time.sleep(POLL)
