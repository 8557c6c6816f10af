"""The page of a run: its output or its steps, its attempts and its result."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from scheduled import question, service
from scheduled.core.runs import UNDER_WAY
from scheduled.errors import ConfigError
from scheduled.instance import Instance
from scheduled.interfaces.web.pages.filters import label
from scheduled.interfaces.web.pages.templating import page
from scheduled.interfaces.web.request import instance_of, number, redirect
from scheduled.interfaces.web.responses import RefusedError

POLL_INTERVAL = 0.5  # seconds between two reads of a growing log
SHORT_WAIT = 1.0  # seconds after "Approve": most runs have ended by then, and the page shows their result


def routes() -> Iterator[Route]:
    """Yield the routes of one run."""
    yield Route("/runs/{run}", run)
    yield Route("/runs/{run}/output.txt", output)
    yield Route("/runs/{run}/stop", stop, methods=["POST"])
    yield Route("/runs/{run}/approve", approve, methods=["POST"])
    yield Route("/runs/{run}/deny", deny, methods=["POST"])


def names_of(instance: Instance) -> list[str]:
    """Return the names of the jobs and targets that have a page. A run may belong to a job that was removed."""
    return [
        label({"job": line["name"], **one})
        for line in service.jobs(instance)
        for one in ({}, *(line["targets"] or ()))
    ]


def newest_run(history: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Return the newest run of a history, which may also have rows of slots without a run."""
    return next((row for row in history if row["run_id"]), None)


def steps_with_runs(
    written: Sequence[Sequence[str]], ran: Sequence[Sequence[Mapping[str, Any]]]
) -> list[list[dict[str, Any]]]:
    """Return the steps of a chain as configured, each job with its run in the chain's run, if that started it there."""
    # Of the runs of a job with targets, one that did not succeed represents all.
    known = [
        {entry["job"]: entry for entry in sorted(step, key=lambda entry: entry["status"] != "success")}
        for step in ran
    ]
    blank = {"run_id": None, "status": None}
    return [
        [
            {"job": name, **blank, **(known[place].get(name, {}) if place < len(known) else {})}
            for name in step
        ]
        for place, step in enumerate(written)
    ]


def shown(instance: Instance, found: Mapping[str, Any] | None, attempt: int | None = None) -> dict[str, Any]:
    """Return the values of the templates about one run: the run in full and its output; None for both without a run."""
    if found is None:
        return {"run": None, "log": None}
    run_id = found["run_id"]
    log = service.printed(instance, run_id, attempt=attempt)
    run = service.one_run(instance, run_id)
    return {"run": {**run, "under_way": run["status"] in UNDER_WAY}, "log": log, "attempt": attempt}


@question.limited()
def run(request: Request) -> Response:
    """Show a run, with the output of its newest attempt or of the one in the query."""
    instance, run_id = instance_of(request), request.path_params["run"]
    values = shown(instance, {"run_id": run_id}, number_in(request, "attempt", None))
    return page(request, "run.html", on="run", names=names_of(instance), **values)


def number_in(request: Request, name: str, default: int | None) -> int | None:
    """Return the number *name* of the query; *default* if the query has none. Raise RefusedError if it is no number."""
    given = request.query_params.get(name)
    found = default if given is None else number(given)
    if given is not None and found is None:
        raise RefusedError(400, f"{name}: must be a number")
    return found


async def output(request: Request) -> Response:
    """Stream a run's output as plain text until the run ends: a live log that needs no JavaScript."""
    instance, run_id = instance_of(request), request.path_params["run"]
    attempt = number_in(request, "attempt", None)
    first = await run_in_threadpool(service.printed, instance, run_id, 0, attempt)
    return StreamingResponse(_growing(instance, first, attempt), media_type="text/plain; charset=utf-8")


async def _growing(instance: Instance, found: dict[str, Any], attempt: int | None) -> AsyncIterator[str]:
    yield found["output"]
    while found["running"]:
        await asyncio.sleep(POLL_INTERVAL)
        found = await run_in_threadpool(service.printed, instance, found["run_id"], found["size"], attempt)
        yield found["output"]


async def stop(request: Request) -> Response:
    """Stop a run, and redirect to its page; a run that has ended in the meantime is shown as it ended."""
    run_id = request.path_params["run"]
    await run_in_threadpool(_stop, instance_of(request), run_id)
    return redirect(f"/runs/{quote(run_id, safe='')}")


async def approve(request: Request) -> Response:
    """Approve a run that waits for an answer, and redirect to its page."""
    run_id = request.path_params["run"]
    await service.start_approved(instance_of(request), run_id, wait=SHORT_WAIT)
    return redirect(f"/runs/{quote(run_id, safe='')}")


async def deny(request: Request) -> Response:
    """Deny a run that waits for an answer, and redirect to its page."""
    run_id = request.path_params["run"]
    await run_in_threadpool(service.deny, instance_of(request), run_id)
    return redirect(f"/runs/{quote(run_id, safe='')}")


def _stop(instance: Instance, run_id: str) -> None:
    try:
        service.stop(instance, run_id)
    except ConfigError:
        service.one_run(instance, run_id)  # raises UnknownError if there is no such run
