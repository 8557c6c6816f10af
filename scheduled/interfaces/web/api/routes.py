"""The routes of the REST interface: validate a request, call `service`, answer with JSON."""

from collections.abc import Awaitable, Callable, Iterator
from typing import Any
from urllib.parse import quote

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from scheduled import question
from scheduled.config.convert import describe_error
from scheduled.config.json_values import decoded
from scheduled.errors import ConfigError
from scheduled.instance import Instance
from scheduled.interfaces.threads import in_thread
from scheduled.interfaces.web.api import openapi
from scheduled.interfaces.web.api.operation import PREFIXES, Arguments, Operation
from scheduled.interfaces.web.api.operations import CONFIG_ERROR, OPERATIONS
from scheduled.interfaces.web.request import instance_of
from scheduled.interfaces.web.responses import Json, RefusedError

CREATED, ACCEPTED = 201, 202
Endpoint = Callable[[Request], Awaitable[Response]]


def routes() -> Iterator[Route]:
    """Yield a route for every path. Starlette answers other methods with 405."""
    yield Route("/api/openapi.json", lambda _: Json(openapi.document()))
    by_path: dict[str, dict[str, Operation]] = {}
    for operation in OPERATIONS:
        for prefix in operation.prefixes:
            by_path.setdefault(prefix + operation.path, {})[operation.method] = operation
    # The first route that matches answers: "/jobs/runs" must come before "/jobs/{job}".
    for path in sorted(by_path, key=lambda path: path.count("{")):
        yield Route(path, _endpoint(by_path[path]), methods=list(by_path[path]))


def _endpoint(operations: dict[str, Operation]) -> Endpoint:
    async def answer(request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        operation = operations[method]
        arguments = Arguments(
            next(iter(request.path_params.values()), ""),
            _query(request, operation),
            await _body(request, operation),
        )
        instance_of(request).without_config = operation.from_ledger
        call = _limited if method == "GET" else _unlimited
        document = await in_thread(lambda: call(operation, instance_of(request), arguments))
        return Json(document, status_code=operation.status, headers=_headers(request, operation, document))

    return answer


def _unlimited(operation: Operation, instance: Instance, arguments: Arguments) -> Any:
    return operation.call(instance, arguments)


@question.limited()
def _limited(operation: Operation, instance: Instance, arguments: Arguments) -> Any:
    return operation.call(instance, arguments)


def _query(request: Request, operation: Operation) -> Any:
    given = request.query_params.multi_items()
    if len(dict(given)) != len(given):
        raise RefusedError(400, "query: a parameter is given twice")
    try:
        return msgspec.convert(dict(given), operation.query, strict=False)
    except msgspec.ValidationError as error:
        raise RefusedError(400, f"query: {describe_error(error, operation.query)}") from None


async def _body(request: Request, operation: Operation) -> dict[str, Any]:
    sent = await request.body()
    if operation.body is None:
        return {}
    if not sent and not _is_required(operation.body):
        return {}
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise RefusedError(415, "Content-Type: must be application/json")
    try:
        found = decoded(sent)
        msgspec.convert(found, operation.body)
    except msgspec.ValidationError as error:
        raise RefusedError(400, f"body: {describe_error(error, operation.body)}") from None
    except ConfigError as error:
        raise RefusedError(400, f"body: {error}") from None
    return dict(found)


def _is_required(body: type[msgspec.Struct]) -> bool:
    return any(field.required for field in msgspec.structs.fields(body))


def _headers(request: Request, operation: Operation, document: Any) -> dict[str, str]:
    """Return the path of the job that was added, or of the run that was started, as `Location`.

    An answer from the ledger has the error of the configuration instead.
    """
    path = str(request.scope["path"])
    if error := instance_of(request).config_error:
        return {CONFIG_ERROR: " ".join(error.encode("ascii", "backslashreplace").decode().split())}
    if operation.status == CREATED:
        return {"Location": f"{path}/{quote(document['job'], safe='')}"}
    if operation.status == ACCEPTED and document["run_id"] is not None:
        prefix = next((prefix for prefix in PREFIXES if path.startswith(f"{prefix}/")), PREFIXES[0])
        return {"Location": f"{prefix}/runs/{quote(document['run_id'], safe='')}"}
    return {}
