"""The arguments of tools, each with what an agent is told of it."""

from typing import Annotated, Any, Literal

from pydantic import Field


def _said(what: str, **limits: Any) -> Any:
    return Field(description=what, **limits)


Document = dict[str, Any]
Documents = list[dict[str, Any]]
Job = Annotated[str, _said("A job's name, as `cron_list` has it.")]
AnyJob = Annotated[str | None, _said("A job's name; without it, all jobs.")]
Jobs = Annotated[list[str], _said("Names of jobs; none means all.")]
Instant = Annotated[str | None, _said("An instant, ISO 8601; without a zone, in the configuration's.")]
Moment = Annotated[str, _said("An instant, ISO 8601; without a zone, in the configuration's.")]
Until = Annotated[str | None, _said("18:30, +2h or ISO 8601; without it, until it is resumed.")]
Since = Annotated[str | None, _said("2h or 7d ago, or ISO 8601.")]
Run = Annotated[str, _said("A run's run_id, as `history` has it.")]
Status = Annotated[str | None, _said("Only runs of this status: success, failed, skipped, running ...")]
Limit = Annotated[int, _said("How many at most.", ge=1, le=1000)]
Lines = Annotated[int | None, _said("Only the last so many lines.", ge=0)]
Outages = Annotated[list[str], _said("Spans A..B of instants in which no tick happens.")]
EventName = Annotated[str, _said("An event's name: letters, digits and _.")]
Payload = Annotated[dict[str, Any], _said("What the event is about: a JSON object.")]
Wait = Annotated[
    float, _said("How many seconds to wait for the run's end; it goes on without us.", ge=0, le=600)
]
Enabled = Annotated[bool, _said("True to enable, false to disable.")]
Name = Annotated[str, _said("The new job's name.")]
TaskId = Annotated[str, _said("A task's id: its job's name.")]
TaskType = Annotated[
    Literal["dreaming", "scheduled", "agent", "custom"],
    _said("Of no consequence: what is done is in `config`."),
]
Cron = Annotated[str | None, _said("When: five fields, or @daily and the like.")]
Every = Annotated[str | None, _said("When: an interval such as 30m, 6h, 7d.")]
At = Annotated[str | None, _said("When: once, at this instant, ISO 8601.")]
On = Annotated[str | None, _said("When: as the event of this name happens.")]
Command = Annotated[str | list[str] | None, _said("What: a line for /bin/sh, or words run without a shell.")]
Description = Annotated[str | None, _said("What it is for, for people.")]
Options = Annotated[
    dict[str, Any], _said("Any other key of a job: timeout, retry, handler, chain, group ...")
]
Priority = Annotated[
    Literal["critical", "high", "medium", "low"] | None, _said("Which goes first where several are due.")
]
TaskConfig = Annotated[dict[str, Any], _said("What is done: command (a line or words), or any key of a job.")]
TaskStatus = Annotated[
    Literal["pending", "running", "completed", "failed", "cancelled"] | None, _said("Only these.")
]
