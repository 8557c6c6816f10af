"""Run a handler in a forked process."""

import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from scheduled.clock import local
from scheduled.errors import ScheduledError
from scheduled.execution.protocol import Spec
from scheduled.execution.report_lines import ReportFile
from scheduled.handlers import registry
from scheduled.handlers.base import Outcome, Recipients, Task
from scheduled.masking import Mask
from scheduled.printable import printable
from scheduled.state.links import RefusedError

_kept: dict[str, Any] = {}  # data that handlers keep for later runs in this process


def serve(spec: Spec) -> int:
    """Run the handler of *spec.task* in the current process; return the exit code."""
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
    except Exception as error:  # noqa: BLE001 - any exception of the handler makes the run fail
        report.check()
        import traceback

        traceback.print_exc()
        named = "" if isinstance(error, ScheduledError | RefusedError) else f"{type(error).__name__}: "
        outcome = Outcome(status="failed", reason=f"{named}{error}")
    outcome = msgspec.structs.replace(outcome, reason=printable(outcome.reason))
    report.outcome(outcome)
    for line in explanations(outcome):
        print(line, file=sys.stderr)  # noqa: T201 - the run's output, for `logs`
    return 1 if outcome.status == "failed" else 0


def explanations(outcome: Outcome) -> list[str]:
    """Return the lines for the output of a run: the `problems` in the data of its handler, then its reason."""
    problems = outcome.data.get("problems")
    listed = [str(problem) for problem in problems] if isinstance(problems, list | tuple) else []
    return list(dict.fromkeys([*map(printable, listed), *filter(None, [outcome.reason])]))


def _run(task: dict[str, Any], report: ReportFile) -> Outcome:
    module = registry.find(task["handler"])
    zone = ZoneInfo(task["zone"])
    options = task["options"]
    if hasattr(module, "Options"):
        options = msgspec.convert(options, module.Options)
    outcome: Outcome = module.run(
        Task(
            job=task["job"],
            target=task.get("target", ""),
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
            mailboxes=task.get("mailboxes", False),
            mask=report.masked,
            recipients=Recipients(**task["recipients"]),
            layout=task["layout"],
            kept=_kept,
        )
    )
    return outcome


def _instant(value: int | None, zone: ZoneInfo) -> datetime | None:
    return None if value is None else local(value, zone.key)
