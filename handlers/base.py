"""The whole plugin surface: what a handler is given, what it may report, what it answers.

A handler is a module (or any object) with a `run(task)`; `Options` and `notices` are optional:

    class Options(msgspec.Struct, forbid_unknown_fields=True):   # what [jobs.X.options] may hold
        limit: int = 600

    def run(task: Task) -> Outcome: ...                          # does the work, in a child process
    def notices(change: Change) -> list[Notice]: ...             # pure: what to say of a change, and to whom

Other distributions register theirs under the entry-point group `scheduled.handlers`.
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol
from zoneinfo import ZoneInfo

import msgspec

from scheduled.core.conditions import Change, Condition, Notice, Priority

__all__ = ["Change", "Condition", "Handler", "Notice", "Outcome", "Priority", "Report", "Task"]


class Report(Protocol):
    """The handler's way out; every call is written down at once, so that a crash loses nothing said."""

    def event(self, name: str, **payload: Any) -> None:
        """Publish a fact when the run is settled."""

    def condition(self, condition: Condition) -> None:
        """State that *condition* is true now; one that is not stated again is gone."""

    def notice(self, notice: Notice) -> None:
        """Have *notice* delivered once the run is settled."""

    def count(self, name: str, amount: int = 1) -> None:
        """Add *amount* to the job's running total *name*."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the work: *data* is kept as the run's result, *reason* says why it was not a success.

    *unknown* holds how keys of conditions begin that nothing could be learned of this time (a file was
    unreadable): those known from last time stay, instead of going and coming back as news.
    """

    status: Literal["success", "failed", "skipped"] = "success"
    reason: str = ""
    data: dict[str, Any] = {}
    unknown: list[str] = []


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What a handler is given: values only, no way to the ledger.

    *now* is aware, in *zone*, the workspace's zone (naive stamps in its files are local there).
    *scheduled_for* is None for a manual run; *window_start* is the scheduled instant of the last success.
    *totals* are the job's running totals so far. *files* is the state directory's `reports/`.
    *sender* is the address that notices come from. *kept* is what the handlers before in the same child have left
    for the next ones: the built-in ones of a slot; nobody else's.
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
    kept: dict[str, Any] = msgspec.field(default_factory=dict)


class Handler(Protocol):
    """A module that does a job's work."""

    @property
    def Options(self) -> type[msgspec.Struct]:  # noqa: N802 - a class, which a module holds under its name
        """What `[jobs.X.options]` may hold."""

    def run(self, task: Task, /) -> Outcome:
        """Do the work; an exception fails the run with its message."""

    def notices(self, change: Change, /) -> list[Notice]:
        """Given a change of one group of this handler's conditions, return what is to be said of it."""
