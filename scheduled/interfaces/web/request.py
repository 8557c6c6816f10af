"""What every page and answer begins with: whose jobs are meant, and what a form says."""

import re
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from scheduled.instance import Instance
from scheduled.interfaces.permissions import Permissions
from scheduled.interfaces.web.responses import RefusedError

MOST_FIELDS = 100
# `str.isdecimal` takes the digits of every script, and `int` not any number of them.
NUMBER = re.compile(r"[0-9]{1,18}")


def instance_of(request: Request) -> Instance:
    """Return whose configuration and state a request is about; one of its own for each request."""
    found: Instance = request.app.state.new_instance()
    return found


def permissions(instance: Instance) -> Permissions:
    """Return what may be done through the web."""
    return Permissions(instance, "web", "allow_edit")


async def form(request: Request) -> dict[str, str]:
    """Return the fields of a form that a page sent; raises RefusedError."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await request.body()
    if body and kind != "application/x-www-form-urlencoded":
        raise RefusedError(415, "a form sends application/x-www-form-urlencoded")
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS))
    except ValueError:
        raise RefusedError(400, "this is no form") from None


def number(text: str) -> int | None:
    """Read a number that a request says; None if it is none that anything here could be."""
    return int(text) if NUMBER.fullmatch(text) else None


def go(path: str) -> Response:
    """Send the browser on, so that a reload asks nothing twice."""
    return RedirectResponse(path, status_code=303)


def path_of(job: str) -> str:
    """Return where a job's page is."""
    from urllib.parse import quote

    return f"/jobs/{quote(job, safe='')}"
