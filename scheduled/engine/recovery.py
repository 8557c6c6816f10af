"""Settle open runs that their own tick can't settle, because it was killed or the machine crashed.

A record in the result file decides. Without one, the run still runs if its process or its lock exists. If not, the outcome
in the report of its handler decides, and without one it was interrupted. Locks are asked before records are read: a run may end in between.
"""

import os
import signal
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

import msgspec

from scheduled.clock import boot_id
from scheduled.core.events import Event
from scheduled.core.jobs import OUTPUT_LIMIT
from scheduled.core.records import CHAIN
from scheduled.core.runs import UNDER_WAY, AttemptResult, AttemptStatus, OpenRun
from scheduled.engine import lost_steps
from scheduled.engine.runtime import Runtime
from scheduled.engine.settle import leave_to_next_tick, settle_finished
from scheduled.execution import process, run_group
from scheduled.execution.protocol import Ended, NotStarted, Record, Started, read_records, unreadable
from scheduled.execution.report_file import read_report
from scheduled.state.files import RefusedError, read_regular
from scheduled.state.ledger import Ledger
from scheduled.state.locks import is_held

OUTPUT_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW


def settle_ended(
    ledger: Ledger, runtime: Runtime, now: float, only: Collection[str] | None = None
) -> list[Event]:
    """Settle every open run that has ended, even if its tick is still alive; return the events to publish.

    With *only*, settle no other runs than those with these ids. The files of the runs stay until `leftovers.remove` is called after the commit.
    """
    events: list[Event] = []
    ticks: dict[str, _Tick] = {}
    for run in ledger.open_runs():
        if (
            run.status == "waiting_retry"
            or run.tick == CHAIN
            or (only is not None and run.run_id not in only)
        ):
            continue
        try:
            if run.tick not in ticks:
                ticks[run.tick] = _tick(runtime, run.tick)
            events += _settle_one(ledger, runtime, run, ticks[run.tick], now)
        except OSError as error:
            leave_to_next_tick(runtime, run, error)
    if only is not None:
        return events
    events += lost_steps.close_waiting(ledger, runtime, now)
    events += lost_steps.drop(ledger, runtime, now)
    events += lost_steps.continue_without_runs(ledger, runtime, now)
    return events


def record_large_reports(ledger: Ledger, runtime: Runtime) -> None:
    """Record the conditions in large reports of runs that have ended and are not settled; see `large_reports`."""
    from scheduled.engine import large_reports  # rarely needed

    for run in ledger.open_runs():
        report = runtime.paths.report_of(run.run_id, run.attempt)
        under_way = run.status in UNDER_WAY and run.tick != CHAIN
        if under_way and large_reports.is_large(ledger, report, run):
            with suppress(OSError):  # `settle_ended` reports it
                tick = _tick(runtime, run.tick)
                # A tick that lives records them itself; two at once would publish an event twice.
                for record in () if tick.lives else tick.of(run):
                    if isinstance(record, Ended):
                        large_reports.record(ledger, runtime, record.attempt_result)


class _Tick(msgspec.Struct, frozen=True):
    """Whether the supervisor of a tick lives, and the records in its result file: all of them if it does not."""

    lives: bool
    records: dict[tuple[str, int], list[Record]]  # by run and attempt: a killed tick may have left very many

    def of(self, run: OpenRun) -> list[Record]:
        """Return the records of the current attempt of *run*, in order."""
        return self.records.get((run.run_id, run.attempt), [])


def _tick(runtime: Runtime, name: str) -> _Tick:
    """Return what is known of the tick *name*. Raise OSError if its result file can't be read now."""
    path = runtime.paths.results_of(name)
    lives = is_held(path)  # asked first: without the lock no record is added any more
    return _Tick(lives, _by_attempt(_records(runtime, path)))


def _records(runtime: Runtime, path: Path) -> list[Record]:
    """Return the records of a result file, without those that are damaged. Raise OSError if it can't be read now."""
    try:
        data = read_regular(path)
    except FileNotFoundError:
        return []
    except RefusedError as error:
        runtime.add_problem("WARNING", f"{error}; the locks of its jobs decide whether they still run")
        return []
    if damaged := unreadable(data):
        lines = "1 line" if damaged == 1 else f"{damaged} lines"
        runtime.add_problem(
            "WARNING", f"{path}: damaged: {lines} can't be read; the file is kept as {path.name}.damaged"
        )
    return read_records(data)


def _by_attempt(records: list[Record]) -> dict[tuple[str, int], list[Record]]:
    """Return *records* by run and attempt, in order."""
    found: dict[tuple[str, int], list[Record]] = {}
    for record in records:
        found.setdefault(_key(record), []).append(record)
    return found


def _settle_one(ledger: Ledger, runtime: Runtime, run: OpenRun, tick: _Tick, now: float) -> list[Event]:
    of_run = tick.of(run)
    for record in of_run:
        if isinstance(record, Ended):
            lingers = run.replaced and _lingers(runtime, run, record, now)
            return [] if lingers else settle_finished(ledger, runtime, run, record.attempt_result, now)
        if isinstance(record, NotStarted):
            ledger.unclaim(run.run_id)
            return []
    started = run_group.started_of(of_run, run.run_id, run.attempt)
    if started is not None:
        ledger.started(run.run_id, run.attempt, started.at)
    if tick.lives:
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
        _ended_unseen(runtime, run, started, now), output_bytes=_close_output(runtime, run)
    )
    return settle_finished(ledger, runtime, run, attempt_result, now)


def _lingers(runtime: Runtime, run: OpenRun, record: Ended, now: float) -> bool:
    from scheduled.engine import replacing  # few jobs have runs that replace others

    return replacing.lingers(runtime, run, record.attempt_result.finished_at, now)


def _close_output(runtime: Runtime, run: OpenRun) -> int:
    """Cut the output of a run without a supervisor; return how many bytes were printed.

    `leftovers.remove` masks it after the commit.
    """
    from scheduled.execution import masked_output  # only if a supervisor was killed
    from scheduled.execution.capped_output import CappedOutput
    from scheduled.execution.kept_secrets import LostSecretsError, mask_in
    from scheduled.masking import Mask

    job, output = runtime.config.jobs.get(run.job), masked_output.of(runtime.paths, run.run_id, run.attempt)
    try:
        mask = mask_in(output.secrets)
    except LostSecretsError:
        mask = Mask()  # `leftovers.remove` drops the output
    try:
        fd = os.open(output.path, OUTPUT_FLAGS)
    except FileNotFoundError:
        return 0
    written = os.fstat(fd).st_mtime_ns
    printed = CappedOutput(fd, job.output_limit if job else OUTPUT_LIMIT, mask).close()
    with suppress(OSError):
        # Should the commit fail, it still shows until when the run ran.
        os.utime(output.path, ns=(written, written))
    return printed


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
        process.signal_group(started.pid, signal.SIGKILL if over > job.kill_after else signal.SIGTERM)
        process.signal_group(started.pid, signal.SIGCONT)


def _never_began(runtime: Runtime, run: OpenRun) -> bool:
    """Return whether the run's process was never started: its output file, made first, does not exist.

    After a reboot a missing file proves nothing, as it may not have reached the disk.
    """
    return run.boot == boot_id() and not runtime.paths.output_of(run.run_id, run.attempt).exists()


def _ended_unseen(runtime: Runtime, run: OpenRun, started: Started | None, now: float) -> AttemptResult:
    """Return the result of an attempt without a record: it was killed, or its handler has ended with an outcome."""
    outcome = read_report(runtime.paths.report_of(run.run_id, run.attempt)).outcome
    killed = _interrupted(runtime, run, started, now)
    if started is not None and started.so_far is not None:
        return _without_post(started.so_far, killed)
    if outcome is None or (outcome.status == "success" and _is_unjudged(runtime, run)):
        return killed
    failed = outcome.status == "failed"
    status: AttemptStatus = "failed" if failed else "success"
    return msgspec.structs.replace(killed, status=status, reason="", exit_code=int(failed))


def _is_unjudged(runtime: Runtime, run: OpenRun) -> bool:
    """Return whether nothing is known of what the supervisor checks after a success, by `fails_if` and `expect`."""
    job = runtime.config.jobs.get(run.job)
    if job is None:
        return False
    return job.fails_if is not None or (job.expect is not None and job.expect.is_about_attempts)


def _without_post(so_far: AttemptResult, killed: AttemptResult) -> AttemptResult:
    """Return the result of an attempt that had ended before its supervisor was killed, while its `post` ran."""
    reason = "; ".join(
        filter(None, [so_far.reason, "post: its result is not known, because the supervisor stopped"])
    )
    times = {"finished_at": killed.finished_at, "duration_ms": killed.duration_ms}
    return msgspec.structs.replace(so_far, reason=reason, **times)


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
