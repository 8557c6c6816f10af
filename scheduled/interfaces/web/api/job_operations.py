"""The operations of the REST interface about jobs, their definitions and their slots."""

from typing import Any

from scheduled import service
from scheduled.instance import Instance
from scheduled.interfaces.web.api import job_answers, requests
from scheduled.interfaces.web.api.operation import Arguments, Operation
from scheduled.interfaces.web.request import permissions


def _override(instance: Instance, arguments: Arguments) -> Any:
    enabled = arguments.body.get("enabled")
    if enabled is None:
        enabled = not service.job(instance, arguments.name)["enabled"]
    (done,) = (service.enable if enabled else service.disable)(instance, [arguments.name])
    return done


def _add(instance: Instance, arguments: Arguments) -> Any:
    # A job that a program adds is disabled unless it sends `enabled`; null means the configuration's default.
    given = {"enabled": False} | arguments.body
    table = {key: value for key, value in given.items() if key != "name" and value is not None}
    permissions(instance).need_change("add", arguments.body["name"], table)
    return service.add(instance, arguments.body["name"], table)


def _edit(instance: Instance, arguments: Arguments) -> Any:
    permissions(instance).need_change("edit", arguments.name, arguments.body)
    return service.edit(instance, arguments.name, arguments.body)


def _remove(instance: Instance, arguments: Arguments) -> Any:
    permissions(instance).need_for("remove jobs")
    return service.remove(instance, arguments.name)


def _pause(instance: Instance, arguments: Arguments) -> Any:
    (done,) = service.pause(instance, [arguments.name], arguments.body.get("until"))
    return done


def _resume(instance: Instance, arguments: Arguments) -> Any:
    (done,) = service.resume(instance, [arguments.name])
    return done


def _mute(instance: Instance, arguments: Arguments) -> Any:
    (done,) = service.mute(instance, [arguments.name], arguments.body.get("until"))
    return done


def _unmute(instance: Instance, arguments: Arguments) -> Any:
    (done,) = service.unmute(instance, [arguments.name])
    return done


def _forecast(instance: Instance, arguments: Arguments) -> Any:
    query = arguments.query
    return service.forecast(instance, query.first, query.last, job=query.job)


JOBS = Operation(
    method="GET",
    path="/jobs",
    from_ledger=True,
    summary="List all jobs with their next and last run",
    call=lambda instance, _: service.jobs(instance),
    answer=list[job_answers.JobLine],
)
OVERRIDE = Operation(
    method="PUT",
    path="/jobs/{job}/toggle",
    summary="Enable or disable a job; this overrides the configuration",
    call=_override,
    body=requests.OverrideBody,
    answer=job_answers.OverrideAnswer,
)
JOB_OPERATIONS: tuple[Operation, ...] = (
    JOBS,
    Operation(
        method="POST",
        path="/jobs",
        summary="Add a job, disabled unless `enabled` is true; one with a command needs allow_edit = true",
        call=_add,
        body=requests.with_all_keys(requests.JobBody),
        answer=job_answers.Edited,
        status=201,
    ),
    Operation(
        method="GET",
        path="/jobs/{job}",
        from_ledger=True,
        summary="Show a job: its settings, its state and its next slots",
        call=lambda instance, arguments: service.job(instance, arguments.name),
        answer=job_answers.JobAnswer,
    ),
    Operation(
        method="PATCH",
        path="/jobs/{job}",
        summary="Change keys of a job; null removes a key",
        call=_edit,
        body=requests.with_all_keys(requests.ChangeBody),
        answer=job_answers.Edited,
    ),
    Operation(
        method="DELETE",
        path="/jobs/{job}",
        summary="Remove a job from the configuration; needs allow_edit = true",
        call=_remove,
        answer=job_answers.Edited,
    ),
    OVERRIDE,
    Operation(
        method="PUT",
        path="/jobs/{job}/pause",
        summary="Pause a job; its slots are caught up on afterwards",
        call=_pause,
        body=requests.PauseBody,
        answer=job_answers.Paused,
    ),
    Operation(
        method="PUT",
        path="/jobs/{job}/resume",
        summary="End a job's pause",
        call=_resume,
        answer=job_answers.Paused,
    ),
    Operation(
        method="PUT",
        path="/jobs/{job}/mute",
        summary="Make no notices about a job for some time; it runs as before",
        call=_mute,
        body=requests.MuteBody,
        answer=job_answers.Muted,
    ),
    Operation(
        method="PUT",
        path="/jobs/{job}/unmute",
        summary="Make notices about a job again",
        call=_unmute,
        answer=job_answers.Muted,
    ),
    Operation(
        method="PUT",
        path="/jobs/{job}/ack",
        summary="Acknowledge the open incidents of a job: no more reminders",
        call=lambda instance, arguments: service.ack(instance, [arguments.name]),
        answer=list[job_answers.Acknowledged],
    ),
    Operation(
        method="GET",
        path="/jobs/{job}/explain",
        from_ledger=True,
        summary="Explain why a job ran, did not run, or will run",
        call=lambda instance, arguments: service.explain(instance, arguments.name, arguments.query.at),
        query=requests.AtQuery,
        answer=job_answers.Explanation,
    ),
    Operation(
        method="GET",
        path="/jobs/{job}/next",
        from_ledger=True,
        summary="List a job's next slots",
        call=lambda instance, arguments: service.upcoming(instance, arguments.name, arguments.query.limit),
        query=requests.SlotsQuery,
        answer=list[job_answers.Upcoming],
    ),
    Operation(
        method="GET",
        path="/jobs/{job}/statuses",
        from_ledger=True,
        summary="List the newest runs and slots of a job, oldest first",
        call=lambda instance, arguments: service.recent_statuses(instance, arguments.name)[arguments.name],
        answer=list[job_answers.RecentStatus],
    ),
    Operation(
        method="POST",
        path="/jobs/{job}/skip",
        summary="Skip all open slots of a job, or one slot, which may be in the future",
        call=lambda instance, arguments: service.skip(
            instance, arguments.name, arguments.body.get("slot"), undo=bool(arguments.body.get("undo"))
        ),
        body=requests.SkipBody,
        answer=job_answers.Skipped,
    ),
    Operation(
        method="GET",
        path="/chains",
        summary="List all chains and their steps",
        call=lambda instance, _: service.chains(instance),
        answer=list[job_answers.Chain],
    ),
    Operation(
        method="GET",
        path="/next",
        from_ledger=True,
        summary="List the next slots of all jobs",
        call=lambda instance, arguments: service.upcoming(instance, None, arguments.query.limit),
        query=requests.SlotsQuery,
        answer=list[job_answers.Upcoming],
    ),
    Operation(
        method="GET",
        path="/forecast",
        from_ledger=True,
        summary="Forecast the runs of a period, with the planner that ticks use",
        call=_forecast,
        query=requests.SpanQuery,
        answer=list[job_answers.Slot],
    ),
)
