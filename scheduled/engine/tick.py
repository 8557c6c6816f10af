"""One tick, told top-down: take in, register, plan, claim, execute, settle, deliver, publish."""

import os
from collections.abc import Collection, Sequence
from contextlib import closing
from datetime import UTC, datetime

import msgspec

from scheduled import clock
from scheduled.core.events import Event
from scheduled.core.manual import Wish
from scheduled.core.planner import Start
from scheduled.core.records import Holder
from scheduled.engine import claims, pruning, publish, troubles
from scheduled.engine import clock_steps as clockstep
from scheduled.engine import intake as past
from scheduled.engine.claims import Gates
from scheduled.engine.dispatch import Execution
from scheduled.engine.runtime import House
from scheduled.errors import EXIT_BUSY, EXIT_FAILED, EXIT_OK, EXIT_USAGE
from scheduled.notify import conditions as notify
from scheduled.state.ledger import Ledger


class Result(msgspec.Struct, kw_only=True):
    """What a tick did: its *events*, the jobs that were *busy* elsewhere, the *troubles* to be told, the exit code."""

    tick: str
    started_at: float
    events: list[Event] = []
    busy: list[str] = []
    unrecorded: list[str] = []
    troubles: list[str] = []
    exit_code: int = EXIT_OK


def tick(house: House, *, only: Collection[str] | None = None, manual: Sequence[Wish] = ()) -> Result:
    """Do what is due and return what was done.

    *only* bounds which jobs may take their slots; with *manual* these run now, and no other slot is taken.
    Raises ScheduledError if the state can't be worked with: then nothing was started.
    """
    now = clock.now()
    holder = Holder(tick=_name(now), boot=clock.boot_id(), host=house.host)
    result = Result(tick=holder.tick, started_at=now)
    house.bus.subscribe(result.events.append)
    only = () if manual else only
    with closing(Execution(house, holder, now, only)) as execution, house.ledger() as ledger:
        house.look_at_snapshot(now)
        house.config.switch(ledger.toggles())
        gates = claims.ask_gates(ledger, house.config, int(now), manual)
        with ledger.transaction():
            taken_in = past.take_in(ledger, house, holder, gates, now)
            claims.register(ledger, house.config, int(now))
            due = _due(ledger, house, now, gates, only)
            asked, result.busy = claims.by_hand(ledger, house.config, manual, holder, int(now))
            able = execution.take(ledger, [*due, *asked], gates)
        if house.claimed is not None and able and (asked or not manual):
            house.claimed()  # whoever waits to hear whether it was refused needs to wait no longer
        past.tell(house, taken_in)
        result.unrecorded = execution.follow(ledger)
        undelivered = _deliver(house, ledger)
        pruning.prune(house, ledger, clock.now())
        news = [*result.unrecorded, *undelivered]
        result.troubles = _finish(house, ledger, gates, news, planned=only is None)
    result.exit_code = _exit_code(house, result, undelivered)
    return result


def _due(ledger: Ledger, house: House, now: float, gates: Gates, only: Collection[str] | None) -> list[Start]:
    budget = house.config.max_runs
    found = claims.plan(ledger, house.config, int(now), only=only, gates=gates, budget=budget)
    if only is None:
        ledger.remember("planned", str(int(now)))  # what came due later belongs to later ticks
    return found.starts


def _name(now: float) -> str:
    """Name a tick so that names sort by time and no two are alike."""
    return f"{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%SZ}-{os.getpid()}-{os.urandom(2).hex()}"


def _deliver(house: House, ledger: Ledger) -> list[str]:
    waiting = len(ledger.outbox())
    undelivered = notify.deliver(ledger, house.send, int(clock.now()))
    if len(ledger.outbox()) < waiting:
        house.mail_was_delivered()
    return undelivered


def _finish(house: House, ledger: Ledger, gates: Gates, new: list[str], *, planned: bool) -> list[str]:
    """Note what is due next and what is wrong, publish the snapshot; return the troubles that are news."""
    now = clock.now()
    with ledger.transaction():
        # A run that began before the clock went back has ended ahead of it.
        clockstep.step_back(ledger, house.config.jobs, int(now))
        # What may not start in this tick for its budget's sake says so; the next tick has a budget of its own.
        budget = None if house.config.max_runs is None else 0
        plan = claims.plan(ledger, house.config, int(now), gates=gates, budget=budget)
        if planned:  # by now maybe by a later tick than this one
            claims.leave(ledger, plan, int(ledger.meta("planned") or 0))
        news = troubles.news(ledger, troubles.current(house, ledger, new), now)
    publish.snapshot(house, ledger, plan, now)
    return news


def _exit_code(house: House, result: Result, undelivered: list[str]) -> int:
    if house.config.problems:
        return EXIT_USAGE
    unrecorded = undelivered or result.unrecorded or house.unrecorded
    if unrecorded or any(event.name == "job_failed" for event in result.events):
        return EXIT_FAILED
    return EXIT_BUSY if result.busy else EXIT_OK
