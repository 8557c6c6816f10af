"""Render the templates. Every value is escaped, and an undefined variable is an error."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from scheduled.advice import complete, complete_in

HERE = Path(__file__).parents[1]


@lru_cache
def environment() -> Environment:
    """Return the Jinja environment of all pages."""
    from scheduled.interfaces.web.pages import filters

    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(filters.FILTERS)
    made.globals["command"] = command
    return made


def command(words: str) -> str:
    """Return the command `scheduled ...` as a person has to type it to reach the instance of this server."""
    return complete(f"`{words}`")[1:-1]


def page(
    request: Request,
    template: str,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **content: Any,
) -> HTMLResponse:
    """Return the response with *template* rendered with *content*; the commands in its messages are completed."""
    instance = getattr(request.state, "instance", None)
    shared = {
        "path": request.scope["path"],
        "exposed": request.scope.get("exposed", False),
        "config_error": instance.config_error if instance else "",
    }
    text = environment().get_template(template).render(complete_in(shared | content))
    return HTMLResponse(text, status_code=status, headers=dict(headers or {}))
