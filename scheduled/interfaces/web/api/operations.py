"""Every operation of the REST interface, as data: the routes and the OpenAPI document are both made from this table."""

from asyncio import to_thread
from collections.abc import Callable
from typing import Any

import msgspec

from scheduled import service
from scheduled.instance import Instance
from scheduled.interfaces.web.api import schemas
from scheduled.interfaces.web.request import permissions

# The same answers under the names that two sources give them.
PREFIXES = ("/api/daemon", "/api")


class Asked(msgspec.Struct, frozen=True):
    """A request that fits its operation: *name* is the one in the path; *body* is as it was sent."""

    name: str
    query: Any
    body: dict[str, Any]


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """What can be asked where: the types of query, body and answer, and whom to ask."""

    method: str
    path: str
    summary: str
    ask: Callable[[Instance, Asked], Any]
    answer: Any
    query: type[schemas.Query] = schemas.Query
    body: type[msgspec.Struct] | None = None
    status: int = 200
    prefixes: tuple[str, ...] = PREFIXES


def _toggle(instance: Instance, asked: Asked) -> Any:
    enabled = asked.body.get("enabled")
    if enabled is None:
        enabled = not service.job(instance, asked.name)["enabled"]
    (done,) = (service.enable if enabled else service.disable)(instance, [asked.name])
    return done


def _add(instance: Instance, asked: Asked) -> Any:
    # Nobody is surprised by what a program added; null leaves it to the configuration's defaults.
    given = {"enabled": False} | asked.body
    table = {key: value for key, value in given.items() if key != "name" and value is not None}
    permissions(instance).need_harmless(table)
    return service.add(instance, asked.body["name"], table)


def _edit(instance: Instance, asked: Asked) -> Any:
    permissions(instance).need_harmless(asked.body)
    return service.edit(instance, asked.name, asked.body)


def _remove(instance: Instance, asked: Asked) -> Any:
    permissions(instance).need_harmless({"command": None})
    return service.remove(instance, asked.name)


def _pause(instance: Instance, asked: Asked) -> Any:
    (done,) = service.pause(instance, [asked.name], asked.body.get("until"))
    return done


def _resume(instance: Instance, asked: Asked) -> Any:
    (done,) = service.resume(instance, [asked.name])
    return done


def _runs(instance: Instance, asked: Asked) -> Any:
    query = asked.query
    return service.history(instance, query.job_id, since=query.since, status=query.status, limit=query.limit)


async def _start(instance: Instance, asked: Asked) -> Any:
    return {"job": asked.name, **await service.start(instance, [asked.name], wait=asked.query.wait)}


async def _rerun(instance: Instance, asked: Asked) -> Any:
    job = (await to_thread(service.one_run, instance, asked.name))["job"]
    return {"job": job, **await service.start_again(instance, asked.name, wait=asked.query.wait)}


def _forecast(instance: Instance, asked: Asked) -> Any:
    query = asked.query
    return service.forecast(instance, query.first, query.last, job=query.job)


def _emit(instance: Instance, asked: Asked) -> Any:
    return service.emit(instance, asked.body["name"], asked.body.get("payload", {}))


RUN = Operation(
    method="POST",
    path="/jobs/{job}/run",
    summary="Run a job now, beside its schedule",
    ask=_start,
    query=schemas.WaitQuery,
    answer=schemas.Started,
)
JOBS = Operation(
    method="GET",
    path="/jobs",
    summary="Every job: when it is due, how it went",
    ask=lambda instance, _: service.jobs(instance),
    answer=list[schemas.JobLine],
)
RUNS = Operation(
    method="GET",
    path="/runs",
    summary="The newest runs, newest first",
    ask=_runs,
    query=schemas.RunsQuery,
    answer=list[schemas.Run],
)
TOGGLE = Operation(
    method="PUT",
    path="/jobs/{job}/toggle",
    summary="Enable or disable a job, whatever its file says",
    ask=_toggle,
    body=schemas.Toggle,
    answer=schemas.Switched,
)


def _of_chains(operation: Operation, path: str) -> Operation:
    """Return the same operation for chains alone."""

    def ask(instance: Instance, asked: Asked) -> Any:
        service.chain(instance, asked.name)
        return operation.ask(instance, asked)

    return msgspec.structs.replace(operation, path=path, ask=ask)


OPERATIONS: tuple[Operation, ...] = (
    JOBS,
    Operation(
        method="POST",
        path="/jobs",
        summary="Add a job, disabled unless it says otherwise; a command only where allow_edit is set",
        ask=_add,
        body=schemas.with_keys_of_kinds(schemas.JobBody),
        answer=schemas.Edited,
        status=201,
    ),
    Operation(
        method="GET",
        path="/jobs/{job}",
        summary="All of a job",
        ask=lambda instance, asked: service.job(instance, asked.name),
        answer=schemas.JobAnswer,
    ),
    Operation(
        method="PATCH",
        path="/jobs/{job}",
        summary="Change keys of a job; null takes one out",
        ask=_edit,
        body=schemas.with_keys_of_kinds(schemas.ChangeBody),
        answer=schemas.Edited,
    ),
    Operation(
        method="DELETE",
        path="/jobs/{job}",
        summary="Take a job out of its file, where allow_edit is set",
        ask=_remove,
        answer=schemas.Edited,
    ),
    TOGGLE,
    RUN,
    Operation(
        method="PUT",
        path="/jobs/{job}/pause",
        summary="Defer a job's slots; they are caught up on afterwards",
        ask=_pause,
        body=schemas.PauseBody,
        answer=schemas.Paused,
    ),
    Operation(
        method="PUT",
        path="/jobs/{job}/resume",
        summary="End a job's pause",
        ask=_resume,
        answer=schemas.Paused,
    ),
    Operation(
        method="GET",
        path="/jobs/{job}/explain",
        summary="Why a job ran, did not, or will",
        ask=lambda instance, asked: service.explain(instance, asked.name, asked.query.at),
        query=schemas.AtQuery,
        answer=schemas.Explanation,
    ),
    Operation(
        method="GET",
        path="/jobs/{job}/next",
        summary="A job's next slots",
        ask=lambda instance, asked: service.upcoming(instance, asked.name, asked.query.limit),
        query=schemas.SlotsQuery,
        answer=list[schemas.Upcoming],
    ),
    Operation(
        method="GET",
        path="/jobs/{job}/verdicts",
        summary="A job's newest verdicts, oldest first",
        ask=lambda instance, asked: service.recent_verdicts(instance, asked.name)[asked.name],
        answer=list[schemas.Verdict],
    ),
    Operation(
        method="GET",
        path="/jobs/{job}/logs",
        summary="What a job's newest run printed",
        ask=lambda instance, asked: service.logs(instance, asked.name, asked.query.lines),
        query=schemas.LogsQuery,
        answer=schemas.Logs,
    ),
    Operation(
        method="POST",
        path="/jobs/{job}/skip",
        summary="Let go of a job's open slots, or of one, which may be one to come",
        ask=lambda instance, asked: service.skip(instance, asked.name, asked.body.get("slot")),
        body=schemas.SlotBody,
        answer=schemas.Skipped,
    ),
    RUNS,
    Operation(
        method="POST",
        path="/runs/{run}/rerun",
        summary="Run a run again now",
        ask=_rerun,
        query=schemas.WaitQuery,
        answer=schemas.Started,
    ),
    Operation(
        method="POST",
        path="/runs/{run}/stop",
        summary="End a run that is under way; it is not retried",
        ask=lambda instance, asked: service.stop(instance, asked.name),
        answer=schemas.Stopped,
    ),
    Operation(
        method="GET",
        path="/runs/{run}",
        summary="One run",
        ask=lambda instance, asked: service.one_run(instance, asked.name),
        answer=schemas.Run,
    ),
    Operation(
        method="GET",
        path="/runs/{run}/logs",
        summary="What a run printed",
        ask=lambda instance, asked: service.logs(instance, asked.name, asked.query.lines),
        query=schemas.LogsQuery,
        answer=schemas.Logs,
    ),
    Operation(
        method="GET",
        path="/status",
        summary="How everything stands, trouble first",
        ask=lambda instance, _: service.status(instance),
        answer=schemas.Status,
    ),
    Operation(
        method="GET",
        path="/chains",
        summary="Every chain and its steps",
        ask=lambda instance, _: service.chains(instance),
        answer=list[schemas.Chain],
    ),
    _of_chains(TOGGLE, "/chains/{job}/toggle"),
    _of_chains(RUN, "/chains/{job}/run"),
    Operation(
        method="GET",
        path="/next",
        summary="The next slots of all jobs",
        ask=lambda instance, asked: service.upcoming(instance, None, asked.query.limit),
        query=schemas.SlotsQuery,
        answer=list[schemas.Upcoming],
    ),
    Operation(
        method="GET",
        path="/forecast",
        summary="What will run in a span, planned as a tick plans it",
        ask=_forecast,
        query=schemas.SpanQuery,
        answer=list[schemas.Slot],
    ),
    Operation(
        method="GET",
        path="/incidents",
        summary="What is wrong now, and since when",
        ask=lambda instance, _: service.incidents(instance),
        answer=list[schemas.Incident],
    ),
    Operation(
        method="GET",
        path="/notices",
        summary="The notices that are decided but not delivered",
        ask=lambda instance, _: service.notices(instance),
        answer=list[schemas.Notice],
    ),
    Operation(
        method="GET",
        path="/plan",
        summary="What a tick would start now, and why",
        ask=lambda instance, _: service.plan(instance),
        answer=list[schemas.Planned],
    ),
    Operation(
        method="GET",
        path="/audit",
        summary="Whether every slot is accounted for",
        ask=lambda instance, asked: service.audit(instance, asked.query.after, asked.query.until),
        query=schemas.PeriodQuery,
        answer=schemas.Audited,
    ),
    Operation(
        method="GET",
        path="/check",
        summary="Whether the configuration is sound",
        ask=lambda instance, _: service.check(instance),
        answer=schemas.Checked,
    ),
    Operation(
        method="POST",
        path="/events",
        summary="Tell of an event; the next tick starts the jobs that listen",
        ask=_emit,
        body=schemas.EventBody,
        answer=schemas.Emitted,
    ),
    msgspec.structs.replace(JOBS, prefixes=("/v1",)),
    msgspec.structs.replace(RUNS, prefixes=("/v1",), path="/jobs/runs"),
    msgspec.structs.replace(RUN, prefixes=("/v1",), path="/jobs/{job}/trigger"),
)
