"""The heartbeat: which ticks show that cron works, how often they come, and whether they are expected at all.

A tick counts if nothing but a schedule can have started it: `run` without a job, or `daily-report --due`, without a
terminal. Its start is the modification time of the snapshot, which an idle tick sets too; see `idle.beat`. The time at
which another program rewrote the snapshot does not count.
"""

from pathlib import Path
from typing import Literal

import msgspec

from scheduled import idle
from scheduled.core.jobs import DEFAULT_CADENCE
from scheduled.paths import Paths
from scheduled.schedules.zones import MINUTE, Instant, Seconds
from scheduled.state import snapshot
from scheduled.state.ledger import Meta

# How the cadence is known: `install` wrote it into the crontab, ticks came at this distance, or neither.
Source = Literal["installed", "observed", "assumed"]


class Cadence(msgspec.Struct, frozen=True, kw_only=True):
    """How often ticks come: every *seconds*, at instants that are *phase* after a multiple of it.

    The last tick began *late* seconds after its minute.
    """

    seconds: Seconds = DEFAULT_CADENCE
    phase: Seconds = 0
    late: Seconds = 0
    source: Source = "assumed"


def cadence(ledger: Meta, beat: int | None) -> Cadence:
    """Return how often ticks come; *beat* is the last heartbeat (UTC nanoseconds), None if there was none."""
    if is_installed(ledger):
        seconds = int(ledger.meta("cadence") or DEFAULT_CADENCE)
        return Cadence(seconds=seconds, late=_late(beat), source="installed")
    since = int(ledger.meta("uninstalled_at") or 0)
    of_now = _regular(beat) if beat is not None and beat > since * 10**9 else 0
    observed = of_now or int(ledger.meta("observed_cadence") or 0)
    if not observed:
        return Cadence()
    minute = round((beat or 0) / 10**9 / MINUTE) * MINUTE
    return Cadence(seconds=observed, phase=minute % observed, late=_late(beat), source="observed")


def _late(beat: int | None) -> Seconds:
    """Return how many seconds after its minute the tick of the heartbeat *beat* began; 0 if cron did not start it."""
    seconds = (beat or 0) // 10**9 % MINUTE
    return seconds if seconds <= idle.LATE // 10**9 else 0


def _regular(beat: int | None) -> Seconds:
    """Return the distance of the ticks up to the heartbeat *beat*, 0 if they do not come regularly."""
    minutes, ticks = idle.rhythm(beat or 0)
    return minutes * MINUTE if ticks >= idle.ENOUGH else 0


def is_installed(ledger: Meta) -> bool:
    """Return whether `install` was done and not undone. Versions that recorded no instant recorded the cadence."""
    at = ledger.meta("installed_at")
    return int(at) > 0 if at is not None else ledger.meta("cadence") is not None


def installed_at(ledger: Meta) -> Instant | None:
    """Return when `install` was last done; None if it was not, or if that is not recorded."""
    return int(ledger.meta("installed_at") or 0) or None


def installed(ledger: Meta, cadence: Seconds, now: float) -> None:
    """Record that `install` added a tick every *cadence* seconds to the crontab."""
    ledger.remember("cadence", str(cadence))
    ledger.remember("installed_at", str(int(now)))


def uninstalled(ledger: Meta, now: float) -> None:
    """Record that the crontab has no ticks any more: none are expected until they come regularly again."""
    ledger.remember("installed_at", "0")
    ledger.remember("uninstalled_at", str(int(now)))
    ledger.remember("observed_cadence", "0")


def last(ledger: Meta, path: Path) -> int | None:
    """Return the last heartbeat (UTC nanoseconds) in the snapshot *path*; None if there was none yet.

    If another program has rewritten the snapshot, that of the last tick that was not idle, or else when the snapshot was
    written.
    """
    beat = snapshot.header(path)[0]
    if beat is None and path.exists():
        recorded = ledger.meta("heartbeat")
        beat = int(recorded) if recorded else (snapshot.written_at(path) or 0) * 10**9
    return beat or None


def next_beat(ledger: Meta, paths: Paths, now: float) -> int:
    """Return the heartbeat (UTC nanoseconds) of a tick that began at *now*, after the last one."""
    return idle.beat(last(ledger, paths.snapshot) or 0, int(now * 1e9))


def note(ledger: Meta, beat: int) -> None:
    """Record the heartbeat *beat*, and the distance of the ticks up to it, if they come regularly."""
    ledger.remember("heartbeat", str(beat))
    if found := _regular(beat):
        ledger.remember("observed_cadence", str(found))
