"""`catch_up = "none"`: which of the open slots are skipped. At most the newest one may run."""

from collections.abc import Iterable, Iterator

from scheduled.core.epochs import span_between
from scheduled.core.runs import Skip
from scheduled.schedules.timetable import Timetable
from scheduled.schedules.zones import Instant

MISSED, SUPERSEDED = "missed", "superseded"
SUPERSEDED_AT_GATE = f"{SUPERSEDED}: its gate was closed"
Piece = tuple[Instant, Instant, str]  # slots in (after, until], and the reason to skip them


def skips(
    times: Timetable,
    base: Instant,
    until: Instant,
    unseen: Iterable[tuple[Instant, Instant]],
    too_late: tuple[Instant | None, str],
    *,
    closed: bool,
) -> tuple[Skip, ...]:
    """Return the slots in (base, until] that are skipped, oldest first.

    A slot in one of the spans *unseen* (ascending) is missed. A slot up to *too_late* gets the reason given there. Of
    the others, every slot but the newest of all is superseded: its turn comes after a newer slot is due. *closed*: the gate
    of the job is closed.
    """
    newest = times.last_until(until)
    if newest is None or newest <= base:
        return ()
    spans = [(min(after, until), min(last, until)) for after, last in unseen]
    pieces = _pieces(
        base, [*spans, (until, until)], newest, too_late, SUPERSEDED_AT_GATE if closed else SUPERSEDED
    )
    found = ((span_between(times, after, last), reason) for after, last, reason in pieces if after < last)
    return tuple(Skip(span, reason) for span, reason in found if span is not None)


def _pieces(
    base: Instant,
    unseen: Iterable[tuple[Instant, Instant]],
    newest: Instant,
    too_late: tuple[Instant | None, str],
    superseded: str,
) -> Iterator[Piece]:
    late, reason = too_late
    late = base if late is None else late
    for after, last in unseen:
        yield base, min(after, late), reason
        yield max(base, late), min(after, newest - 1), superseded
        yield max(base, after), last, MISSED
        base = max(base, last)
