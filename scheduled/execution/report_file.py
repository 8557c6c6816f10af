"""What a handler reported line by line, which the tick reads when the run has ended."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from scheduled.core.conditions import Condition, Notice
from scheduled.state.files import RefusedError, read_regular

if TYPE_CHECKING:
    from scheduled.execution.report_lines import CountLine, EventLine, Line
    from scheduled.handlers.base import Outcome


class Reported(msgspec.Struct):
    """The lines of a report by kind. *outcome* is None if the handler did not finish.

    *recorded*: its conditions are in the ledger already.
    """

    events: "list[EventLine]" = []
    conditions: list[Condition] = []
    notices: list[Notice] = []
    counts: "list[CountLine]" = []
    outcome: "Outcome | None" = None
    recorded: bool = False


def read_report(path: Path) -> Reported:
    """Return the report in the file at *path*. Invalid lines and an incomplete last line are ignored.

    A file that does not exist, or is not a regular file, is an empty report. Raise OSError if the file can't
    be read.
    """
    try:
        os.lstat(path)  # takes less time than to open it if there is none: only a handler writes a report
        data = read_regular(path)
    except (FileNotFoundError, RefusedError):
        return Reported()
    from scheduled.execution import report_lines

    reported = Reported()
    for text in data.split(b"\n")[:-1]:
        try:
            _gather(reported, report_lines.decode(text))
        except (ValueError, RecursionError):
            continue
    return reported


def _gather(reported: Reported, line: "Line") -> None:
    from scheduled.execution.report_lines import ConditionLine, CountLine, EventLine, NoticeLine, OutcomeLine

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
