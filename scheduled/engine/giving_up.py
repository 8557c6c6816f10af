"""Give up a run that waits for its next attempt: its slot is skipped, and its chain continues."""

from scheduled.core.events import Event
from scheduled.core.judgement import BY_HAND, STOPPED
from scheduled.core.runs import OpenRun, Span
from scheduled.engine import skips
from scheduled.engine.runtime import Runtime
from scheduled.engine.settle import context_of, step_over
from scheduled.schedules.zones import Instant
from scheduled.state.ledger import Ledger


def give_up(ledger: Ledger, runtime: Runtime, run: OpenRun, reason: str, now: Instant) -> list[Event]:
    """End *run*, which waits for its next attempt, as skipped for *reason*, in the caller's transaction.

    With `from = "end"` the next interval begins *now*. Return the events to publish after the commit.
    """
    if run.slot is not None:
        span = Span(run.slot, run.slot, 1)
        ledger.record_verdict(run.key, span, "skipped", reason, run.run_id, now)
        ledger.advance(run.key, run.slot)
    ledger.close_run(run.run_id, "skipped", reason)
    if run.slot is not None:
        from scheduled.engine import intervals  # few runs are given up

        intervals.run_ended(ledger, run.key, now)
    event = skips.of_run(run, reason, runtime.zone)
    skips.announce(ledger, runtime.config.jobs, [event], now)
    status = {STOPPED: "stopped", BY_HAND: "skipped"}.get(reason, "deferred")
    return [event, *step_over(ledger, context_of(runtime, now), run, status, reason)]
