"""Every operation of the REST door, as data: the routes and the OpenAPI document are both made from this table."""

from asyncio import to_thread
from collections.abc import Callable
from typing import Any

import msgspec

from scheduled import service
from scheduled.interfaces.web.api import schemas as shapes
from scheduled.interfaces.web.permissions import permit
from scheduled.service import Where

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
    ask: Callable[[Where, Asked], Any]
    answer: Any
    query: type[shapes.Query] = shapes.Query
    body: type[msgspec.Struct] | None = None
    status: int = 200
    prefixes: tuple[str, ...] = PREFIXES


def _toggle(where: Where, asked: Asked) -> Any:
    enabled = asked.body.get("enabled")
    if enabled is None:
        enabled = not service.job(where, asked.name)["enabled"]
    (done,) = (service.enable if enabled else service.disable)(where, [asked.name])
    return done


def _add(where: Where, asked: Asked) -> Any:
    # Nobody is surprised by what a program added; null leaves it to the configuration's defaults.
    given = {"enabled": False} | asked.body
    table = {key: value for key, value in given.items() if key != "name" and value is not None}
    permit(where, table)
    return service.add(where, asked.body["name"], table)


def _edit(where: Where, asked: Asked) -> Any:
    permit(where, asked.body)
    return service.edit(where, asked.name, asked.body)


def _remove(where: Where, asked: Asked) -> Any:
    permit(where, {"command": None})
    return service.remove(where, asked.name)


def _pause(where: Where, asked: Asked) -> Any:
    (done,) = service.pause(where, [asked.name], asked.body.get("until"))
    return done


def _resume(where: Where, asked: Asked) -> Any:
    (done,) = service.resume(where, [asked.name])
    return done


def _runs(where: Where, asked: Asked) -> Any:
    query = asked.query
    return service.history(where, query.job_id, since=query.since, status=query.status, limit=query.limit)


async def _start(where: Where, asked: Asked) -> Any:
    return {"job": asked.name, **await service.start(where, [asked.name], wait=asked.query.wait)}


async def _rerun(where: Where, asked: Asked) -> Any:
    job = (await to_thread(service.one_run, where, asked.name))["job"]
    return {"job": job, **await service.start_again(where, asked.name, wait=asked.query.wait)}


def _forecast(where: Where, asked: Asked) -> Any:
    query = asked.query
    return service.forecast(where, query.first, query.last, job=query.job)


def _emit(where: Where, asked: Asked) -> Any:
    return service.emit(where, asked.body["name"], asked.body.get("payload", {}))


RUN = Operation(
    method="POST",
    path="/jobs/{job}/run",
    summary="Run a job now, beside its schedule",
    ask=_start,
    query=shapes.WaitQuery,
    answer=shapes.Started,
)
JOBS = Operation(
    method="GET",
    path="/jobs",
    summary="Every job: when it is due, how it went",
    ask=lambda where, _: service.jobs(where),
    answer=list[shapes.JobLine],
)
RUNS = Operation(
    method="GET",
    path="/runs",
    summary="The newest runs, newest first",
    ask=_runs,
    query=shapes.RunsQuery,
    answer=list[shapes.Run],
)
TOGGLE = Operation(
    method="PUT",
    path="/jobs/{job}/toggle",
    summary="Enable or disable a job, whatever its file says",
    ask=_toggle,
    body=shapes.Toggle,
    answer=shapes.Switched,
)


def _of_chains(operation: Operation, path: str) -> Operation:
    """Return the same operation for chains alone."""

    def ask(where: Where, asked: Asked) -> Any:
        service.chain(where, asked.name)
        return operation.ask(where, asked)

    return msgspec.structs.replace(operation, path=path, ask=ask)


OPERATIONS: tuple[Operation, ...] = (
    JOBS,
    Operation(
        method="POST",
        path="/jobs",
        summary="Add a job, disabled unless it says otherwise; a command only where allow_edit is set",
        ask=_add,
        body=shapes.JobBody,
        answer=shapes.Edited,
        status=201,
    ),
    Operation(
        method="GET",
        path="/jobs/{job}",
        summary="All of a job",
        ask=lambda where, asked: service.job(where, asked.name),
        answer=shapes.JobAnswer,
    ),
    Operation(
        method="PATCH",
        path="/jobs/{job}",
        summary="Change keys of a job; null takes one out",
        ask=_edit,
        body=shapes.ChangeBody,
        answer=shapes.Edited,
    ),
    Operation(
        method="DELETE",
        path="/jobs/{job}",
        summary="Take a job out of its file, where allow_edit is set",
        ask=_remove,
        answer=shapes.Edited,
    ),
    TOGGLE,
    RUN,
    Operation(
        method="PUT",
        path="/jobs/{job}/pause",
        summary="Defer a job's slots; they are caught up on afterwards",
        ask=_pause,
        body=shapes.PauseBody,
        answer=shapes.Paused,
    ),
    Operation(
        method="PUT",
        path="/jobs/{job}/resume",
        summary="End a job's pause",
        ask=_resume,
        answer=shapes.Paused,
    ),
    Operation(
        method="GET",
        path="/jobs/{job}/explain",
        summary="Why a job ran, did not, or will",
        ask=lambda where, asked: service.explain(where, asked.name, asked.query.at),
        query=shapes.AtQuery,
        answer=shapes.Explanation,
    ),
    Operation(
        method="GET",
        path="/jobs/{job}/next",
        summary="A job's next slots",
        ask=lambda where, asked: service.upcoming(where, asked.name, asked.query.limit),
        query=shapes.SlotsQuery,
        answer=list[shapes.Upcoming],
    ),
    Operation(
        method="GET",
        path="/jobs/{job}/verdicts",
        summary="A job's newest verdicts, oldest first",
        ask=lambda where, asked: service.strips(where, asked.name)[asked.name],
        answer=list[shapes.Verdict],
    ),
    Operation(
        method="GET",
        path="/jobs/{job}/logs",
        summary="What a job's newest run printed",
        ask=lambda where, asked: service.logs(where, asked.name, asked.query.lines),
        query=shapes.LogsQuery,
        answer=shapes.Logs,
    ),
    Operation(
        method="POST",
        path="/jobs/{job}/skip",
        summary="Let go of a job's open slots, or of one, which may be one to come",
        ask=lambda where, asked: service.skip(where, asked.name, asked.body.get("slot")),
        body=shapes.SlotBody,
        answer=shapes.Skipped,
    ),
    RUNS,
    Operation(
        method="POST",
        path="/runs/{run}/rerun",
        summary="Run a run again now",
        ask=_rerun,
        query=shapes.WaitQuery,
        answer=shapes.Started,
    ),
    Operation(
        method="POST",
        path="/runs/{run}/stop",
        summary="End a run that is under way; it is not retried",
        ask=lambda where, asked: service.stop(where, asked.name),
        answer=shapes.Stopped,
    ),
    Operation(
        method="GET",
        path="/runs/{run}",
        summary="One run",
        ask=lambda where, asked: service.one_run(where, asked.name),
        answer=shapes.Run,
    ),
    Operation(
        method="GET",
        path="/runs/{run}/logs",
        summary="What a run printed",
        ask=lambda where, asked: service.logs(where, asked.name, asked.query.lines),
        query=shapes.LogsQuery,
        answer=shapes.Logs,
    ),
    Operation(
        method="GET",
        path="/status",
        summary="How everything stands, trouble first",
        ask=lambda where, _: service.status(where),
        answer=shapes.Status,
    ),
    Operation(
        method="GET",
        path="/chains",
        summary="Every chain and its steps",
        ask=lambda where, _: service.chains(where),
        answer=list[shapes.Chain],
    ),
    _of_chains(TOGGLE, "/chains/{job}/toggle"),
    _of_chains(RUN, "/chains/{job}/run"),
    Operation(
        method="GET",
        path="/next",
        summary="The next slots of all jobs",
        ask=lambda where, asked: service.upcoming(where, None, asked.query.limit),
        query=shapes.SlotsQuery,
        answer=list[shapes.Upcoming],
    ),
    Operation(
        method="GET",
        path="/forecast",
        summary="What will run in a span, planned as a tick plans it",
        ask=_forecast,
        query=shapes.SpanQuery,
        answer=list[shapes.Slot],
    ),
    Operation(
        method="GET",
        path="/incidents",
        summary="What is wrong now, and since when",
        ask=lambda where, _: service.incidents(where),
        answer=list[shapes.Incident],
    ),
    Operation(
        method="GET",
        path="/notices",
        summary="The notices that are decided but not delivered",
        ask=lambda where, _: service.notices(where),
        answer=list[shapes.Notice],
    ),
    Operation(
        method="GET",
        path="/plan",
        summary="What a tick would start now, and why",
        ask=lambda where, _: service.plan(where),
        answer=list[shapes.Planned],
    ),
    Operation(
        method="GET",
        path="/audit",
        summary="Whether every slot is accounted for",
        ask=lambda where, asked: service.audit(where, asked.query.after, asked.query.until),
        query=shapes.PeriodQuery,
        answer=shapes.Audited,
    ),
    Operation(
        method="GET",
        path="/check",
        summary="Whether the configuration is sound",
        ask=lambda where, _: service.check(where),
        answer=shapes.Checked,
    ),
    Operation(
        method="POST",
        path="/events",
        summary="Tell of an event; the next tick starts the jobs that listen",
        ask=_emit,
        body=shapes.EventBody,
        answer=shapes.Emitted,
    ),
    msgspec.structs.replace(JOBS, prefixes=("/v1",)),
    msgspec.structs.replace(RUNS, prefixes=("/v1",), path="/jobs/runs"),
    msgspec.structs.replace(RUN, prefixes=("/v1",), path="/jobs/{job}/trigger"),
)
