"""One tick: load results and events, register, plan, claim, execute, settle, deliver, publish."""

import os
from collections.abc import Collection, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

import msgspec

from scheduled import clock
from scheduled.config import parsed_file
from scheduled.config.config import messages
from scheduled.config.kept_zone import ZONE
from scheduled.core.events import Event
from scheduled.core.manual import ManualRequest
from scheduled.core.planner import Plan
from scheduled.core.records import Claimant
from scheduled.core.starts import Start
from scheduled.core.tick_times import named
from scheduled.engine import (
    announcing,
    claims,
    clock_steps,
    cron_watch,
    dropped,
    edits,
    event_spool,
    expiry,
    facts,
    follow_ups,
    gaps,
    heartbeat,
    intake,
    leftovers,
    planning,
    pruning,
    publish,
    to_plan,
    unended,
)
from scheduled.engine.announcing import Announcement, Printed, TickFacts
from scheduled.engine.dispatch import Dispatcher
from scheduled.engine.intake import Collected
from scheduled.engine.planning import Gates
from scheduled.engine.runtime import Runtime
from scheduled.engine.watched import watched
from scheduled.errors import EXIT_BUSY, EXIT_FAILED, EXIT_OK, EXIT_USAGE
from scheduled.notify import outbox, problems
from scheduled.schedules.zones import Instant
from scheduled.state.ledger import Ledger
from scheduled.state.sqlite.ledger import SqliteLedger

if TYPE_CHECKING:
    from scheduled.core.runs import OpenReason
    from scheduled.core.targets import LastTargets
    from scheduled.engine.tick_gates import TickGates


class Result(msgspec.Struct, kw_only=True):
    """What a tick did.

    *started_at* is in UTC seconds. *busy* are the requested jobs that were not started because they, or jobs
    of their group, were running. *held_back*: a requested run has not ended, or deferred itself. *stopped*: a requested
    run was stopped by hand, and no interface waits for it.
    *unrecorded* are runs that could not be started or recorded. *problems*, *recoveries* and *outputs* are those of the
    `Announcement`.
    """

    tick: str
    started_at: float
    events: list[Event] = []
    busy: list[str] = []
    held_back: bool = False
    stopped: bool = False
    unrecorded: list[str] = []
    problems: list[str] = []
    recoveries: list[str] = []
    outputs: list[Printed] = []
    exit_code: int = EXIT_OK


def tick(
    runtime: Runtime,
    *,
    only: Collection[str] | None = None,
    manual: Sequence[ManualRequest] = (),
    unattended: bool = False,
) -> Result:
    """Run everything that is due and return what was done.

    With *only*, slots of other jobs are not started. With *manual*, these requests run now, and no slot is
    started. *unattended*: no person started the tick, so it shows that cron works. Raise ScheduledError if the state can't be used; no job has been started then.
    """
    now = clock.now()
    claimant = Claimant(tick=_name(now), boot=clock.boot_id(), host="")
    result = Result(tick=claimant.tick, started_at=now)
    runtime.bus.subscribe(Event, result.events.append)
    with watched(runtime, result, unattended=unattended):
        _run(runtime, claimant, result, only=() if manual else only, manual=manual, unattended=unattended)
    return result


def _run(
    runtime: Runtime,
    claimant: Claimant,
    result: Result,
    *,
    only: Collection[str] | None,
    manual: Sequence[ManualRequest],
    unattended: bool,
) -> None:
    now = result.started_at
    with closing(Dispatcher(runtime, claimant, now, only)) as dispatcher, runtime.ledger() as ledger:
        asked, lists = _prepare(runtime, ledger, dispatcher, now, manual, only)
        requested = _claim(
            runtime, ledger, dispatcher, result, lists, only=only, manual=manual, unattended=unattended
        )
        result.unrecorded = dispatcher.follow(ledger)
        undelivered = _deliver(runtime, ledger)
        pruning.prune(runtime, ledger, clock.now())
        disabled = problems.failed_while_disabled(runtime.config.jobs, result.events)
        unfinished = unended.messages(ledger, requested)
        result.held_back = bool(unfinished)
        # The answers of the interfaces have the status of the run itself.
        stopped = unended.stopped(ledger, requested) if runtime.claimed is None else []
        result.stopped = bool(stopped)
        facts = TickFacts([*result.unrecorded, *disabled], undelivered, result.events, claimant.tick)
        beat = heartbeat.next_beat(ledger, runtime.paths, now) if unattended else None
        cron_watch.refresh(ledger, clock.now())
        if runtime.pings is not None:
            runtime.pings.settle(ledger)
        announced = _finish(runtime, ledger, asked, facts, dispatcher, heartbeat=beat)
        result.problems = unfinished + stopped + announced.problems
        result.recoveries, result.outputs = announced.recoveries, announced.outputs
        undelivered += announced.undelivered
    result.exit_code = _exit_code(runtime, result, undelivered)


def _prepare(
    runtime: Runtime,
    ledger: SqliteLedger,
    dispatcher: Dispatcher,
    now: float,
    manual: Sequence[ManualRequest],
    only: Collection[str] | None,
) -> "tuple[TickGates | None, dict[str, LastTargets]]":
    """Report what was done to the files of the state, read the lists of targets, and ask the gates of the jobs, if any has one."""
    dispatcher.claimant = msgspec.structs.replace(dispatcher.claimant, host=ledger.host)
    runtime.check_snapshot(now)
    runtime.check_records(ledger)
    parsed_file.keep(runtime.paths, runtime.config)
    runtime.config.override(ledger.overrides())
    lists: dict[str, LastTargets] = {}
    if runtime.config.jobs.with_changing_targets:
        from scheduled.engine import target_lists  # most configurations have no such list

        lists = target_lists.read_due(runtime, ledger, now, manual, only)
    if not runtime.config.jobs.with_gate:
        return None, lists
    from scheduled.engine import gate_checks  # most configurations have no gate

    asked = gate_checks.ask(ledger, runtime.config, int(now), lambda: runtime.environment, manual, only)
    dispatcher.heed(asked)
    asked.asking.collect(gate_checks.WAIT)
    return asked, lists


def _claim(
    runtime: Runtime,
    ledger: SqliteLedger,
    dispatcher: Dispatcher,
    result: Result,
    lists: "dict[str, LastTargets]",
    *,
    only: Collection[str] | None,
    manual: Sequence[ManualRequest],
    unattended: bool,
) -> list[Start]:
    """Record what happened since the last tick, and claim what is due, in one transaction; announce both after it.

    Return the starts for *manual*.
    """
    now, claimant, gates = result.started_at, dispatcher.claimant, dispatcher.gates
    spool = event_spool.Spool(runtime)
    lost = intake.runs_proved(runtime, claimant.tick)
    ledger.make_ready()
    intake.record_portions(ledger, runtime, spool, now)
    with runtime.settling(ledger):
        ledger.saw_host(claimant.host, runtime.host_name, now)
        warnings = _settle_lists(ledger, runtime, lists)
        if unattended:
            ledger.remember("tick_count", str(int(ledger.meta("tick_count") or 0) + 1))
        collected = intake.collect(
            ledger, runtime, claimant, gates, spool, now, unattended=unattended, proved=lost
        )
        # A person who repeats a waiting run decides about it.
        given_up = [] if manual else expiry.give_up_deferred(ledger, runtime, now)
        zone = ledger.meta(ZONE)
        edited = _register(ledger, runtime, now)
        new_zone = edits.zone_remark(zone, ledger.meta(ZONE))
        due = _due(ledger, runtime, now, gates, only)
        requested, result.busy = claims.manual_starts(ledger, runtime.config, manual, claimant, int(now))
        able = dispatcher.take(ledger, due.starts, requested)
        planning.record_unclaimed(ledger, due, dispatcher.claimed, dispatcher.untaken)
        facts.note(ledger, runtime, [*collected.events, *given_up, *due.events, *dispatcher.events])
    if runtime.claimed is not None and able and (requested or not manual):
        # From here on the request can't be refused: a waiting caller may return.
        runtime.claimed(_run_ids(dispatcher, requested))
    if new_zone:
        runtime.log_line("INFO", new_zone)
    for text in warnings:
        runtime.log_line("WARNING", text)
    _announce(runtime, ledger, collected, [*given_up, *edited, *due.events])
    for events in dropped.rest(ledger, runtime.config, int(now)):
        runtime.publish(events)
    return requested


def _settle_lists(ledger: Ledger, runtime: Runtime, lists: "dict[str, LastTargets]") -> list[str]:
    """Record the *lists* of targets that this tick has read; return a warning for each problem."""
    if not lists:
        return []
    from scheduled.engine import target_lists

    return target_lists.settle(ledger, runtime.config, lists)


def _announce(runtime: Runtime, ledger: Ledger, collected: Collected, planned: Sequence[Event]) -> None:
    """Publish what was *collected* and *planned*, and remove the files that the commit has replaced."""
    intake.publish(runtime, collected)
    leftovers.remove(ledger, runtime)
    runtime.publish(planned)


def _register(ledger: Ledger, runtime: Runtime, now: float) -> list[Event]:
    """Put the configuration in force, if it is not; return the events to publish after the commit."""
    config = runtime.config
    if to_plan.keys(ledger, config, int(now)) is None or edits.is_outdated(ledger, config, int(now)):
        return planning.register(ledger, config, int(now))
    edits.remember(ledger, config)
    return []


def _due(ledger: Ledger, runtime: Runtime, now: float, gates: Gates, only: Collection[str] | None) -> Plan:
    budget = runtime.config.max_runs
    events = runtime.config.max_event_runs
    keys = to_plan.keys(ledger, runtime.config, int(now))
    found = planning.plan_and_record(
        ledger,
        runtime.config,
        int(now),
        only=only,
        keys=keys,
        gates=gates,
        budget=budget,
        events=events,
        sessions=runtime.config.max_sessions,
    )
    to_plan.remember(ledger, runtime.config, int(now))
    if only is None:
        gaps.remember_tick(ledger, runtime.config.jobs, int(now), int(clock.now()))
    return found


def _run_ids(dispatcher: Dispatcher, requested: Sequence[Start]) -> list[str]:
    """Return the ids of the claimed runs for the *requested* starts; without one, of all claimed runs."""
    keys = {start.claim.key for start in requested}
    return [claim.run_id for claim in dispatcher.claimed if not keys or claim.key in keys]


def _name(now: float) -> str:
    """Return a unique name for a tick that started at *now* (UTC seconds). Names sort by time."""
    return named(now, f"{os.getpid()}-{os.urandom(2).hex()}")


def _finish(
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
    if fires:
        runtime.fire(facts.events)
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


def _deliver(runtime: Runtime, ledger: Ledger) -> list[str]:
    """Deliver the notices that are due; return an error message for each that was not delivered."""
    now = int(clock.now())
    return outbox.deliver(ledger, runtime.route, now, lambda text: runtime.log_line("WARNING", text))


def _deliver_news(runtime: Runtime, ledger: Ledger, announced: Announcement) -> None:
    """Deliver the notices that this tick has just posted; add the errors to *announced*."""
    errors = _deliver(runtime, ledger)
    if errors:
        with ledger.transaction(durable=False):
            problems.remember(ledger, errors, clock.now())
        announced.problems += errors
        announced.undelivered += errors


def _export(
    runtime: Runtime,
    ledger: Ledger,
    facts: TickFacts,
    now: float,
    heartbeat: int | None,
    announced: Announcement,
) -> None:
    """Write the file of metrics; if this is not possible, add the problem to *announced* unless it is known."""
    from scheduled.engine import textfile  # most configurations name no such file

    if textfile.export(runtime, ledger, heartbeat, now):
        with ledger.transaction(durable=False):
            announced.problems += announcing.announce(runtime, ledger, facts, now).problems


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


def _exit_code(runtime: Runtime, result: Result, undelivered: list[str]) -> int:
    if runtime.config.problems:
        return EXIT_USAGE
    unrecorded = undelivered or result.unrecorded or runtime.unrecorded
    if unrecorded or result.stopped or any(event.name == "job_failed" for event in result.events):
        return EXIT_FAILED
    return EXIT_BUSY if result.busy or result.held_back else EXIT_OK
