"""Record the conditions of a large report in portions, before the transaction that settles its run.

Other processes wait for a transaction, so it must be short. A crash between two portions loses nothing: the run is still
open, the next tick reads the report again, and only the conditions that are not recorded yet have changed then. The notices
of a group are recorded with its first portion.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from scheduled import clock
from scheduled.core.jobs import job_of
from scheduled.core.runs import AttemptResult, OpenRun
from scheduled.engine import reports, settle
from scheduled.engine.runtime import Runtime
from scheduled.execution.report_file import read_report
from scheduled.state.ledger import Conditions, Ledger

if TYPE_CHECKING:
    from scheduled.notify.conditions import Part

LARGE = 1 << 16  # bytes of a report from which on its conditions are recorded in portions
PORTION = 500  # conditions of a transaction


def record(ledger: Ledger, runtime: Runtime, attempt_result: AttemptResult) -> None:
    """Record the conditions that the report of an ended attempt changes, if they may be many; call it outside a transaction.

    Do nothing if the attempt did not succeed, or if it is settled already.
    """
    path = runtime.paths.report_of(attempt_result.run_id, attempt_result.attempt)
    run = _open(ledger, attempt_result) if os.path.lexists(path) else None
    if run is None or not is_large(ledger, path, run):
        return
    try:
        reported = read_report(path)
    except OSError:
        return  # the tick that settles the run reports the error
    job = job_of(runtime.config.jobs, run.key)
    succeeded = reports.with_outcome(attempt_result, reported).status == "success"
    if job is None or reported.outcome is None or not succeeded:
        return
    context = settle.context_of(runtime, clock.now())
    parts = reports.changed_parts(ledger, context, job, run, reported, PORTION)
    if all(_record(ledger, runtime, attempt_result, portion) for portion in _portions(parts)):
        reported.recorded = True
        runtime.reports[path] = reported


def is_large(ledger: Conditions, report: Path, run: OpenRun) -> bool:
    """Return whether the file *report* of *run* may change many conditions: it has many, or many are known."""
    try:
        size = report.lstat().st_size
    except OSError:
        return False
    return size >= LARGE or ledger.condition_count(run.key) >= PORTION


def _portions(parts: Iterable["Part"]) -> Iterator[list["Part"]]:
    """Yield *parts* in lists with at least PORTION conditions, but for the last one."""
    portion: list[Part] = []
    size = 0
    for part in parts:
        portion.append(part)
        size += part.size
        if size >= PORTION:
            yield portion
            portion, size = [], 0
    yield portion


def _record(ledger: Ledger, runtime: Runtime, attempt_result: AttemptResult, portion: "list[Part]") -> bool:
    """Record *portion* and publish its events; return False if another tick has settled the run."""
    from scheduled.notify import conditions  # only if a report is large

    context = settle.context_of(runtime, clock.now())
    with ledger.transaction():
        run = _open(ledger, attempt_result)
        if run is None:
            return False
        events = conditions.record(ledger, run.key, run.run_id, portion, context.now)
        events += settle.spread(ledger, context, run, events)
    runtime.publish(events)
    return True


def _open(ledger: Ledger, attempt_result: AttemptResult) -> OpenRun | None:
    """Return the run of the attempt; None if the attempt is settled already."""
    run = ledger.open_run(attempt_result.run_id)
    same = run is not None and run.attempt == attempt_result.attempt and run.status != "waiting_retry"
    return run if same else None
