"""Find out in a tick which expectations of the jobs are broken."""

import time

from scheduled.clock import boot_id
from scheduled.core.runs import OpenRun
from scheduled.engine.replacing import records_of
from scheduled.engine.runtime import Runtime
from scheduled.execution.run_group import processes_of
from scheduled.notify import expectations
from scheduled.state.ledger import Ledger


def find(runtime: Runtime, ledger: Ledger, now: float) -> expectations.Found:
    """Return the expectations that are broken at *now* (UTC seconds), and when another one can be."""
    return expectations.find(ledger, runtime.config.jobs, now, lambda run: _lasts(runtime, run, now))


def _lasts(runtime: Runtime, run: OpenRun, now: float) -> float:
    """Return for how many seconds *run* is under way, without the time in which the machine was suspended if it is known."""
    if run.boot == boot_id():
        begun = processes_of(records_of(runtime, run), run.run_id, run.attempt)
        if begun:
            return time.monotonic() - begun[0].moment
    return now - (run.started_at or now)
