"""The page that a signed address in a notice leads to: two buttons, for who has no session. Only POST has an effect."""

from collections.abc import Iterator
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from scheduled import question, service
from scheduled.errors import ForbiddenError, ScheduledError
from scheduled.instance import Instance
from scheduled.interfaces.web.pages.templating import page
from scheduled.interfaces.web.request import form
from scheduled.interfaces.web.responses import RefusedError

SHORT_WAIT = 1.0  # seconds after "Approve"


def routes() -> Iterator[Route]:
    """Yield the routes of a signed address."""
    yield Route("/answer/{run:path}", show)
    yield Route("/answer/{run:path}", answer, methods=["POST"])


@question.limited()
def show(request: Request) -> Response:
    """Show the run with its two buttons. Programs that preview links call this, so it changes nothing."""
    query = request.query_params
    until, digest = query.get("until", ""), query.get("key", "")
    found = _linked(_instance_of(request), request.path_params["run"], until, digest)
    return page(request, "answer.html", run=found, until=until, key=digest, done="")


async def answer(request: Request) -> Response:
    """Carry out the answer in the form, if its signature is right."""
    given, instance = await form(request), _instance_of(request)
    signature = given.get("until", ""), given.get("key", "")
    found = await run_in_threadpool(_linked, instance, request.path_params["run"], *signature)
    if given.get("answer") == "approve":
        await service.start_approved(instance, found["run_id"], wait=SHORT_WAIT)
    elif given.get("answer") == "deny":
        await run_in_threadpool(service.deny, instance, found["run_id"])
    else:
        raise RefusedError(400, "answer: must be approve or deny")
    return page(request, "answer.html", run=found, until="", key="", done=given["answer"])


def _instance_of(request: Request) -> Instance:
    """Return an Instance for one call. The pages do not know it: they would show an error in the configuration."""
    found: Instance = request.app.state.new_instance()
    return found


def _linked(instance: Instance, run_id: str, until: str, digest: str) -> dict[str, Any]:
    """Return the run of a signed address. A stranger may be asking, so a fault here is not described."""
    try:
        return service.linked(instance, run_id, until, digest)
    except ForbiddenError:
        raise
    except ScheduledError:
        raise RefusedError(
            503, "no run can be answered here now; the owner of this server can find out why"
        ) from None
