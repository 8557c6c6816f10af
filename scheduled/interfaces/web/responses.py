"""Responses: JSON documents, and errors as problem details (RFC 9457) on REST paths and as a page elsewhere."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from scheduled.advice import complete_in
from scheduled.errors import (
    BusyError,
    ConfigError,
    ForbiddenError,
    ScheduledError,
    TooLongError,
    UnknownError,
)

# The headings of the pages that answer a refused request.
HEADINGS: dict[int, str] = {
    HTTPStatus.BAD_REQUEST: "This request is not valid",
    HTTPStatus.UNAUTHORIZED: "Sign in",
    HTTPStatus.FORBIDDEN: "This is not allowed",
    HTTPStatus.NOT_FOUND: "Nothing was found here",
    HTTPStatus.CONFLICT: "This is not possible at the moment",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many requests in a short time",
    HTTPStatus.INTERNAL_SERVER_ERROR: "A fault in scheduled",
    HTTPStatus.SERVICE_UNAVAILABLE: "This is not possible at the moment",
}
NOT_DONE = "This cannot be done"  # the heading for every other status
REST_PATHS = ("/api/", "/v1/", "/metrics")  # of programs
PROBLEM = "application/problem+json"
# Subclasses come before their base classes: the first match decides.
STATUSES: tuple[tuple[type[ScheduledError], int], ...] = (
    (UnknownError, HTTPStatus.NOT_FOUND),
    (ForbiddenError, HTTPStatus.FORBIDDEN),
    (BusyError, HTTPStatus.CONFLICT),
    (ConfigError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (TooLongError, HTTPStatus.UNPROCESSABLE_ENTITY),
)


class RefusedError(Exception):
    """A request that is refused, with the HTTP status and a sentence that gives the reason."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, dict(headers or {})


class Json(Response):
    """A JSON document, encoded as `--json` prints it, with the commands in its messages completed."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Return *content* encoded with msgspec, as in every other interface."""
        return msgspec.json.encode(complete_in(content))


def is_rest(request: Request) -> bool:
    """Return whether the request is for the REST interface, and so expects JSON."""
    return str(request.scope["path"]).startswith(REST_PATHS)


def status_of(error: ScheduledError) -> int:
    """Return the HTTP status for *error*."""
    return next(
        (status for kind, status in STATUSES if isinstance(error, kind)), HTTPStatus.SERVICE_UNAVAILABLE
    )


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return an RFC 9457 problem document. Its type is about:blank: the HTTP status is the only classification."""
    title = HTTPStatus(status).phrase
    return Json(
        {"type": "about:blank", "title": title, "status": status, "detail": detail},
        status_code=status,
        headers=headers,
        media_type=PROBLEM,
    )


def refused(request: Request, refusal: RefusedError) -> Response:
    """Return the response for a refusal: problem details for a REST request, otherwise a page."""
    if is_rest(request):
        return problem(refusal.status, refusal.detail, refusal.headers)
    from scheduled.interfaces.web.pages.templating import page

    return page(
        request,
        "refused.html",
        status=refusal.status,
        headers=refusal.headers,
        title=HEADINGS.get(refusal.status, NOT_DONE),
        detail=refusal.detail,
        back=_back(request),
        needs_token=refusal.status == HTTPStatus.UNAUTHORIZED,
    )


def _back(request: Request) -> str:
    """Return the path of the page that the refused button is on, a job or a run; otherwise that of the list of jobs."""
    path = str(request.scope["path"])
    is_button = request.method == "POST" and path.startswith(("/jobs/", "/runs/"))
    return quote(path.rpartition("/")[0]) if is_button else "/"
