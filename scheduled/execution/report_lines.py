"""The lines of a handler's report, and the file to which the handler writes them."""

import os
from typing import Any

import msgspec

from scheduled.core.conditions import Condition, Notice
from scheduled.handlers.base import Outcome
from scheduled.masking import Mask, in_texts
from scheduled.state.files import write_all


class EventLine(msgspec.Struct, frozen=True, tag="event"):
    """An event to publish."""

    name: str
    payload: dict[str, Any]


class ConditionLine(msgspec.Struct, frozen=True, tag="condition"):
    """A condition that is true now."""

    condition: Condition


class NoticeLine(msgspec.Struct, frozen=True, tag="notice"):
    """A notice to deliver."""

    notice: Notice


class CountLine(msgspec.Struct, frozen=True, tag="count"):
    """A number to add to a running total."""

    name: str
    amount: int


class OutcomeLine(msgspec.Struct, frozen=True, tag="outcome"):
    """The outcome of the handler, the last line; a report without it is incomplete."""

    outcome: Outcome


Line = EventLine | ConditionLine | NoticeLine | CountLine | OutcomeLine
decode = msgspec.json.Decoder(Line).decode


class ReportFile:
    """A `Report` that appends each line to a file immediately, with secrets masked by *mask*."""

    def __init__(self, path: str, mask: Mask | None = None) -> None:
        self._mask = mask or Mask()
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._error: OSError | None = None

    def _append(self, line: Line) -> None:
        masked = in_texts(msgspec.to_builtins(line, enc_hook=str), self.masked)
        if self._error is None:
            try:
                write_all(self._fd, msgspec.json.encode(masked) + b"\n")
            except OSError as error:
                self._error = error
        self.check()  # even if the handler ignores the exception, a report with a gap must not get an outcome

    def check(self) -> None:
        """Raise the OSError of the first line that could not be written, if any."""
        if self._error is not None:
            raise self._error

    def masked(self, text: str) -> str:
        """Return *text* without the secrets of the run."""
        # File names may contain surrogates (undecodable bytes), which can't be encoded in UTF-8.
        return self._mask.text(text.encode(errors="backslashreplace").decode())

    def event(self, name: str, **payload: Any) -> None:
        """See `Report.event`."""
        self._append(EventLine(name, payload))

    def condition(self, condition: Condition) -> None:
        """See `Report.condition`."""
        self._append(ConditionLine(condition))

    def notice(self, notice: Notice) -> None:
        """See `Report.notice`."""
        self._append(NoticeLine(notice))

    def count(self, name: str, amount: int = 1) -> None:
        """See `Report.count`."""
        self._append(CountLine(name, amount))

    def outcome(self, outcome: Outcome) -> None:
        """Write the outcome, fsync and close the file. It must be on disk before the run counts as ended."""
        self._append(OutcomeLine(outcome))
        os.fsync(self._fd)
        os.close(self._fd)
