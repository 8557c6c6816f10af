"""Helpers for requests: the instance, the permissions, the fields of a form, numbers and redirects."""

import re
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from scheduled.instance import Instance
from scheduled.interfaces.permissions import Permissions
from scheduled.interfaces.web.responses import RefusedError, is_rest

READING = ("GET", "HEAD")
MAX_FIELDS = 100
# `str.isdecimal` accepts the digits of every script, and `int` raises ValueError for very many digits.
NUMBER = re.compile(r"[0-9]{1,18}")


def instance_of(request: Request) -> Instance:
    """Return the Instance of this request, with the configuration and state of this server.

    A page that only shows something is made from the ledger if the configuration cannot be read.
    """
    if not hasattr(request.state, "instance"):
        request.state.instance = request.app.state.new_instance()
        request.state.instance.without_config = request.method in READING and not is_rest(request)
    found: Instance = request.state.instance
    return found


def permissions(instance: Instance) -> Permissions:
    """Return the permissions of the web interface."""
    return Permissions(instance, "web", "allow_edit")


async def form(request: Request) -> dict[str, str]:
    """Return the fields of a form that a browser sent. Raise RefusedError if the body is not a valid form."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await request.body()
    if body and kind != "application/x-www-form-urlencoded":
        raise RefusedError(415, "Content-Type: must be application/x-www-form-urlencoded")
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS))
    except ValueError:
        raise RefusedError(400, "body: not a valid form") from None


def number(text: str) -> int | None:
    """Return *text* as a number; None unless it consists of 1 to 18 ASCII digits."""
    return int(text) if NUMBER.fullmatch(text) else None


def redirect(path: str) -> Response:
    """Return a redirect to *path* with GET (303), so that a reload does not send the form a second time."""
    return RedirectResponse(path, status_code=303)


def path_of(job: str) -> str:
    """Return the path of a job's page."""
    from urllib.parse import quote

    return f"/jobs/{quote(job, safe='')}"
