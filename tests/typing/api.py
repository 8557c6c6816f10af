"""The types that authors of handlers and users of the library rely on, for the type checkers; this file is not run."""

from collections.abc import Iterator
from typing import Any, assert_type

import msgspec

from scheduled import service
from scheduled.core.conditions import Change, Condition, Notice
from scheduled.core.events import Event
from scheduled.handlers.base import Handler, Outcome, Task


class Options(msgspec.Struct, forbid_unknown_fields=True):
    limit: int = 1


class Complete:
    """A handler as an object. A module with the same names is a handler, too."""

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

instance = service.Instance("scheduled.toml", state="state")
assert_type(service.status(instance), dict[str, Any])
assert_type(service.upcoming(instance, "job", limit=3), list[dict[str, Any]])
assert_type(service.calendar(instance, "2026-03-01", "2026-03-02"), str)
assert_type(service.follow(instance, "job-1"), Iterator[bytes])
assert_type(service.run(instance, ["job"], on_event=lambda event: print(event.name)), dict[str, Any])
service.pause(instance, ["job"], until="+2h", dry_run=True)
service.upcoming(instance, limit="3")  # type: ignore[arg-type] # a wrong type is an error
service.statsu(instance)  # type: ignore[attr-defined] # so is an unknown name


async def start() -> dict[str, Any]:
    return await service.start(instance, ["job"], wait=1.5)
