"""What is answered when something can't be done: problem details (RFC 9457) to programs, a page to people."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from scheduled.errors import BusyError, ConfigError, ForbiddenError, ScheduledError, UnknownError

PROGRAMS = ("/api/", "/v1/")
PROBLEM = "application/problem+json"
# The narrower kind of error first.
STATUSES: tuple[tuple[type[ScheduledError], int], ...] = (
    (UnknownError, HTTPStatus.NOT_FOUND),
    (ForbiddenError, HTTPStatus.FORBIDDEN),
    (BusyError, HTTPStatus.CONFLICT),
    (ConfigError, HTTPStatus.UNPROCESSABLE_ENTITY),
)


class RefusedError(Exception):
    """A request that is not carried out: the status, and a sentence that says why."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, dict(headers or {})


class Json(Response):
    """A document, as `--json` prints it."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Encode with msgspec, as every interface does."""
        return msgspec.json.encode(content)


def is_program(request: Request) -> bool:
    """Tell whether the one who asks reads JSON."""
    return str(request.scope["path"]).startswith(PROGRAMS)


def status_of(error: ScheduledError) -> int:
    """Return the HTTP status that says what an exit code says."""
    return next(
        (status for kind, status in STATUSES if isinstance(error, kind)), HTTPStatus.SERVICE_UNAVAILABLE
    )


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return problem details; the status says all of the type that there is to say."""
    title = HTTPStatus(status).phrase
    return Json(
        {"type": "about:blank", "title": title, "status": status, "detail": detail},
        status_code=status,
        headers=headers,
        media_type=PROBLEM,
    )


def refused(request: Request, refusal: RefusedError) -> Response:
    """Return a refusal in the form that the one who asks can read."""
    if is_program(request):
        return problem(refusal.status, refusal.detail, refusal.headers)
    from scheduled.interfaces.web.pages.templating import page

    title = HTTPStatus(refusal.status).phrase
    return page(
        request,
        "refused.html",
        status=refusal.status,
        headers=refusal.headers,
        title=title,
        detail=refusal.detail,
        needs_token=refusal.status == HTTPStatus.UNAUTHORIZED,
    )
