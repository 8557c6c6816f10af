"""When the machine was booted, and when the first tick of this boot came: `start_delay` counts from there.

The instants are recorded as seconds since the boot, because the clock is often set soon after it.
"""

from scheduled import clock
from scheduled.schedules.timetable import FOREVER
from scheduled.schedules.zones import Instant
from scheduled.state.ledger import Meta

FIRST = (
    "first_tick"  # in the ledger's meta: the id of a boot, and how many seconds after it its first tick came
)


def remember_first(ledger: Meta, boot: str) -> None:
    """Record that the first tick of *boot* comes now, unless one has come already."""
    if _recorded(ledger, boot) is None:
        ledger.remember(FIRST, f"{boot} {clock.uptime()}")


def instants(ledger: Meta) -> tuple[Instant, Instant]:
    """Return when the machine was booted, and when the first tick came; `FOREVER` if none has come yet."""
    booted = clock.now() - clock.uptime()
    first = _recorded(ledger, clock.boot_id())
    return int(booted), FOREVER if first is None else round(booted + first)


def _recorded(ledger: Meta, boot: str) -> float | None:
    recorded, _, seconds = (ledger.meta(FIRST) or "").partition(" ")
    return float(seconds) if seconds and recorded == boot else None
