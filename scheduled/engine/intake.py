"""What happened since the last tick, taken in before anything is planned: inside the tick's first transaction."""

from pathlib import Path

import msgspec

from scheduled.config.job_table import BOOTED
from scheduled.core.events import Event
from scheduled.core.jobs import DEFAULT_CADENCE
from scheduled.core.records import Claimant
from scheduled.engine import chains, clock_steps, event_spool, recovery
from scheduled.engine.expiry import expire
from scheduled.engine.planning import Gates
from scheduled.engine.runtime import Runtime
from scheduled.schedules.zones import MINUTE
from scheduled.state import snapshot
from scheduled.state.ledger import Ledger, Meta


class TakenIn(msgspec.Struct, frozen=True, kw_only=True):
    """The *events* to publish, the *warnings* to say and the spool *files* to remove once all of it is committed."""

    events: list[Event]
    warnings: list[str]
    files: list[Path]


def take_in(ledger: Ledger, runtime: Runtime, claimant: Claimant, gates: Gates, now: float) -> TakenIn:
    """Record what became of orphans, what the clock and the machine did, and what lies in the spool."""
    before = snapshot.heartbeat(runtime.paths.snapshot)
    gap = _note_gap(ledger, before, now)
    leapt = clock_steps.leap_forward(ledger, before, int(now), leapt=gap)
    stepped = clock_steps.step_back(ledger, runtime.config.jobs, int(now))
    ended = recovery.take_in(ledger, runtime, now)
    expired = expire(ledger, runtime, gates, claimant, now)
    spooled, files = event_spool.take_in(ledger, runtime, now)
    booted = _booted(ledger, runtime, claimant.boot, now)
    return TakenIn(
        events=[*ended, *expired, *spooled, *booted], warnings=[*filter(None, (leapt, stepped))], files=files
    )


def tell(runtime: Runtime, taken_in: TakenIn) -> None:
    """Say and publish what was taken in, now that it is committed."""
    for warning in taken_in.warnings:
        runtime.say("WARNING", warning)
    for path in taken_in.files:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            runtime.cannot_record(f"{path}: is taken in, and can't be removed: {error.strerror}")
    runtime.publish(taken_in.events)


def _note_gap(ledger: Meta, before: float | None, now: float) -> bool:
    """Remember since when ticks have come without a gap, and return whether there is one since that *before*."""
    cadence = int(ledger.meta("cadence") or DEFAULT_CADENCE)
    gap = before is None or not 0 <= now - before <= 2 * cadence + MINUTE
    if gap:
        ledger.remember("ticking_since", str(now))
    return gap


def _booted(ledger: Ledger, runtime: Runtime, boot: str, now: float) -> list[Event]:
    """Return an event, once for every boot but the one in which the ledger was made: `@reboot` jobs listen to it."""
    events = boot_since(ledger, boot)
    ledger.remember("boot", boot)
    chains.spread(ledger, runtime.config.jobs, events, 0, now)
    return events


def boot_since(ledger: Meta, boot: str) -> list[Event]:
    """Return the event that *boot* is, if no tick has published it yet."""
    return [] if ledger.meta("boot") in (None, boot) else [Event(name=BOOTED, payload={"boot": boot})]
