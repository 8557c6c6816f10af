"""`forecast --ics`: a forecast as an iCalendar document (RFC 5545)."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from scheduled import question
from scheduled.instance import Instance
from scheduled.printable import printable
from scheduled.queries.forecast import between
from scheduled.queries.simulation.simulated import Run
from scheduled.queries.view import load_view
from scheduled.schedules.zones import Instant

FOLD = 73  # octets a line; RFC 5545 allows 75, and a folded line begins with a space
MINUTES = "PT5M"  # an assumed duration: calendar programs do not show events of no duration


def calendar(
    instance: Instance,
    first: str,
    last: str,
    outages: Sequence[str] = (),
    job: str | Sequence[str] | None = None,
) -> str:
    """Return the forecast for the same arguments as an iCalendar document. Raise ConfigError as `forecast` does."""
    view = load_view(instance)
    return document(between(view, first, last, outages, job), view.now)


def document(runs: Iterable[Run], written_at: Instant) -> str:
    """Given runs in order, return an iCalendar document."""
    return "".join(f"{line}\r\n" for line in _lines(runs, written_at))


def _lines(runs: Iterable[Run], written_at: Instant) -> Iterator[str]:
    yield from ("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//scheduled//forecast//EN", "CALSCALE:GREGORIAN")
    for runs_at, slot, key in question.each(runs):
        job = key.display_name
        yield "BEGIN:VEVENT"
        of = slot if slot is not None else f"at {runs_at}"
        yield from fold(f"UID:{hashlib.sha256(f'{job} {of}'.encode()).hexdigest()[:32]}@scheduled")
        yield f"DTSTAMP:{_stamp(written_at)}"
        yield f"DTSTART:{_stamp(runs_at)}"
        yield f"DURATION:{MINUTES}"
        yield from fold(f"SUMMARY:{escape(job)}")
        yield from fold(f"DESCRIPTION:{escape(f'{job} {_what_for(slot)}')}")
        yield "END:VEVENT"
    yield "END:VCALENDAR"


def _what_for(slot: Instant | None) -> str:
    if slot is None:
        return "without a slot"
    return f"for its slot of {datetime.fromtimestamp(slot, UTC):%Y-%m-%d %H:%M} UTC"


def _stamp(instant: Instant) -> str:
    return f"{datetime.fromtimestamp(instant, UTC):%Y%m%dT%H%M%SZ}"


def escape(text: str) -> str:
    """Escape the characters that are special in an iCalendar TEXT value, and those that are not allowed in it."""
    for character, written in (
        ("\\", "\\\\"),
        (";", "\\;"),
        (",", "\\,"),
        ("\r\n", "\\n"),
        ("\n", "\\n"),
        ("\r", "\\n"),
    ):
        text = text.replace(character, written)
    return printable(text)


def fold(line: str) -> Iterator[str]:
    """Yield the parts of a line, each at most 75 octets long; no multi-byte character is split."""
    part, size = "", 0
    for character in line:
        width = len(character.encode(errors="replace"))
        if size + width > FOLD:
            yield part
            part, size = " ", 1
        part, size = part + character, size + width
    yield part
