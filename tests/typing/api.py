"""What people who write handlers rely on, held against the type checkers; nothing here is run."""

from typing import assert_type

import msgspec

from scheduled.core.conditions import Change, Condition, Notice
from scheduled.core.events import Event
from scheduled.handlers.base import Handler, Outcome, Task


class Options(msgspec.Struct, forbid_unknown_fields=True):
    limit: int = 1


class Complete:
    """A handler as an object; a module with the same names is one too."""

    Options: type[msgspec.Struct] = Options

    def run(self, task: Task) -> Outcome:
        task.report.condition(Condition(key="k", group="g", payload={"n": 1}, event="something_found"))
        task.report.event("done", count=1)
        task.report.notice(Notice(recipient="@a", subject="s", body="b", priority="high"))
        task.report.count("seen")
        assert_type(task.job, str)
        assert_type(task.missed, int)
        return Outcome(status="skipped", reason="nothing to do")

    def notices(self, change: Change) -> list[Notice]:
        return [Notice(recipient="@a", subject=change.group, body=str(change.facts)) for _ in change.appeared]


handler: Handler = Complete()
event = Event(name="job_failed", payload={"job": "x"})
assert_type(event.name, str)
