"""The lines of a log in which jobs write their own starts and ends.

A line is `INSTANT start|end JOB [RUN [ATTEMPT]] [SLOT]`, separated by spaces. What follows is ignored.
"""

from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from scheduled.errors import ConfigError
from scheduled.printable import printable
from scheduled.schedules import instants
from scheduled.schedules.zones import Instant

FORM = "write INSTANT start|end JOB [RUN [ATTEMPT]] [SLOT]"
Kind = Literal["start", "end"]
EVENTS: dict[str, Kind] = {"start": "start", "end": "end"}
LONGEST = 4096  # characters of a line
SHOWN = 40  # characters of a line in a message


class LogEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A start or an end in line *number* of the log, at the instant *at*. What the line does not name is None.

    *name* is a job, or a job and its target as JOB@TARGET.
    """

    number: int
    at: Instant
    event: Kind
    name: str
    run_id: str | None = None
    attempt: int | None = None
    slot: Instant | None = None


def read_line(line: str, number: int, zone: str) -> LogEvent | None:
    """Return the event in *line*; None if it is empty or a comment (`#`).

    An instant without a zone is local time of *zone*. Raise ValueError with a message if the line has another form.
    """
    words = line.split()
    if not words or words[0].startswith("#"):
        return None
    if len(line) > LONGEST:
        raise ValueError(f"longer than {LONGEST} characters")
    at, rest = _instant_of(words, zone)
    if at is None:
        raise ValueError(f"{_shown(words[0])} is not an instant: {FORM}")
    event = EVENTS.get(rest[0].lower()) if rest else None
    if event is None:
        found = f"{_shown(rest[0])} is neither start nor end" if rest else "neither start nor end"
        raise ValueError(f"{found}: {FORM}")
    if len(rest) == 1:
        raise ValueError(f"names no job: {FORM}")
    return LogEvent(number=number, at=at, event=event, name=rest[1], **_about(rest[1], rest[2:], zone))


def _about(name: str, words: list[str], zone: str) -> dict[str, Any]:
    """Return the run, the attempt and the slot that *words*, after the job *name*, begin with."""
    found: dict[str, Any] = {}
    if words and _is_run(words[0], name):
        found["run_id"] = words.pop(0)
        if words and words[0].isdecimal():
            found["attempt"] = int(words.pop(0)[:9])
    if words:
        found["slot"] = _instant(words[0], zone)
    return found


def _is_run(word: str, name: str) -> bool:
    """Return whether *word* can be the id of a run of the job *name*; another word, such as an exit code, is ignored."""
    return word.replace("@@", "@").startswith((f"{name}-", f"{name}@"))


def _instant_of(words: list[str], zone: str) -> tuple[Instant | None, list[str]]:
    """Return the instant with which *words* begin, a date and a time or a number of seconds, and the other words."""
    first, second = words[0], words[1] if len(words) > 1 else ""
    if "T" not in first.upper() and ":" in second:
        return _instant(f"{first}T{second}", zone), words[2:]
    if first.replace(".", "", 1).isdecimal() and len(first) <= len("1234567890.123456789"):
        seconds = datetime.fromtimestamp(min(float(first), 1e11), UTC)
        return _instant(seconds.isoformat(), zone), words[1:]
    return _instant(first, zone), words[1:]


def _instant(text: str, zone: str) -> Instant | None:
    """Return the instant of an ISO date and time; None if *text* is something else."""
    if ":" not in text:
        return None
    try:
        return instants.read(text, zone)
    except ConfigError:
        return None


def _shown(word: str) -> str:
    text = word if len(word) <= SHOWN else f"{word[:SHOWN]}..."
    return f"'{printable(text)}'"
