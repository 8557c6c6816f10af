"""The operations of the REST interface about runs and their output."""

from asyncio import to_thread
from typing import Any

from scheduled import service
from scheduled.instance import Instance
from scheduled.interfaces.web.api import requests, run_answers
from scheduled.interfaces.web.api.operation import Arguments, Operation


def _runs(instance: Instance, arguments: Arguments) -> Any:
    query = arguments.query
    return service.history(instance, query.job_id, since=query.since, status=query.status, limit=query.limit)


def _logs(instance: Instance, arguments: Arguments) -> Any:
    return service.logs(instance, arguments.name, arguments.query.lines, arguments.query.attempt)


async def _start(instance: Instance, arguments: Arguments) -> Any:
    found = await service.start(instance, [arguments.name], wait=arguments.query.wait)
    return {**found["jobs"][0], **found}


async def _rerun(instance: Instance, arguments: Arguments) -> Any:
    run = await to_thread(service.one_run, instance, arguments.name)
    return {
        "job": run["job"],
        "target": run["target"],
        **await service.start_again(instance, arguments.name, wait=arguments.query.wait),
    }


async def _approve(instance: Instance, arguments: Arguments) -> Any:
    return await service.start_approved(instance, arguments.name, wait=arguments.query.wait)


RUN = Operation(
    method="POST",
    path="/jobs/{job}/run",
    summary="Run a job now, in addition to its schedule",
    call=_start,
    query=requests.WaitQuery,
    answer=run_answers.Started,
    status=202,
)
RUNS = Operation(
    method="GET",
    path="/runs",
    from_ledger=True,
    summary="List the newest runs, newest first",
    call=_runs,
    query=requests.RunsQuery,
    answer=list[run_answers.Run],
)
RUN_OPERATIONS: tuple[Operation, ...] = (
    RUN,
    Operation(
        method="GET",
        path="/jobs/{job}/logs",
        from_ledger=True,
        summary="Show the output of a job's newest run",
        call=_logs,
        query=requests.LogsQuery,
        answer=run_answers.Logs,
    ),
    RUNS,
    Operation(
        method="POST",
        path="/runs/{run}/rerun",
        summary="Repeat a run now",
        call=_rerun,
        query=requests.WaitQuery,
        answer=run_answers.Started,
        status=202,
    ),
    Operation(
        method="POST",
        path="/runs/{run}/stop",
        summary="Stop a running run; it is not retried",
        call=lambda instance, arguments: service.stop(instance, arguments.name),
        answer=run_answers.Stopped,
    ),
    Operation(
        method="GET",
        path="/runs/{run}",
        from_ledger=True,
        summary="Show a run: its result, its attempts and, for the run of a chain, its steps",
        call=lambda instance, arguments: service.one_run(instance, arguments.name),
        answer=run_answers.RunAnswer,
    ),
    Operation(
        method="GET",
        path="/runs/{run}/logs",
        from_ledger=True,
        summary="Show the output of a run",
        call=_logs,
        query=requests.LogsQuery,
        answer=run_answers.Logs,
    ),
    Operation(
        method="GET",
        path="/dry-run",
        summary="Preview what a tick would start now, with the reasons",
        call=lambda instance, _: service.dry_run(instance),
        answer=list[run_answers.Planned],
    ),
    Operation(
        method="POST",
        path="/runs/{run}/approve",
        summary="Approve a run that waits for an answer, and start it",
        call=_approve,
        query=requests.WaitQuery,
        answer=run_answers.Started,
        status=202,
    ),
    Operation(
        method="POST",
        path="/runs/{run}/deny",
        summary="Deny a run that waits for an answer; it is skipped",
        call=lambda instance, arguments: service.deny(instance, arguments.name),
        answer=run_answers.Denied,
    ),
)
