"""The ASGI application: REST routes and pages, behind the guard that checks every request."""

import logging
from collections.abc import Callable
from time import monotonic
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Scope

from scheduled.advice import complete
from scheduled.errors import ScheduledError
from scheduled.instance import Instance
from scheduled.interfaces.web import metrics
from scheduled.interfaces.web.api import routes
from scheduled.interfaces.web.pages import answers, calendar, edit, jobs, live, login, runs
from scheduled.interfaces.web.pages.templating import HERE
from scheduled.interfaces.web.responses import RefusedError, refused, status_of
from scheduled.interfaces.web.security import Guard
from scheduled.interfaces.web.server_address import ServerAddress
from scheduled.interfaces.web.tokens import Key

log = logging.getLogger(__name__)


def _ignore(_: Scope, __: int) -> None:
    """Ignore the start or end of a request."""


def create(
    new_instance: Callable[[], Instance],
    address: ServerAddress,
    *,
    key: Callable[[], Key] | None = None,
    redeem: Callable[[str], bool] = lambda _: False,
    now: Callable[[], float] = monotonic,
    active: Callable[[Scope, int], None] = _ignore,
) -> ASGIApp:
    """Return the application for *address*. Each request gets a *new_instance* and reads the current *key*.

    *now* is a monotonic clock. *redeem* uses up a one-time code (see `sign_in`). *active* gets +1 when a request with valid
    credentials starts and -1 when it ends.
    """
    app = Starlette(
        exception_handlers={
            RefusedError: _refusal,
            ScheduledError: _error,
            HTTPException: _http,
            ClientDisconnect: _gone,
            Exception: _fault,
        }
    )
    app.state.new_instance = new_instance
    guard = Guard(app, address, now, active, key or (lambda: address.key), redeem)
    routers = [
        *routes.routes(),
        *login.routes(guard),
        *edit.routes(),
        *jobs.routes(),
        *runs.routes(),
        *live.routes(),
        *calendar.routes(),
        *metrics.routes(),
        *answers.routes(),
    ]
    app.router.routes += [*routers, Mount("/static", StaticFiles(directory=HERE / "static"))]
    app.router.redirect_slashes = False
    return guard


def _refusal(request: Request, error: Any) -> Response:
    return refused(request, error)


def _error(request: Request, error: Any) -> Response:
    return refused(request, RefusedError(status_of(error), complete(str(error))))


async def _gone(_: Request, __: Exception) -> Response:
    """Return an answer that is not sent: the client closed the connection before its request was complete."""
    return Response(status_code=400)


def _http(request: Request, error: Any) -> Response:
    details = {
        404: "no such page or operation",
        405: f"this address does not answer {request.method} requests",
    }
    detail = str(details.get(error.status_code, error.detail))
    return refused(request, RefusedError(error.status_code, detail, error.headers))


def _fault(request: Request, error: Exception) -> Response:
    log.error("%s %s: %s: %s", request.method, request.scope["path"], type(error).__name__, error)
    return refused(
        request,
        RefusedError(500, "an internal error of scheduled; the output of `scheduled web` describes it"),
    )
