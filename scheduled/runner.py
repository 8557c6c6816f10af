"""One tick, told top-down: take in, register, plan, claim, execute, settle, deliver, publish."""

import os
import secrets
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from scheduled import adoption, chains, claims, clock, clockstep, notify, publish, spool, troubles
from scheduled.definitions import BOOTED
from scheduled.errors import EXIT_BUSY, EXIT_FAILED, EXIT_OK, EXIT_USAGE
from scheduled.events import Event
from scheduled.execution import Execution
from scheduled.house import House
from scheduled.jobs import MINUTE
from scheduled.state import snapshot
from scheduled.state.ledger import Holder, Ledger

DEFAULT_CADENCE = 5 * MINUTE  # what `scheduled install` writes unless told otherwise


class Result(msgspec.Struct, kw_only=True):
    """What a tick did: its *events*, the jobs that were *busy* elsewhere, the *troubles* to be told, the exit code."""

    tick: str
    started_at: float
    events: list[Event] = []
    busy: list[str] = []
    unrecorded: list[str] = []
    troubles: list[str] = []
    exit_code: int = EXIT_OK


def tick(house: House, *, only: Collection[str] | None = None, manual: Sequence[str] = ()) -> Result:
    """Do what is due and return what was done.

    *only* bounds which jobs may take their slots; with *manual* these jobs run now and no slot is taken.
    Raises ScheduledError if the state can't be worked with: then nothing was started.
    """
    now = clock.now()
    holder = Holder(tick=_name(now), boot=clock.boot_id(), host=house.host)
    result = Result(tick=holder.tick, started_at=now)
    house.bus.subscribe(result.events.append)
    house.look_at_snapshot()
    with house.ledger() as ledger:
        house.config.switch(ledger.toggles())
        closed = claims.closed_gates(ledger, house.config, int(now))
        with ledger.transaction():
            _note_gap(ledger, house, now)
            stepped = clockstep.step_back(ledger, house.config.jobs, int(now))
            past = adoption.take_in(ledger, house, now)
            dropped, spooled = spool.take_in(ledger, house, now)
            dropped += _booted(ledger, house, holder.boot, now)
            claims.register(ledger, house.config, int(now))
            only = () if manual else only
            plan = claims.plan(
                ledger, house.config, int(now), only=only, closed=closed, budget=house.config.max_runs
            )
            if only is None and not manual:
                ledger.remember("planned", str(int(now)))  # what came due later belongs to later ticks
            asked, result.busy = claims.by_hand(ledger, house.config, manual, holder)
            execution = Execution(house, holder, now, closed)
            execution.take(ledger, [*plan.starts, *asked])
        _after_commit(house, stepped, spooled)
        house.publish([*dropped, *past])
    execution.begin()
    with house.ledger() as ledger:
        result.unrecorded = execution.follow(ledger)
        undelivered = _deliver(house, ledger)
        result.troubles = _finish(house, ledger, closed, [*result.unrecorded, *undelivered])
    result.exit_code = _exit_code(house, result, undelivered)
    return result


def _booted(ledger: Ledger, house: House, boot: str, now: float) -> list[Event]:
    """Tell once of every boot but the one in which the ledger was made: what `@reboot` jobs listen to."""
    before = ledger.meta("boot")
    ledger.remember("boot", boot)
    if before in (None, boot):
        return []
    event = Event(name=BOOTED, payload={"boot": boot})
    chains.spread(ledger, house.config.jobs, [event], 0, now)
    return [event]


def _after_commit(house: House, stepped: str | None, spooled: list[Path]) -> None:
    if stepped is not None:
        house.say("WARNING", stepped)
    for path in spooled:
        path.unlink(missing_ok=True)


def _name(now: float) -> str:
    """Name a tick so that names sort by time and no two are alike."""
    return f"{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%SZ}-{os.getpid()}-{secrets.token_hex(2)}"


def _note_gap(ledger: Ledger, house: House, now: float) -> None:
    """Remember since when ticks have come without a gap: the heartbeat of the one before tells."""
    before = snapshot.heartbeat(house.paths.snapshot)
    cadence = int(ledger.meta("cadence") or DEFAULT_CADENCE)
    if before is None or not 0 <= now - before <= 2 * cadence + MINUTE:
        ledger.remember("ticking_since", str(now))


def _deliver(house: House, ledger: Ledger) -> list[str]:
    waiting = len(ledger.outbox())
    undelivered = notify.deliver(ledger, house.send, int(clock.now()))
    if len(ledger.outbox()) < waiting:
        house.mail_was_delivered()
    return undelivered


def _finish(house: House, ledger: Ledger, closed: frozenset[str], new: list[str]) -> list[str]:
    """Note what is due next and what is wrong, publish the snapshot; return the troubles that are news."""
    now = clock.now()
    with ledger.transaction():
        # What may not start in this tick for its budget's sake says so; the next tick has a budget of its own.
        budget = None if house.config.max_runs is None else 0
        plan = claims.plan(ledger, house.config, int(now), closed=closed, budget=budget)
        news = troubles.news(ledger, troubles.current(house, ledger, new), now)
    publish.snapshot(house, ledger, plan, now)
    return news


def _exit_code(house: House, result: Result, undelivered: list[str]) -> int:
    if house.config.problems:
        return EXIT_USAGE
    if undelivered or result.unrecorded or any(event.name == "job_failed" for event in result.events):
        return EXIT_FAILED
    return EXIT_BUSY if result.busy else EXIT_OK
