"""The application: the guard before it, the REST routes and the pages behind it."""

import logging
from collections.abc import Callable
from time import monotonic
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Scope

from scheduled.errors import ScheduledError
from scheduled.instance import Instance
from scheduled.interfaces.web.api import routes
from scheduled.interfaces.web.pages import calendar, edit, jobs, login
from scheduled.interfaces.web.pages.templating import HERE
from scheduled.interfaces.web.responses import RefusedError, refused, status_of
from scheduled.interfaces.web.security import Guard, ServerAddress
from scheduled.interfaces.web.tokens import Key

log = logging.getLogger(__name__)


def _nobody(_: Scope, __: int) -> None:
    """Who hears of requests where nobody wants to."""


def create(
    new_instance: Callable[[], Instance],
    address: ServerAddress,
    *,
    key: Callable[[], Key] | None = None,
    now: Callable[[], float] = monotonic,
    active: Callable[[Scope, int], None] = _nobody,
) -> ASGIApp:
    """Return the application that answers at *address*; each request has a *new_instance*, and *key*, anew."""
    app = Starlette(
        exception_handlers={
            RefusedError: _refusal,
            ScheduledError: _error,
            HTTPException: _http,
            Exception: _fault,
        }
    )
    app.state.new_instance = new_instance
    guard = Guard(app, address, now, active, key or (lambda: address.key))
    rooms = [
        *routes.routes(),
        *login.routes(guard),
        *edit.routes(),
        *jobs.routes(),
        *calendar.routes(),
    ]
    app.router.routes += [*rooms, Mount("/static", StaticFiles(directory=HERE / "static"))]
    app.router.redirect_slashes = False
    return guard


def _refusal(request: Request, error: Any) -> Response:
    return refused(request, error)


def _error(request: Request, error: Any) -> Response:
    return refused(request, RefusedError(status_of(error), str(error)))


def _http(request: Request, error: Any) -> Response:
    detail = "there is nothing here" if error.status_code == 404 else error.detail  # noqa: PLR2004 - Not Found
    return refused(request, RefusedError(error.status_code, detail, error.headers))


def _fault(request: Request, error: Exception) -> Response:
    log.error("%s %s: %s: %s", request.method, request.scope["path"], type(error).__name__, error)
    return refused(
        request,
        RefusedError(500, "a fault in scheduled itself; what it is stands in the server's own output"),
    )
