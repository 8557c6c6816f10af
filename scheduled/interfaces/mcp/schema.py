"""The types of the tools' arguments, each with the description that agents see."""

from typing import Annotated, Any, Literal

from pydantic import Field


def _described(description: str, **limits: Any) -> Any:
    return Field(description=description, **limits)


Document = dict[str, Any]
Documents = list[dict[str, Any]]
Job = Annotated[
    str,
    _described(
        "A job's name, as in the answer of `cron_list`; of a job with targets it means all of them, and JOB@TARGET one."
    ),
]
AnyJob = Annotated[
    str | None, _described("A job's name, or JOB@TARGET for one of its targets; without it, all jobs.")
]
AnyJobs = Annotated[
    str | list[str] | None,
    _described(
        "A job's name, or JOB@TARGET for one of its targets, or a list of them; without it, all jobs."
    ),
]
Jobs = Annotated[
    list[str], _described("Names of jobs, or JOB@TARGET for single targets; an empty list means all jobs.")
]
SomeJobs = Annotated[list[str], _described("Names of jobs, or JOB@TARGET for single targets.")]
Incidents = Annotated[
    list[str],
    _described("Names of jobs, or keys of incidents; an empty list means all open incidents."),
]
MuteUntil = Annotated[
    str | None, _described("The end: 2d, +2h, 18:30 or ISO 8601; without it, until `unmute`.")
]
Instant = Annotated[
    str | None, _described("An instant, ISO 8601; without an offset, in the configured time zone.")
]
Moment = Annotated[str, _described("An instant, ISO 8601; without an offset, in the configured time zone.")]
Until = Annotated[
    str | None, _described("The end of the pause: 18:30, +2h or ISO 8601; without it, until `resume`.")
]
Since = Annotated[str | None, _described("The start of the period: an age such as 2h or 7d, or ISO 8601.")]
Undo = Annotated[bool, _described("Open slots again that were skipped by hand.")]
Run = Annotated[str, _described("A run's run_id, as in the answer of `history`.")]
Status = Annotated[
    str | None, _described("Only runs with this status: success, failed, skipped, running ...")
]
Limit = Annotated[int, _described("The maximum number of results.", ge=1, le=1000)]
Lines = Annotated[int | None, _described("The number of last lines; without it, the whole output.", ge=0)]
Attempt = Annotated[
    int | None,
    _described("The number of an attempt; without it, the newest attempt that printed anything.", ge=1),
]
Outages = Annotated[list[str], _described("Outages A..B: spans in which no tick runs.")]
EventName = Annotated[str, _described("An event's name: letters, digits and _.")]
Payload = Annotated[dict[str, Any], _described("The data of the event: a JSON object.")]
Wait = Annotated[
    float,
    _described(
        "The number of seconds to wait for the end of the run. It continues after that.", ge=0, le=600
    ),
]
Enabled = Annotated[bool, _described("True to enable, false to disable.")]
Name = Annotated[str, _described("The new job's name.")]
TaskId = Annotated[str, _described("A task's id: its job's name.")]
TaskType = Annotated[
    Literal["dreaming", "scheduled", "agent", "custom"],
    _described("A label that is shown with the task; `config` defines what the task does."),
]
Cron = Annotated[
    str | list[str] | None,
    _described(
        "The schedule: a cron expression of five fields, or an alias such as @daily; a list of them for several."
    ),
]
Every = Annotated[str | None, _described("The schedule: an interval such as 30m, 6h, 7d.")]
At = Annotated[
    str | list[str] | None,
    _described("The schedule: once, at this instant, ISO 8601; a list of them for several."),
]
On = Annotated[str | None, _described("The schedule: whenever the event of this name is published.")]
Command = Annotated[
    str | list[str] | None,
    _described("The action: a command line for /bin/sh, or a list of words run without a shell."),
]
Description = Annotated[str | None, _described("A description of the job for its users.")]
Options = Annotated[
    dict[str, Any],
    _described(
        "Any other keys of a job: timeout, retry, handler, chain, group, for_each ..."
        " With `false` it does without what [defaults] gives for retry, grace, only_if, env, limits and others.",
    ),
]
Priority = Annotated[
    Literal["critical", "high", "medium", "low"] | None,
    _described("The priority; jobs of a higher priority start first when several are due."),
]
TaskTime = Annotated[
    str | None,
    _described(
        'The instant at which the task runs once, ISO 8601; one that has passed means the next tick, "manual" means only '
        "by hand. Without it and a cron expression, the next tick runs the task."
    ),
]
TaskConfig = Annotated[
    dict[str, Any], _described("What the task does: command (a line or words), or any other keys of a job.")
]
TaskStatus = Annotated[
    Literal["pending", "running", "completed", "failed", "cancelled"] | None,
    _described("Only tasks with this status."),
]
