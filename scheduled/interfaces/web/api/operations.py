"""The table of all operations of the REST interface, from which the routes and the OpenAPI document are made."""

from typing import Any

import msgspec

from scheduled import service
from scheduled.instance import Instance
from scheduled.interfaces.web.api import answers, requests
from scheduled.interfaces.web.api.job_operations import JOB_OPERATIONS, JOBS, OVERRIDE
from scheduled.interfaces.web.api.operation import Arguments, Operation
from scheduled.interfaces.web.api.run_operations import RUN, RUN_OPERATIONS, RUNS

CONFIG_ERROR = "Scheduled-Config-Error"  # the header of an answer from the ledger; many answers are lists


def _emit(instance: Instance, arguments: Arguments) -> Any:
    return service.emit(instance, arguments.body["name"], arguments.body.get("payload", {}))


def _of_chains(operation: Operation, path: str) -> Operation:
    """Return *operation* at *path*, for chains only: other jobs are answered with 404."""

    def call(instance: Instance, arguments: Arguments) -> Any:
        service.chain(instance, arguments.name)
        return operation.call(instance, arguments)

    return msgspec.structs.replace(operation, path=path, call=call)


OPERATIONS: tuple[Operation, ...] = (
    *JOB_OPERATIONS,
    *RUN_OPERATIONS,
    Operation(
        method="GET",
        path="/status",
        from_ledger=True,
        summary="Show the status of all jobs and of the ticks, problems first",
        call=lambda instance, _: service.status(instance),
        answer=answers.Status,
    ),
    _of_chains(OVERRIDE, "/chains/{job}/toggle"),
    _of_chains(RUN, "/chains/{job}/run"),
    Operation(
        method="GET",
        path="/incidents",
        from_ledger=True,
        summary="List the current incidents and since when they exist",
        call=lambda instance, _: service.incidents(instance),
        answer=list[answers.Incident],
    ),
    Operation(
        method="GET",
        path="/notices",
        from_ledger=True,
        summary="List the notices that are not delivered yet",
        call=lambda instance, _: service.notices(instance),
        answer=list[answers.Notice],
    ),
    Operation(
        method="GET",
        path="/audit",
        summary="Check that every slot has a verdict or an open reason",
        call=lambda instance, arguments: service.audit(
            instance, arguments.query.after, arguments.query.until
        ),
        query=requests.PeriodQuery,
        answer=answers.Audited,
    ),
    Operation(
        method="GET",
        path="/check",
        summary="Check the configuration",
        call=lambda instance, _: service.check(instance),
        answer=answers.Checked,
    ),
    Operation(
        method="POST",
        path="/events",
        summary="Publish an event; the next tick starts the jobs that wait for it",
        call=_emit,
        body=requests.EventBody,
        answer=answers.Emitted,
    ),
    msgspec.structs.replace(JOBS, prefixes=("/v1",)),
    msgspec.structs.replace(RUNS, prefixes=("/v1",), path="/jobs/runs"),
    msgspec.structs.replace(RUN, prefixes=("/v1",), path="/jobs/{job}/trigger"),
)
