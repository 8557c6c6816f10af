"""The forms that add, change and remove jobs, with a preview of the schedule."""

from collections.abc import Iterator, Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from scheduled import question, service
from scheduled.errors import ConfigError
from scheduled.instance import Instance
from scheduled.interfaces.web.pages import forms
from scheduled.interfaces.web.pages.templating import page
from scheduled.interfaces.web.request import form, instance_of, path_of, permissions, redirect


def routes() -> Iterator[Route]:
    """Yield the routes of the forms."""
    yield Route("/new", new)
    yield Route("/new", add, methods=["POST"])
    yield Route("/preview", preview)
    yield Route("/jobs/{job}/edit", edit)
    yield Route("/jobs/{job}/edit", change, methods=["POST"])
    yield Route("/jobs/{job}/remove", remove, methods=["POST"])


@question.limited()
def new(request: Request) -> Response:
    """Show an empty form for a new job."""
    if _is_unreadable(request):
        return page(request, "no_form.html", title="New job")
    what = "command" if permissions(instance_of(request)).may_write_commands else "chain"
    return _form(request, forms.blank() | {"what": what})


@question.limited()
def edit(request: Request) -> Response:
    """Show the form of an existing job, with the errors in its definition on top."""
    name = request.path_params["job"]
    if _is_unreadable(request):
        return page(request, "no_form.html", title=f"Edit {name}")
    table = service.written(instance_of(request), name)
    return _form(request, forms.fields(name, table), table=table)


def _is_unreadable(request: Request) -> bool:
    """Return whether the configuration cannot be read; the page then shows the error."""
    instance = instance_of(request)
    service.now(instance)  # sets `config_error`
    return bool(instance.config_error)


def _problem(instance: Instance, name: str) -> str | None:
    """Return the errors in the definition of the job *name*; None if it has none."""
    found = service.check(instance)["problems"]
    return "; ".join(problem for problem in found if f": jobs.{name}: " in problem) or None


@question.limited()
def preview(request: Request) -> Response:
    """Show the schedule in the form in words, with its next slots."""
    return page(
        request, "preview.html", preview=_preview(instance_of(request), forms.read(request.query_params))
    )


def _preview(instance: Instance, filled: forms.Fields) -> dict[str, Any] | None:
    if filled["when"] in forms.when_keys() and not filled["schedule"]:
        return None
    try:
        return service.preview(instance, forms.schedule(filled), filled["name"])
    except ConfigError as error:
        return {"error": str(error)}


async def add(request: Request) -> Response:
    """Add the job, or show the form again with the error."""
    sent = await form(request)
    return await run_in_threadpool(_add, request, forms.read(sent), sent)


def _add(request: Request, filled: forms.Fields, sent: Mapping[str, str]) -> Response:
    if "preview" in sent:
        return _form(request, filled)
    instance = instance_of(request)
    try:
        table = {key: value for key, value in forms.changes({}, filled).items() if value is not None}
        table["enabled"] = "enabled" in sent
        permissions(instance).need_change("add", filled["name"], table)
        service.add(instance, filled["name"], table)
    except ConfigError as error:
        return _form(request, filled, error)
    return redirect(path_of(filled["name"]))


async def change(request: Request) -> Response:
    """Change the job, or show the form again with the error."""
    sent = await form(request)
    return await run_in_threadpool(_change, request, sent)


def _change(request: Request, sent: Mapping[str, str]) -> Response:
    name, instance = request.path_params["job"], instance_of(request)
    table = service.written(instance, name)
    filled = forms.read(sent, forms.fields(name, table)) | {"name": name}
    # Browsers do not send disabled inputs: the action is missing if the form did not allow to change it.
    if "what" not in sent:
        filled |= forms.work(table)
    if "preview" in sent:
        return _form(request, filled, table=table)
    try:
        changes = forms.changes(table, filled)
        permissions(instance).need_change("edit", name, changes)
        service.edit(instance, name, changes)
    except ConfigError as error:
        return _form(request, filled, error, table)
    return redirect(path_of(name))


async def remove(request: Request) -> Response:
    """Remove the job from its file."""
    name, instance = request.path_params["job"], instance_of(request)
    permissions(instance).need_for("remove jobs")
    await run_in_threadpool(service.remove, instance, name)
    return redirect("/")


def _is_read_only(instance: Instance, table: forms.Table) -> bool:
    """Return whether the action of a job cannot be changed through the web."""
    return forms.work(table)["what"] in forms.executed() and not permissions(instance).may_write_commands


def _form(
    request: Request, filled: forms.Fields, error: ConfigError | None = None, table: forms.Table | None = None
) -> Response:
    instance = instance_of(request)
    read_only = table is not None and _is_read_only(instance, table)
    if table is not None and read_only:
        filled = filled | forms.work(table)
    problem = _problem(instance, filled["name"]) if table is not None else None
    return page(
        request,
        "form.html",
        status=422 if error else 200,
        filled=filled,
        existing="job" in request.path_params,
        may_edit=permissions(instance).may_write_commands,
        read_only=read_only,
        executed=forms.executed(),
        when=(forms.when_choices(), forms.when_hint()),
        what=(forms.what_choices(), forms.what_hint()),
        preview=_preview(instance, filled),
        error=str(error) if error else problem,
        handlers=service.handler_names(),
    )
