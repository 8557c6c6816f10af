"""One tick: load results and events, register, plan, claim, execute, settle, deliver, publish."""

import os
from collections.abc import Collection, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

import msgspec

from scheduled import clock
from scheduled.config import parsed_file
from scheduled.config.kept_zone import ZONE
from scheduled.core.events import Event
from scheduled.core.manual import ManualRequest
from scheduled.core.planner import Plan
from scheduled.core.records import Claimant
from scheduled.core.starts import Start
from scheduled.core.tick_times import named
from scheduled.core.troubles import Trouble
from scheduled.engine import (
    claims,
    cron_watch,
    dropped,
    edits,
    event_spool,
    expiry,
    facts,
    finishing,
    gaps,
    heartbeat,
    intake,
    leftovers,
    planning,
    pruning,
    registration,
    to_plan,
    unended,
)
from scheduled.engine.announcing import Printed, TickFacts
from scheduled.engine.dispatch import Dispatcher
from scheduled.engine.intake import Collected
from scheduled.engine.planning import Gates
from scheduled.engine.runtime import Runtime
from scheduled.engine.watched import watched
from scheduled.errors import EXIT_BUSY, EXIT_FAILED, EXIT_OK, EXIT_USAGE
from scheduled.notify import problems
from scheduled.state.ledger import Ledger
from scheduled.state.sqlite.ledger import SqliteLedger

if TYPE_CHECKING:
    from scheduled.core.targets import LastTargets
    from scheduled.engine.tick_gates import TickGates


class Result(msgspec.Struct, kw_only=True):
    """What a tick did.

    *started_at* is in UTC seconds. *busy* are the requested jobs that were not started because they, or jobs
    of their group, were running. *held_back*: a requested run has not ended, or deferred itself. *stopped*: a requested
    run was stopped by hand, and no interface waits for it.
    *unrecorded* are runs that could not be started or recorded. *problems*, *recoveries*, *outputs* and *answers* are those of the
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
    answers: dict[str, str] = {}
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
        undelivered = finishing.deliver(runtime, ledger)
        pruning.prune(runtime, ledger, clock.now())
        disabled = problems.failed_while_disabled(runtime.config.jobs, result.events)
        unfinished = unended.messages(ledger, requested)
        result.held_back = bool(unfinished)
        # The answers of the interfaces have the status of the run itself.
        stopped = unended.stopped(ledger, requested) if runtime.claimed is None else []
        result.stopped = bool(stopped)
        messages = [*result.unrecorded, *disabled]
        found = TickFacts(messages, undelivered, result.events, claimant.tick, _deadman(runtime))
        beat = heartbeat.next_beat(ledger, runtime.paths, now) if unattended else None
        cron_watch.refresh(ledger, runtime.paths, clock.now(), runtime.zone, unattended=unattended)
        if runtime.pings is not None:
            runtime.pings.settle(ledger)
        announced = finishing.finish(runtime, ledger, asked, found, dispatcher, heartbeat=beat)
        result.problems = unfinished + stopped + announced.problems
        result.recoveries, result.outputs = announced.recoveries, announced.outputs
        result.answers = announced.answers
        undelivered += announced.undelivered
    result.exit_code = _exit_code(runtime, result, undelivered)


def _deadman(runtime: Runtime) -> dict[str, Trouble]:
    """Return the trouble with the file of `[notify] deadman`, by its key. Call it outside of a transaction."""
    if not (runtime.config.notify.deadman or runtime.paths.has_deadman()):
        return {}
    from scheduled.engine import deadman

    return deadman.prepare(runtime)


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
        return registration.register(ledger, config, int(now))
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


def _exit_code(runtime: Runtime, result: Result, undelivered: list[str]) -> int:
    if runtime.config.problems:
        return EXIT_USAGE
    unrecorded = undelivered or result.unrecorded or runtime.unrecorded
    if unrecorded or result.stopped or any(event.name == "job_failed" for event in result.events):
        return EXIT_FAILED
    return EXIT_BUSY if result.busy or result.held_back else EXIT_OK
