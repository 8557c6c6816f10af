"""`stop RUN`: end a run that is under way, with the steps of a chain, or a run that waits for its next attempt."""

import signal
import time
from collections.abc import Sequence
from typing import Any

from scheduled import clock
from scheduled.commands.changing import changing
from scheduled.core.events import Event
from scheduled.core.jobs import KILL_AFTER
from scheduled.core.judgement import STOPPED
from scheduled.core.records import CHAIN
from scheduled.core.runs import UNDER_WAY, OpenRun
from scheduled.engine import chains
from scheduled.engine.giving_up import give_up
from scheduled.engine.runtime import Runtime, open_runtime
from scheduled.engine.settle import context_of, settle_attempt
from scheduled.errors import ConfigError, StateError
from scheduled.execution import process, run_group, stop_orders
from scheduled.execution.protocol import Record, Started, read_records
from scheduled.execution.report_file import Reported
from scheduled.instance import Instance
from scheduled.queries.last_known import config_of
from scheduled.schedules.zones import Seconds
from scheduled.state.ledger import Ledger
from scheduled.state.locks import is_held
from scheduled.state.open import read_only

PATIENCE = 5.0  # seconds after KILL; then the process is signalled here: its supervisor hangs, or is of an older version
POLL = 0.05  # seconds between two checks whether the process has ended


def stop(instance: Instance, run_id: str, *, dry_run: bool = False) -> dict[str, Any]:
    """Send TERM to the process group of a run, and KILL after the `kill_after` of its job; return when its process has ended.

    Its supervisor does it, and starts no further step but `post`. If the supervisor is dead, or does not do it, it is done here.
    Its slot is skipped, and the run is not retried. The steps of a chain end with it. A run that waits for its next
    attempt ends at once; one that is queued ends when its turn comes. Raise ConfigError if no such run is open.

    A configuration that cannot be read does not prevent it: `instance.config_error` is then the reason.
    """
    instance.without_config = True
    runtime = open_runtime(instance, config=config_of(instance))
    with read_only(runtime.paths) as ledger:
        runs = _with_steps(ledger, run_id)
    processes = [(found, run.job) for run in runs if (found := _process(runtime, run)) is not None]
    if len(runs) == 1 and not processes:
        _refuse_ended(runtime, runs[0])
    if not dry_run:
        _request(runtime, run_id)
        for run in runs:
            _order(runtime, run)
        for run in runs:
            _await_supervisor(runtime, run)
        _end([(found, _kill_after(runtime, run.job)) for run in runs if (found := _to_end(runtime, run))])
    return {
        "run_id": run_id,
        "job": runs[0].job,
        "target": runs[0].target or None,
        "pid": next((started.pid for started, _ in processes if started.run_id == run_id), None),
        "status": runs[0].status,
        "steps": [run.run_id for run in runs[1:]],
        "dry_run": dry_run,
    }


def _with_steps(ledger: Ledger, run_id: str) -> list[OpenRun]:
    """Return an open run and the open runs of its steps, at any depth. Raise ConfigError if it is not open."""
    if ledger.open_run(run_id) is None:
        raise ConfigError(_not_open(ledger, run_id))
    found = [run for run in ledger.open_runs() if run.run_id == run_id]
    for parent in found:
        found += [run for run in ledger.open_runs() if run.parent == parent.run_id]
    return found


def _not_open(ledger: Ledger, run_id: str) -> str:
    row = ledger.run(run_id)
    if row is None:
        return (
            f"{run_id}: no such run is under way; `scheduled history --status running` lists those that are"
        )
    return f"{run_id}: has already ended ({row.status}); `scheduled history {row.key.display_name}` shows its result"


def _request(runtime: Runtime, run_id: str) -> None:
    """Record that the user ends the run and its steps, and settle those without a process."""
    now, events = clock.now(), list[Event]()
    with changing(runtime) as ledger:
        runs = _with_steps(ledger, run_id)
        ids = {run.run_id for run in runs}
        for row in ledger.start_requests():
            if row.parent in ids:
                ledger.take_start_request(row.id)
        for run in runs:  # a chain before its steps, so that it does not continue after them
            events += _settle(ledger, runtime, run, now)
    runtime.publish(events)


def _settle(ledger: Ledger, runtime: Runtime, run: OpenRun, now: float) -> Sequence[Event]:
    ledger.request_stop(run.run_id)
    if run.status == "waiting_retry":
        return give_up(ledger, runtime, run, STOPPED, int(now))
    if run.tick == CHAIN:
        result = chains.stopped(run, now)
        return settle_attempt(ledger, context_of(runtime, now), run, result, Reported())
    return ()


def _process(runtime: Runtime, run: OpenRun) -> Started | None:
    """Return the process that executes the attempt of *run*; None if there is none (yet, or any more)."""
    records = _records(runtime, run)
    # The process of a handler executes several runs in turn, so it may already execute another run.
    if run_group.has_ended(records, run.run_id, run.attempt):
        return None
    return run_group.started_of(records, run.run_id, run.attempt)


def _records(runtime: Runtime, run: OpenRun) -> list[Record]:
    path = runtime.paths.results_of(run.tick)
    return read_records(path.read_bytes()) if path.exists() else []


def _refuse_ended(runtime: Runtime, run: OpenRun) -> None:
    """Raise ConfigError if the attempt of *run* has ended and is not recorded in the ledger yet."""
    if run.status != "waiting_retry" and run_group.has_ended(_records(runtime, run), run.run_id, run.attempt):
        raise ConfigError(f"{run.run_id}: has just ended; `scheduled history` shows its result")


def _order(runtime: Runtime, run: OpenRun) -> None:
    """Order the supervisor of *run* to end it. Raise StateError if that is not possible."""
    if run.status not in UNDER_WAY or run.tick == CHAIN:
        return
    path = runtime.paths.stop_of(run.run_id, run.attempt)
    try:
        stop_orders.give(path)
    except OSError as error:
        raise StateError(f"{path}: {error.strerror}; the run was not stopped") from error


def _await_supervisor(runtime: Runtime, run: OpenRun) -> None:
    """Wait until the supervisor of *run* has ended its process, if it has one; not longer than it may take."""
    first = _process(runtime, run)
    deadline = time.monotonic() + _kill_after(runtime, run.job) + PATIENCE
    while _to_end(runtime, run, first) is not None and time.monotonic() < deadline:
        if not is_held(runtime.paths.results_of(run.tick)):
            return
        time.sleep(POLL)


def _to_end(runtime: Runtime, run: OpenRun, first: Started | None = None) -> Started | None:
    """Return the process of *run* that must end; None if it has a result, or its `post` follows the process *first*."""
    found = _process(runtime, run)
    return None if found is None or (found.so_far is not None and found != first) else found


def _kill_after(runtime: Runtime, name: str) -> Seconds:
    """Return `kill_after` of a job; the default if it is no longer configured."""
    job = runtime.config.jobs.get(name)
    return KILL_AFTER if job is None else job.kill_after


def _end(processes: Sequence[tuple[Started, Seconds]]) -> None:
    """Send TERM to *processes*, and KILL to each that lives longer than its seconds; return when all have ended."""
    alive = [one for one in processes if process.lives(one[0].pid, one[0].born)]
    for started, kill_after in alive:
        process.signal_group(started.pid, signal.SIGTERM if kill_after else signal.SIGKILL)
        process.signal_group(started.pid, signal.SIGCONT)
    began = time.monotonic()
    # The shortest time first, or the wait for another process would prolong it.
    for started, kill_after in sorted(alive, key=lambda one: one[1]):
        _await(started, began + kill_after)


def _await(started: Started, deadline: float) -> None:
    while process.lives(started.pid, started.born):
        if time.monotonic() > deadline:
            process.signal_group(started.pid, signal.SIGKILL)
        time.sleep(POLL)
