"""Doing a handler's work in a forked child, and reading what it reported."""

import os
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from scheduled.clock import local
from scheduled.core.conditions import Condition, Notice
from scheduled.execution.protocol import Spec
from scheduled.handlers import registry
from scheduled.handlers.base import Outcome, Task
from scheduled.sanitize import Mask, in_texts, printable
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


_kept: dict[str, Any] = {}  # by the handlers that this process has served


def serve(spec: Spec) -> int:
    """Do the work of *spec.task*'s handler in this process; return the exit code."""
    try:
        return _serve(spec)
    except OSError as error:
        print(f"{spec.report}: the report can't be written: {error.strerror}", file=sys.stderr)  # noqa: T201
        return 1


def _serve(spec: Spec) -> int:
    assert spec.task is not None
    report = ReportFile(spec.report, Mask(spec.secrets))
    try:
        outcome = _run(spec.task, report)
    except Exception as error:  # noqa: BLE001 - a handler's trouble is a failed run, told by its message
        report.check()
        import traceback

        traceback.print_exc()
        outcome = Outcome(status="failed", reason=f"{type(error).__name__}: {error}")
    outcome = msgspec.structs.replace(outcome, reason=printable(outcome.reason))
    report.outcome(outcome)
    if outcome.reason:
        print(outcome.reason, file=sys.stderr)  # noqa: T201 - the run's output, for `logs`
    return 1 if outcome.status == "failed" else 0


def _run(task: dict[str, Any], report: ReportFile) -> Outcome:
    module = registry.find(task["handler"])
    zone = ZoneInfo(task["zone"])
    options = task["options"]
    if hasattr(module, "Options"):
        options = msgspec.convert(options, module.Options)
    outcome: Outcome = module.run(
        Task(
            job=task["job"],
            now=local(time.time(), task["zone"]),
            zone=zone,
            workspace=Path(task["workspace"]) if task["workspace"] else None,
            options=options,
            scheduled_for=_instant(task["scheduled_for"], zone),
            window_start=_instant(task["window_start"], zone),
            missed=task["missed"],
            totals=task["totals"],
            files=Path(task["files"]),
            report=report,
            sender=task["sender"],
            kept=_kept,
        )
    )
    return outcome


def _instant(value: int | None, zone: ZoneInfo) -> datetime | None:
    return None if value is None else local(value, zone.key)


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
