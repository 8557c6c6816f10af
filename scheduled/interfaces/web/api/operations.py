"""The table of all operations of the REST interface, from which the routes and the OpenAPI document are made."""

from asyncio import to_thread
from collections.abc import Callable
from typing import Any

import msgspec

from scheduled import service
from scheduled.instance import Instance
from scheduled.interfaces.web.api import schemas
from scheduled.interfaces.web.request import permissions

# Every operation has both prefixes: existing clients use one or the other.
PREFIXES = ("/api/daemon", "/api")
CONFIG_ERROR = "Scheduled-Config-Error"  # the header of an answer from the ledger; many answers are lists


class Arguments(msgspec.Struct, frozen=True):
    """The validated arguments of a request: *name* is the job or run in the path, *body* the decoded JSON as sent."""

    name: str
    query: Any
    body: dict[str, Any]


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """An operation: its method and path, the function to call, and the types of query, body and answer.

    With *from_ledger* it answers from the ledger if the configuration cannot be read.
    """

    method: str
    path: str
    summary: str
    call: Callable[[Instance, Arguments], Any]
    answer: Any
    query: type[schemas.Query] = schemas.Query
    body: type[msgspec.Struct] | None = None
    status: int = 200
    prefixes: tuple[str, ...] = PREFIXES
    from_ledger: bool = False


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
    permissions(instance).need_harmless(table)
    return service.add(instance, arguments.body["name"], table)


def _edit(instance: Instance, arguments: Arguments) -> Any:
    permissions(instance).need_harmless(arguments.body)
    return service.edit(instance, arguments.name, arguments.body)


def _remove(instance: Instance, arguments: Arguments) -> Any:
    permissions(instance).need_harmless({"command": None})
    return service.remove(instance, arguments.name)


def _pause(instance: Instance, arguments: Arguments) -> Any:
    (done,) = service.pause(instance, [arguments.name], arguments.body.get("until"))
    return done


def _resume(instance: Instance, arguments: Arguments) -> Any:
    (done,) = service.resume(instance, [arguments.name])
    return done


def _runs(instance: Instance, arguments: Arguments) -> Any:
    query = arguments.query
    return service.history(instance, query.job_id, since=query.since, status=query.status, limit=query.limit)


def _logs(instance: Instance, arguments: Arguments) -> Any:
    return service.logs(instance, arguments.name, arguments.query.lines, arguments.query.attempt)


async def _start(instance: Instance, arguments: Arguments) -> Any:
    return {
        "job": arguments.name,
        **await service.start(instance, [arguments.name], wait=arguments.query.wait),
    }


async def _rerun(instance: Instance, arguments: Arguments) -> Any:
    job = (await to_thread(service.one_run, instance, arguments.name))["job"]
    return {"job": job, **await service.start_again(instance, arguments.name, wait=arguments.query.wait)}


def _forecast(instance: Instance, arguments: Arguments) -> Any:
    query = arguments.query
    return service.forecast(instance, query.first, query.last, job=query.job)


def _emit(instance: Instance, arguments: Arguments) -> Any:
    return service.emit(instance, arguments.body["name"], arguments.body.get("payload", {}))


RUN = Operation(
    method="POST",
    path="/jobs/{job}/run",
    summary="Run a job now, in addition to its schedule",
    call=_start,
    query=schemas.WaitQuery,
    answer=schemas.Started,
    status=202,
)
JOBS = Operation(
    method="GET",
    path="/jobs",
    from_ledger=True,
    summary="List all jobs with their next and last run",
    call=lambda instance, _: service.jobs(instance),
    answer=list[schemas.JobLine],
)
RUNS = Operation(
    method="GET",
    path="/runs",
    from_ledger=True,
    summary="List the newest runs, newest first",
    call=_runs,
    query=schemas.RunsQuery,
    answer=list[schemas.Run],
)
OVERRIDE = Operation(
    method="PUT",
    path="/jobs/{job}/toggle",
    summary="Enable or disable a job; this overrides the configuration",
    call=_override,
    body=schemas.OverrideBody,
    answer=schemas.OverrideAnswer,
)


def _of_chains(operation: Operation, path: str) -> Operation:
    """Return *operation* at *path*, for chains only: other jobs are answered with 404."""

    def call(instance: Instance, arguments: Arguments) -> Any:
        service.chain(instance, arguments.name)
        return operation.call(instance, arguments)

    return msgspec.structs.replace(operation, path=path, call=call)


OPERATIONS: tuple[Operation, ...] = (
    JOBS,
    Operation(
        method="POST",
        path="/jobs",
        summary="Add a job, disabled unless `enabled` is true; one with a command needs allow_edit = true",
        call=_add,
        body=schemas.with_all_keys(schemas.JobBody),
        answer=schemas.Edited,
        status=201,
    ),
    Operation(
        method="GET",
        path="/jobs/{job}",
        from_ledger=True,
        summary="Show a job: its settings, its state and its next slots",
        call=lambda instance, arguments: service.job(instance, arguments.name),
        answer=schemas.JobAnswer,
    ),
    Operation(
        method="PATCH",
        path="/jobs/{job}",
        summary="Change keys of a job; null removes a key",
        call=_edit,
        body=schemas.with_all_keys(schemas.ChangeBody),
        answer=schemas.Edited,
    ),
    Operation(
        method="DELETE",
        path="/jobs/{job}",
        summary="Remove a job from the configuration; needs allow_edit = true",
        call=_remove,
        answer=schemas.Edited,
    ),
    OVERRIDE,
    RUN,
    Operation(
        method="PUT",
        path="/jobs/{job}/pause",
        summary="Pause a job; its slots are caught up on afterwards",
        call=_pause,
        body=schemas.PauseBody,
        answer=schemas.Paused,
    ),
    Operation(
        method="PUT",
        path="/jobs/{job}/resume",
        summary="End a job's pause",
        call=_resume,
        answer=schemas.Paused,
    ),
    Operation(
        method="GET",
        path="/jobs/{job}/explain",
        from_ledger=True,
        summary="Explain why a job ran, did not run, or will run",
        call=lambda instance, arguments: service.explain(instance, arguments.name, arguments.query.at),
        query=schemas.AtQuery,
        answer=schemas.Explanation,
    ),
    Operation(
        method="GET",
        path="/jobs/{job}/next",
        from_ledger=True,
        summary="List a job's next slots",
        call=lambda instance, arguments: service.upcoming(instance, arguments.name, arguments.query.limit),
        query=schemas.SlotsQuery,
        answer=list[schemas.Upcoming],
    ),
    Operation(
        method="GET",
        path="/jobs/{job}/statuses",
        from_ledger=True,
        summary="List the newest runs and slots of a job, oldest first",
        call=lambda instance, arguments: service.recent_statuses(instance, arguments.name)[arguments.name],
        answer=list[schemas.RecentStatus],
    ),
    Operation(
        method="GET",
        path="/jobs/{job}/logs",
        from_ledger=True,
        summary="Show the output of a job's newest run",
        call=_logs,
        query=schemas.LogsQuery,
        answer=schemas.Logs,
    ),
    Operation(
        method="POST",
        path="/jobs/{job}/skip",
        summary="Skip all open slots of a job, or one slot, which may be in the future",
        call=lambda instance, arguments: service.skip(
            instance, arguments.name, arguments.body.get("slot"), undo=bool(arguments.body.get("undo"))
        ),
        body=schemas.SkipBody,
        answer=schemas.Skipped,
    ),
    RUNS,
    Operation(
        method="POST",
        path="/runs/{run}/rerun",
        summary="Repeat a run now",
        call=_rerun,
        query=schemas.WaitQuery,
        answer=schemas.Started,
        status=202,
    ),
    Operation(
        method="POST",
        path="/runs/{run}/stop",
        summary="Stop a running run; it is not retried",
        call=lambda instance, arguments: service.stop(instance, arguments.name),
        answer=schemas.Stopped,
    ),
    Operation(
        method="GET",
        path="/runs/{run}",
        from_ledger=True,
        summary="Show a run: its result, its attempts and, for the run of a chain, its steps",
        call=lambda instance, arguments: service.one_run(instance, arguments.name),
        answer=schemas.RunAnswer,
    ),
    Operation(
        method="GET",
        path="/runs/{run}/logs",
        from_ledger=True,
        summary="Show the output of a run",
        call=_logs,
        query=schemas.LogsQuery,
        answer=schemas.Logs,
    ),
    Operation(
        method="GET",
        path="/status",
        from_ledger=True,
        summary="Show the status of all jobs and of the ticks, problems first",
        call=lambda instance, _: service.status(instance),
        answer=schemas.Status,
    ),
    Operation(
        method="GET",
        path="/chains",
        summary="List all chains and their steps",
        call=lambda instance, _: service.chains(instance),
        answer=list[schemas.Chain],
    ),
    _of_chains(OVERRIDE, "/chains/{job}/toggle"),
    _of_chains(RUN, "/chains/{job}/run"),
    Operation(
        method="GET",
        path="/next",
        from_ledger=True,
        summary="List the next slots of all jobs",
        call=lambda instance, arguments: service.upcoming(instance, None, arguments.query.limit),
        query=schemas.SlotsQuery,
        answer=list[schemas.Upcoming],
    ),
    Operation(
        method="GET",
        path="/forecast",
        from_ledger=True,
        summary="Forecast the runs of a period, with the planner that ticks use",
        call=_forecast,
        query=schemas.SpanQuery,
        answer=list[schemas.Slot],
    ),
    Operation(
        method="GET",
        path="/incidents",
        from_ledger=True,
        summary="List the current incidents and since when they exist",
        call=lambda instance, _: service.incidents(instance),
        answer=list[schemas.Incident],
    ),
    Operation(
        method="GET",
        path="/notices",
        from_ledger=True,
        summary="List the notices that are not delivered yet",
        call=lambda instance, _: service.notices(instance),
        answer=list[schemas.Notice],
    ),
    Operation(
        method="GET",
        path="/dry-run",
        summary="Preview what a tick would start now, with the reasons",
        call=lambda instance, _: service.dry_run(instance),
        answer=list[schemas.Planned],
    ),
    Operation(
        method="GET",
        path="/audit",
        summary="Check that every slot has a verdict or an open reason",
        call=lambda instance, arguments: service.audit(
            instance, arguments.query.after, arguments.query.until
        ),
        query=schemas.PeriodQuery,
        answer=schemas.Audited,
    ),
    Operation(
        method="GET",
        path="/check",
        summary="Check the configuration",
        call=lambda instance, _: service.check(instance),
        answer=schemas.Checked,
    ),
    Operation(
        method="POST",
        path="/events",
        summary="Publish an event; the next tick starts the jobs that wait for it",
        call=_emit,
        body=schemas.EventBody,
        answer=schemas.Emitted,
    ),
    msgspec.structs.replace(JOBS, prefixes=("/v1",)),
    msgspec.structs.replace(RUNS, prefixes=("/v1",), path="/jobs/runs"),
    msgspec.structs.replace(RUN, prefixes=("/v1",), path="/jobs/{job}/trigger"),
)
