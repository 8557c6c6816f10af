"""What a handler reports while it works: written line by line in its child, read by the runner when it has ended."""

import os
from pathlib import Path
from typing import Any

import msgspec

from scheduled.core.conditions import Condition, Notice
from scheduled.handlers.base import Outcome
from scheduled.masking import Mask, in_texts
from scheduled.state.files import RefusedError, read_regular, write_all


class EventLine(msgspec.Struct, frozen=True, tag="event"):
    """A fact to publish."""

    name: str
    payload: dict[str, Any]


class ConditionLine(msgspec.Struct, frozen=True, tag="condition"):
    """A condition that is true now."""

    condition: Condition


class NoticeLine(msgspec.Struct, frozen=True, tag="notice"):
    """A message to deliver."""

    notice: Notice


class CountLine(msgspec.Struct, frozen=True, tag="count"):
    """An addition to a running total."""

    name: str
    amount: int


class OutcomeLine(msgspec.Struct, frozen=True, tag="outcome"):
    """The answer; a report without one was cut short."""

    outcome: Outcome


Line = EventLine | ConditionLine | NoticeLine | CountLine | OutcomeLine
_decode = msgspec.json.Decoder(Line).decode


class ReportFile:
    """A `Report` that appends each line at once, *mask*ed, so that a crash loses nothing said and tells no secret."""

    def __init__(self, path: str, mask: Mask | None = None) -> None:
        self._mask = mask or Mask()
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._trouble: OSError | None = None

    def _say(self, line: Line) -> None:
        said = in_texts(msgspec.to_builtins(line, enc_hook=str), self._text)
        if self._trouble is None:
            try:
                write_all(self._fd, msgspec.json.encode(said) + b"\n")
            except OSError as error:
                self._trouble = error
        self.check()  # whatever the handler makes of it: a report with a gap has no answer

    def check(self) -> None:
        """Raise the OSError for which something could not be said."""
        if self._trouble is not None:
            raise self._trouble

    def _text(self, text: str) -> str:
        # Half of a surrogate pair, as it stands in names of files, has no bytes in UTF-8.
        return self._mask.text(text.encode(errors="backslashreplace").decode())

    def event(self, name: str, **payload: Any) -> None:
        """See `Report.event`."""
        self._say(EventLine(name, payload))

    def condition(self, condition: Condition) -> None:
        """See `Report.condition`."""
        self._say(ConditionLine(condition))

    def notice(self, notice: Notice) -> None:
        """See `Report.notice`."""
        self._say(NoticeLine(notice))

    def count(self, name: str, amount: int = 1) -> None:
        """See `Report.count`."""
        self._say(CountLine(name, amount))

    def outcome(self, outcome: Outcome) -> None:
        """Write the answer, after which nothing follows: it must not be lost once the run counts as ended."""
        self._say(OutcomeLine(outcome))
        os.fsync(self._fd)
        os.close(self._fd)


class Reported(msgspec.Struct):
    """What a handler said, gathered by kind. *outcome* is None if it never came to an end."""

    events: list[EventLine] = []
    conditions: list[Condition] = []
    notices: list[Notice] = []
    counts: list[CountLine] = []
    outcome: Outcome | None = None


def read_report(path: Path) -> Reported:
    """Given a report's path, return what stands in it; what can't be read says nothing, nor does a torn last line."""
    try:
        data = read_regular(path)
    except (FileNotFoundError, RefusedError):
        return Reported()
    reported = Reported()
    for text in data.split(b"\n")[:-1]:
        try:
            _gather(reported, _decode(text))
        except (ValueError, RecursionError):
            continue
    return reported


def _gather(reported: Reported, line: Line) -> None:
    match line:
        case EventLine():
            reported.events.append(line)
        case ConditionLine():
            reported.conditions.append(line.condition)
        case NoticeLine():
            reported.notices.append(line.notice)
        case CountLine():
            reported.counts.append(line)
        case OutcomeLine():
            reported.outcome = line.outcome
