"""The instants of future ticks, and the name of a tick, which begins with its instant."""

from bisect import bisect_right
from collections.abc import Iterable
from datetime import UTC, datetime

from scheduled.schedules.zones import Instant, Seconds

Outage = tuple[Instant, Instant]
_BEGAN = "%Y%m%dT%H%M%SZ"


def named(now: float, more: str) -> str:
    """Return the name of a tick that began at *now* (UTC seconds), unique by *more*. Names sort by time."""
    return f"{datetime.fromtimestamp(now, UTC):{_BEGAN}}-{more}"


def began_at(tick: str) -> Instant | None:
    """Return when the tick with this name began; None if the name is that of no tick."""
    try:
        return int(datetime.strptime(tick.partition("-")[0], _BEGAN).replace(tzinfo=UTC).timestamp())
    except ValueError:
        return None


class Ticks:
    """The instants of ticks: every *cadence* seconds, *phase* after a multiple of it, except within an outage [from, to).

    A tick begins up to *late* seconds after its instant, and starts what is due by then. *planned* is the last planning of
    a real tick, before *now*: a tick that began before *now* is never assumed. *boot* are the instants of the boot and of its first tick, (0, 0) if
    no job needs them.
    """

    def __init__(
        self,
        cadence: Seconds,
        outages: Iterable[Outage] = (),
        *,
        phase: Seconds = 0,
        late: Seconds = 0,
        now: Instant | None = None,
        planned: Instant = 0,
        boot: tuple[Instant, Instant] = (0, 0),
    ) -> None:
        self.boot = boot
        self.cadence, self.late = cadence, late
        self._phase, self._now, self._planned = phase, now, planned
        self._outages = _merged(outages)
        self._starts = [start for start, _ in self._outages]

    def at_or_after(self, instant: Instant) -> Instant:
        """Return the first tick that begins at or after *instant*."""
        tick = -(-(instant - self.late - self._phase) // self.cadence) * self.cadence + self._phase
        found = bisect_right(self._starts, tick) - 1
        if found >= 0 and tick < self._outages[found][1]:
            return self.at_or_after(self._outages[found][1] + self.late)
        return tick

    def before(self, instant: Instant) -> Instant:
        """Return the last tick before *instant*: the last real one if no future tick comes before it."""
        tick = (instant - 1 - self._phase) // self.cadence * self.cadence + self._phase
        found = bisect_right(self._starts, tick) - 1
        if found >= 0 and tick < self._outages[found][1]:
            return self.before(self._outages[found][0])
        return tick if self._now is None or tick >= self._now else self._planned


def _merged(outages: Iterable[Outage]) -> list[Outage]:
    merged: list[Outage] = []
    for start, end in sorted(outages):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
