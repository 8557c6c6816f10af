"""Render the templates. Every value is escaped, and an undefined variable is an error."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

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
    return made


def page(
    request: Request,
    template: str,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **content: Any,
) -> HTMLResponse:
    """Return the response with *template* rendered with *content*."""
    instance = getattr(request.state, "instance", None)
    shared = {
        "path": request.scope["path"],
        "exposed": request.scope.get("exposed", False),
        "config_error": instance.config_error if instance else "",
    }
    text = environment().get_template(template).render(shared | content)
    return HTMLResponse(text, status_code=status, headers=dict(headers or {}))
