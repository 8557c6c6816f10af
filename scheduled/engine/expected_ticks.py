"""Whether the ticks that cron has to start come, how often, and how that is known."""

from typing import Literal

import msgspec

from scheduled.clock import minute
from scheduled.engine import heartbeat
from scheduled.engine.heartbeat import Cadence
from scheduled.paths import Paths
from scheduled.schedules.durations import duration
from scheduled.schedules.zones import Instant
from scheduled.state.ledger import Meta

# `unknown`: neither installed nor ever regular, so that nothing can be concluded from missing ticks.
State = Literal["running", "stopped", "starting", "unknown"]


class Ticks(msgspec.Struct, frozen=True, kw_only=True):
    """The ticks as seen at *now* (UTC seconds). *last* is the last heartbeat, *installed_at* the last `install`.

    *any* is whether there was a tick at all, also one that a person started; *count* is how many of cron were not idle. *demo*
    is whether this is a demo, which must not be installed into the crontab.
    """

    now: float
    cadence: Cadence
    last: float | None = None
    installed_at: Instant | None = None
    since: float | None = None
    any: bool = False
    count: int = 0
    demo: bool = False

    @property
    def is_expected(self) -> bool:
        """Whether ticks are expected: `install` was done, or they came regularly."""
        return self.cadence.source != "assumed"

    @property
    def overdue(self) -> int | None:
        """How many seconds ago the next tick should have come; None if there was none, and no `install`."""
        latest = max((at for at in (self.last, self.installed_at) if at is not None), default=None)
        return None if latest is None else max(0, int(self.now - latest) - self.cadence.seconds)

    @property
    def state(self) -> State:
        """What can be concluded from the ticks."""
        late = self.overdue is not None and self.overdue > self.cadence.seconds
        if not self.is_expected:
            return "unknown"
        if late:
            return "stopped"
        return "starting" if self.last is None else "running"

    @property
    def stopped_at(self) -> float | None:
        """The last tick, or `install`, if ticks have stopped since then."""
        return (self.last or self.installed_at) if self.state == "stopped" else None

    @property
    def running(self) -> bool:
        """Whether ticks come: the last one, or `install`, is recent."""
        return self.overdue is not None and self.overdue <= self.cadence.seconds


def ticks(ledger: Meta, paths: Paths, now: float) -> Ticks:
    """Return what the ledger and the snapshot show about the ticks at *now* (UTC seconds)."""
    beat = heartbeat.last(ledger, paths.snapshot)
    last = beat and beat / 1e9
    since = ledger.meta("ticking_since")
    return Ticks(
        now=now,
        cadence=heartbeat.cadence(ledger, beat),
        last=last,
        installed_at=heartbeat.installed_at(ledger),
        since=float(since) if since else None,
        count=int(ledger.meta("tick_count") or 0),
        demo=ledger.meta("demo") is not None,
        any=last is not None or ledger.meta("planned") is not None or paths.snapshot.exists(),
    )


def problem(found: Ticks, zone: str) -> str | None:
    """Return the problem with the ticks, and what to do, or None."""
    if found.state == "unknown" and not found.any:
        install = "" if found.demo else "`scheduled install` adds ticks to your crontab, "
        return f"no tick has run yet; {install}`scheduled run` runs one tick now"
    if found.state != "stopped":
        return None
    if found.last is None:
        return (
            f"ticks have not begun: none has come since `scheduled install` at {minute(found.installed_at, zone)}; "
            "check that cron is running"
        )
    last = f"ticks have stopped: the last one was at {minute(found.last, zone)}"
    if found.cadence.source == "installed":
        return f"{last}; check that cron is running; `scheduled install` repairs the crontab"
    install = "" if found.demo else ", or use `scheduled install`"
    return f"{last}, and they came every {duration(found.cadence.seconds)}; check what starts `scheduled run`{install}"
