"""Record events since the last tick before planning: edits, ended runs, clock changes, spooled events, a boot.

All of it is written in the first transaction of the tick, but for most events if there are many.
"""

from typing import TYPE_CHECKING

import msgspec

from scheduled.core.events import BOOTED, Event
from scheduled.core.jobs import DEFAULT_CADENCE
from scheduled.core.records import Claimant
from scheduled.engine import (
    clock_steps,
    config_changes,
    edits,
    heartbeat,
    recovery,
    start_requests,
)
from scheduled.engine.event_spool import Spool, Spooled, clear
from scheduled.engine.expiry import expire
from scheduled.engine.planning import Gates
from scheduled.engine.runtime import Runtime
from scheduled.schedules.zones import MINUTE, Seconds
from scheduled.state import snapshot
from scheduled.state.ledger import Ledger, Meta

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scheduled.engine.lost_runs import Proved


class Collected(msgspec.Struct, frozen=True, kw_only=True):
    """What to do after the commit: publish *events*, log *warnings*, clear the spool."""

    events: list[Event]
    warnings: list[str]
    spooled: Spooled


def collect(
    ledger: Ledger,
    runtime: Runtime,
    claimant: Claimant,
    gates: Gates,
    spool: Spool,
    now: float,
    *,
    unattended: bool = False,
    proved: "Sequence[Proved]" = (),
) -> Collected:
    """Record an edit, ended runs, clock steps, expired start requests, the last portion of the *spool* and a boot.

    *now* is in UTC seconds. *unattended*: the tick shows that cron works. *proved* are the attempts of `runs_proved`. Raise
    BusyError if the ledger was replaced by an older one while a tick worked that still runs jobs.
    """
    lost = _lost(ledger, runtime, proved, now)
    last = heartbeat.last(ledger, runtime.paths.snapshot)
    beat, written = last and last / 1e9, snapshot.written_at(runtime.paths.snapshot)
    if unattended:
        _note_heartbeat(ledger, runtime, beat, now)
    before = max((at for at in (beat, written) if at is not None), default=None)
    leapt = clock_steps.leap_forward(
        ledger, before, int(now), leapt=_is_gap(before, now, int(ledger.meta("cadence") or DEFAULT_CADENCE))
    )
    stepped = clock_steps.step_back(ledger, runtime.config.jobs, int(now))
    ended = recovery.settle_ended(ledger, runtime, now)
    expired = expire(ledger, runtime, gates, claimant, now)
    spooled = spool.load(ledger, now)
    booted = _booted(ledger, runtime, claimant.boot, now)
    # A command may have put a newer configuration in force since this tick read its own.
    outdated = edits.is_outdated(ledger, runtime.config, int(now))
    edited = [] if outdated else config_changes.note(ledger, runtime.config)
    start_requests.spread(ledger, runtime.config.jobs, edited, 0, now)
    return Collected(
        events=[*edited, *ended, *expired, *spooled.events, *booted],
        warnings=[*lost, *filter(None, (leapt, stepped))],
        spooled=spooled,
    )


def runs_proved(runtime: Runtime, tick: str) -> "list[Proved]":
    """Return the attempts that result files of other ticks than *tick* prove. Call it before a transaction."""
    paths = [path for path in runtime.paths.results.glob("*.jsonl") if path.stem != tick]
    if not paths:
        return []
    from scheduled.engine import lost_runs  # not in the first tick of a state

    return lost_runs.proved(runtime, paths)


def _lost(ledger: Ledger, runtime: Runtime, proved: "Sequence[Proved]", now: float) -> list[str]:
    if not proved:
        return []
    from scheduled.engine import lost_runs

    return lost_runs.settle(ledger, runtime, proved, now)


def record_portions(ledger: Ledger, runtime: Runtime, spool: Spool, now: float) -> None:
    """Record what is too much for the transaction of `collect`, in portions with a transaction each.

    These are the events in *spool* but for the last portion, and the conditions of large reports of ended runs.
    """
    recovery.record_large_reports(ledger, runtime)
    while spool.has_portions:
        with ledger.transaction():
            spooled = spool.load(ledger, now)
        publish(runtime, Collected(events=spooled.events, warnings=[], spooled=spooled))


def publish(runtime: Runtime, collected: Collected) -> None:
    """Log the warnings, clear the spool and publish the events. Call it after the commit."""
    for warning in collected.warnings:
        runtime.add_problem("WARNING", warning)
    clear(runtime, collected.spooled)
    runtime.publish(collected.events)


def _note_heartbeat(ledger: Meta, runtime: Runtime, last: float | None, now: float) -> None:
    """Record a heartbeat at *now*, and, if ticks are missing since the *last* one, that they come since *now* only."""
    heartbeat.note(ledger, heartbeat.next_beat(ledger, runtime.paths, now))
    if _is_gap(last, now, heartbeat.cadence(ledger, None).seconds):
        ledger.remember("ticking_since", str(now))


def _is_gap(before: float | None, now: float, cadence: Seconds) -> bool:
    """Return whether ticks that come every *cadence* seconds are missing between *before* and *now* (UTC seconds)."""
    return before is None or not 0 <= now - before <= 2 * cadence + MINUTE


def _booted(ledger: Ledger, runtime: Runtime, boot: str, now: float) -> list[Event]:
    """Record the boot, and start the `@reboot` jobs if it is a new one; return the event to publish."""
    events = boot_since(ledger, boot)
    if runtime.config.jobs.delays_starts:
        from scheduled.engine import boots  # most configurations have none

        boots.remember_first(ledger, boot)
    ledger.remember("boot", boot)
    start_requests.spread(ledger, runtime.config.jobs, events, 0, now)
    return events


def boot_since(ledger: Meta, boot: str) -> list[Event]:
    """Return the boot event if no tick has published it for *boot*.

    The boot in which the ledger was created has none.
    """
    return [] if ledger.meta("boot") in (None, boot) else [Event(name=BOOTED, payload={"boot": boot})]
