"""What happened since the last tick, taken in before anything is planned: inside the tick's first transaction."""

from pathlib import Path

import msgspec

from scheduled.config.job_table import BOOTED
from scheduled.core.events import Event
from scheduled.core.jobs import DEFAULT_CADENCE, MINUTE
from scheduled.core.records import Holder
from scheduled.engine import chains
from scheduled.engine import clock_steps as clockstep
from scheduled.engine import event_spool as spool
from scheduled.engine import recovery as adoption
from scheduled.engine.claims import Gates
from scheduled.engine.expiry import expire
from scheduled.engine.runtime import House
from scheduled.state import snapshot
from scheduled.state.ledger import Ledger


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """The *events* to publish, the *warnings* to say and the spool *files* to remove once all of it is committed."""

    events: list[Event]
    warnings: list[str]
    files: list[Path]


def take_in(ledger: Ledger, house: House, holder: Holder, gates: Gates, now: float) -> Past:
    """Record what became of orphans, what the clock and the machine did, and what lies in the spool."""
    before = snapshot.heartbeat(house.paths.snapshot)
    gap = _note_gap(ledger, before, now)
    leapt = clockstep.leap_forward(ledger, before, int(now), leapt=gap)
    stepped = clockstep.step_back(ledger, house.config.jobs, int(now))
    ended = adoption.take_in(ledger, house, now)
    expired = expire(ledger, house, gates, holder, now)
    spooled, files = spool.take_in(ledger, house, now)
    booted = _booted(ledger, house, holder.boot, now)
    return Past(
        events=[*ended, *expired, *spooled, *booted], warnings=[*filter(None, (leapt, stepped))], files=files
    )


def tell(house: House, past: Past) -> None:
    """Say and publish what was taken in, now that it is committed."""
    for warning in past.warnings:
        house.say("WARNING", warning)
    for path in past.files:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            house.cannot_record(f"{path}: is taken in, and can't be removed: {error.strerror}")
    house.publish(past.events)


def _note_gap(ledger: Ledger, before: float | None, now: float) -> bool:
    """Remember since when ticks have come without a gap, and return whether there is one since that *before*."""
    cadence = int(ledger.meta("cadence") or DEFAULT_CADENCE)
    gap = before is None or not 0 <= now - before <= 2 * cadence + MINUTE
    if gap:
        ledger.remember("ticking_since", str(now))
    return gap


def _booted(ledger: Ledger, house: House, boot: str, now: float) -> list[Event]:
    """Tell once of every boot but the one in which the ledger was made: what `@reboot` jobs listen to."""
    events = boot_since(ledger, boot)
    ledger.remember("boot", boot)
    chains.spread(ledger, house.config.jobs, events, 0, now)
    return events


def boot_since(ledger: Ledger, boot: str) -> list[Event]:
    """Return the event that *boot* is, if no tick has told of it yet."""
    return [] if ledger.meta("boot") in (None, boot) else [Event(name=BOOTED, payload={"boot": boot})]
