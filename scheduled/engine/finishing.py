"""The end of a tick: record why slots stay open and what is wrong, deliver notices, export metrics, publish the snapshot."""

from collections.abc import Collection
from functools import partial
from typing import TYPE_CHECKING

from scheduled import clock
from scheduled.config.config import messages
from scheduled.core.planner import Plan
from scheduled.engine import announcing, clock_steps, follow_ups, planning, publish, to_plan
from scheduled.engine.announcing import Announcement, TickFacts
from scheduled.engine.dispatch import Dispatcher
from scheduled.engine.planning import Gates
from scheduled.engine.runtime import Runtime
from scheduled.notify import outbox
from scheduled.schedules.zones import Instant
from scheduled.state.ledger import Ledger

if TYPE_CHECKING:
    from scheduled.core.runs import OpenReason
    from scheduled.engine.tick_gates import TickGates
    from scheduled.notify.routes.base import Route


def finish(
    runtime: Runtime,
    ledger: Ledger,
    asked: "TickGates | None",
    facts: TickFacts,
    dispatcher: Dispatcher,
    *,
    heartbeat: int | None,
) -> Announcement:
    """Record what is due next and what is wrong, and publish the snapshot; return what to print.

    *asked* are the gates of the tick. *facts* are what it found; its list of events is still growing. *dispatcher* knows what
    it left to the next tick.
    """
    now = clock.now()
    wakes = bool(ledger.meta("wake")) or bool(runtime.config.jobs.waking)
    fires = bool(runtime.config.compat.trigger)
    at_once = not fires and not wakes
    announced = Announcement()
    # At once, nothing depends on it before the ledger is closed.
    with ledger.transaction(durable=not at_once):
        unanswered = [] if asked is None else asked.remember(ledger)
        plan = _plan_rest(runtime, ledger, Gates() if asked is None else asked.gates, dispatcher, now)
        if at_once:
            announced = announcing.announce(runtime, ledger, facts, now)
    if not dispatcher.events_left:
        follow_ups.log_limit(runtime, plan)
    runtime.publish(plan.events)
    for text in unanswered:
        runtime.log_line("WARNING", text)
    # Outside of a transaction, since both may take until their timeout.
    if fires and facts.events:
        from scheduled.engine import outgoing  # few configurations have a trigger

        outgoing.fire(runtime, facts.events)
    alarm = _set_alarm(runtime, ledger, plan) if wakes else None
    if not at_once:
        with ledger.transaction(durable=False):  # closed next, too
            announced = announcing.announce(runtime, ledger, facts, now)
    announcing.clean(runtime, ledger, announced)
    if runtime.config.metrics.textfile:
        _export(runtime, ledger, facts, now, heartbeat, announced)
    logged = [*messages(runtime.config).values(), runtime.journal_problem]
    for text in set(announced.problems).intersection(logged):
        runtime.log_line("WARNING", text)
    if announced.posted:
        _deliver_news(runtime, ledger, announced)
    publish.snapshot(runtime, ledger, plan, now, heartbeat, alarm, broken_at=announced.broken_at)
    return announced


def deliver(runtime: Runtime, ledger: Ledger) -> list[str]:
    """Deliver the notices that are due; return an error message for each that was not delivered."""
    return outbox.deliver(
        ledger,
        partial(_route, runtime),
        clock.now,
        lambda text: runtime.log_line("WARNING", text),
        lambda: _printed(runtime),
    )


def _route(runtime: Runtime) -> "Route":
    from scheduled.engine import outgoing  # few ticks have a notice to deliver

    return outgoing.route(runtime)


def _printed(runtime: Runtime) -> Collection[str]:
    from scheduled.engine import printed_notices  # few ticks have a notice to deliver

    return printed_notices.channels(runtime)


def _deliver_news(runtime: Runtime, ledger: Ledger, announced: Announcement) -> None:
    """Deliver the notices that this tick has just posted; add the errors to *announced*.

    They are not printed: the next tick, which is due when they are tried again, finds what does not work.
    """
    announced.undelivered += deliver(runtime, ledger)


def _export(
    runtime: Runtime,
    ledger: Ledger,
    facts: TickFacts,
    now: float,
    heartbeat: int | None,
    announced: Announcement,
) -> None:
    """Write the file of metrics; if it can't be written any more, or can be again, add this to *announced*.

    The metrics describe what `announced` has recorded, so this follows it. The events were announced.
    """
    from scheduled.engine import textfile  # most configurations name no such file

    if textfile.export(runtime, ledger, heartbeat, now):
        with ledger.transaction(durable=False):
            announced.add(announcing.announce(runtime, ledger, facts._replace(events=[]), now))


def _plan_rest(runtime: Runtime, ledger: Ledger, gates: Gates, dispatcher: Dispatcher, now: float) -> Plan:
    """Plan once more at *now*, after the runs of the tick, and record why slots stay open and when jobs are due next."""
    config = runtime.config
    # A run that started before a backward clock step has ended, so its job can be rewound now.
    stepped = clock_steps.step_back(ledger, config.jobs, int(now))
    claimed = {claim.key for claim in dispatcher.claimed}
    plan = planning.plan_and_record(
        ledger,
        config,
        int(now),
        keys=None if stepped else to_plan.keys(ledger, config, int(now), claimed),
        gates=gates,
        # With a budget of 0, due slots that this tick does not start get the open reason `budget`.
        budget=None if config.max_runs is None else 0,
        events=None if dispatcher.events_left else 0,
        sessions=0 if dispatcher.sessions_left == 0 else None,
    )
    to_plan.remember(ledger, config, int(now))
    # Read `planned` again: a later tick may have planned by now.
    planned = int(ledger.meta("planned") or 0)
    rest: OpenReason = "budget" if dispatcher.out_of_time else "due"
    planning.record_left_over(ledger, plan, planned, dispatcher.untaken, rest)
    return plan


def _set_alarm(runtime: Runtime, ledger: Ledger, plan: Plan) -> Instant | None:
    """Set or clear the alarm that wakes the machine; return when the next tick has to set it again, if at all."""
    from scheduled.engine import wake  # most configurations have no job that wakes the machine

    return wake.update(runtime, ledger, plan, clock.now())
