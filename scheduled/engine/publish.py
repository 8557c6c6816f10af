"""What others read after a tick: the snapshot (later the status page and the metrics file)."""

import os

from scheduled import idle
from scheduled.core import planner
from scheduled.core.planner import Plan
from scheduled.engine.runtime import Runtime
from scheduled.state import snapshot as document
from scheduled.state.ledger import Ledger
from scheduled.state.locks import exclusive


def snapshot(runtime: Runtime, ledger: Ledger, plan: Plan, now: float) -> None:
    """Publish scheduled_state.json for *plan*; raises StateError if it can't be written."""
    with exclusive(runtime.paths.root / "snapshot.lock"):
        content = document.summary(ledger, runtime.handlers(), runtime.zone, int(now))
        due = planner.next_due(plan.jobs.values(), [item.next_try for item in ledger.outbox()])
        if runtime.config.problems or any(run.status != "waiting_retry" for run in ledger.open_runs()):
            due = int(now)  # the next tick has something to look after
        ledger.close()  # folds the write-ahead log in, so that the fingerprint below stays true
        edited = idle.edited(os.fsencode(runtime.config.path), os.fsencode(runtime.paths.root))
        document.publish(
            runtime.paths.snapshot, content, next_due=due, edited=edited, now=now, zone=runtime.zone
        )


def changed(runtime: Runtime, ledger: Ledger, now: float) -> None:
    """Bring the snapshot up to date when a command changed the ledger between ticks; the next tick completes it.

    The heartbeat stays that of the last tick. Where there was no tick there is no snapshot either.
    """
    path = runtime.paths.snapshot
    with exclusive(runtime.paths.root / "snapshot.lock"):
        beat, due = document.header(path)
        if beat is None:
            return
        content = document.summary(ledger, runtime.handlers(), runtime.zone, int(now))
        ledger.close()
        edited = idle.edited(os.fsencode(runtime.config.path), os.fsencode(runtime.paths.root))
        # What the last tick left to the next stays left to it: `audit` asks up to when slots are accounted for.
        due = int(now) if due is None else min(due, int(now))
        document.publish(path, content, next_due=due, edited=edited, now=now, zone=runtime.zone)
        os.utime(path, ns=(beat, beat))
