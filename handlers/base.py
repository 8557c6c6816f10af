"""The interface of handlers: the task that a handler is given, its report and its outcome.

A handler is a module (or any object) with a function `run(task)`. `Options` and `notices` are optional:

    class Options(msgspec.Struct, forbid_unknown_fields=True):   # the keys allowed in [jobs.X.options]
        limit: int = 600

    def run(task: Task) -> Outcome: ...                          # does the work, in a child process
    def notices(change: Change) -> list[Notice]: ...             # pure: the messages about changed conditions

Other distributions register handlers in the entry-point group `scheduled.handlers`.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol
from zoneinfo import ZoneInfo

import msgspec

from scheduled.core.conditions import Change, Condition, Notice, Priority, Recipients

__all__ = ["Change", "Condition", "Handler", "Notice", "Outcome", "Priority", "Recipients", "Report", "Task"]


class Report(Protocol):
    """What a handler reports during a run. Each call is saved to a file at once, so that a crash does not lose it."""

    def event(self, name: str, **payload: Any) -> None:
        """Publish the event *name* after the run has ended."""

    def condition(self, condition: Condition) -> None:
        """Report that *condition* is true now; a condition that the next run does not report is gone."""

    def notice(self, notice: Notice) -> None:
        """Send *notice* after the run has ended."""

    def count(self, name: str, amount: int = 1) -> None:
        """Add *amount* to the job's running total *name*."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The value that a handler returns. *data* is stored with the run; *reason* explains a failure or a skip.

    The texts of a list `problems` in *data*, then *reason*, are also printed to the output of the run.

    *unknown* holds prefixes of condition keys that this run could not check, for example because a file was
    unreadable. Known conditions with such a key stay as they are. Otherwise they would be reported as gone now, and
    as new after the next run.
    """

    status: Literal["success", "failed", "skipped"] = "success"
    reason: str = ""
    data: dict[str, Any] = {}
    unknown: list[str] = []


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """The input of a handler: values only, without access to the ledger.

    *now* is an aware datetime in *zone*, the time zone of the naive times in the workspace's files.
    *scheduled_for* is None for a manual run. *window_start* is the scheduled instant of the job's last successful
    slot, None before the first. *missed* is the number of older slots that this run covers too. *totals* are the sums
    of `Report.count` over earlier runs. *files* is the directory `reports/` of the state directory. *sender* is the
    mail address that notices come from, *recipients* get those that concern no single branch. *mailboxes*: notices are put
    into the mailboxes of the workspace, and not sent by a function of its programs. *mask* returns a text without the
    secrets of the run. *layout* is the configured form of the workspace, None to find it. *target* is the member of the job's `for_each` that the run is for, "" without one. *kept* is shared by the built-in handlers that one child process serves one
    after another; other handlers get an empty dict.
    """

    job: str
    now: datetime
    zone: ZoneInfo
    workspace: Path | None
    options: Any
    scheduled_for: datetime | None
    window_start: datetime | None
    missed: int
    totals: Mapping[str, int]
    files: Path
    report: Report
    sender: str = "@trigger"
    recipients: Recipients = Recipients()
    mailboxes: bool = False
    mask: Callable[[str], str] = str
    layout: str | None = None
    target: str = ""
    kept: dict[str, Any] = msgspec.field(default_factory=dict)


class Handler(Protocol):
    """A module that implements a job."""

    @property
    def Options(self) -> type[msgspec.Struct]:  # noqa: N802 - modules define it as a class
        """The type of `[jobs.X.options]`."""

    def run(self, task: Task, /) -> Outcome:
        """Do the work. An exception fails the run, with the exception's message as the reason."""

    def notices(self, change: Change, /) -> list[Notice]:
        """Return the notices about *change*: the conditions of one group that appeared, stayed or are gone."""
