"""The pages: what people look at, and the buttons by which they ask. They work without any script."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from scheduled import service
from scheduled.interfaces.ask import answered
from scheduled.interfaces.web.pages import svg as pictures
from scheduled.interfaces.web.pages.templating import page
from scheduled.interfaces.web.request import form, go, number, path_of, where
from scheduled.interfaces.web.responses import RefusedError
from scheduled.service import Where

QUICK = 1.0  # seconds: most jobs are over by then, and the page shows how they ended
NEWEST = 25
MOST = 200
UNDER_WAY = ("claimed", "running")
LOOK = 0.5  # seconds between two looks at a log that grows


def routes() -> Iterator[Route]:
    """Yield the route of every page about jobs and runs."""
    for path in ("/", "/daemon"):
        yield Route(path, home)
    yield Route("/live/jobs", live_jobs)
    yield Route("/live/log/{run}", live_log)
    yield Route("/jobs/{job}", job)
    yield Route("/jobs/{job}/{verb}", act, methods=["POST"])
    yield Route("/pause", pause_all, methods=["POST"])
    yield Route("/runs", runs)
    yield Route("/runs/{run}", run)
    yield Route("/runs/{run}/output.txt", output)
    yield Route("/runs/{run}/stop", stop, methods=["POST"])
    yield Route("/chains", chains)
    yield Route("/incidents", incidents)


def home(request: Request) -> Response:
    """Show how everything stands, trouble first, then every job."""
    return page(
        request, "home.html", status=200, found=service.status(where(request)), **_jobs(where(request))
    )


def live_jobs(request: Request) -> Response:
    """Answer the list of jobs alone."""
    return page(request, "jobs.html", **_jobs(where(request)))


def _jobs(place: Where) -> dict[str, Any]:
    strips = service.strips(place)
    return {
        "jobs": service.jobs(place),
        "running": {
            name for name, entries in strips.items() if entries and entries[-1]["verdict"] in UNDER_WAY
        },
        "strips": {name: pictures.strip(entries) for name, entries in strips.items()},
    }


def job(request: Request) -> Response:
    """Show all of a job."""
    return page(request, "job.html", **_job(where(request), request.path_params["job"]))


def _job(place: Where, name: str) -> dict[str, Any]:
    found = service.job(place, name)
    history = service.history(place, name, limit=NEWEST)
    return {
        "job": found,
        "explained": service.explain(place, name),
        "strip": pictures.strip(service.strips(place, name)[name]),
        "runs": history,
        "durations": pictures.durations(history),
        "log": _log(place, history[0]["run_id"]) if history else None,
        "upcoming": service.upcoming(place, name, 10),
    }


def _log(place: Where, run_id: str, start: int = 0) -> dict[str, Any]:
    return service.printed(place, run_id, start)


def live_log(request: Request) -> Response:
    """Answer what a run printed since the last look, and, once it is over, how it ended."""
    start = number(request.query_params.get("from", "0"))
    if start is None:
        raise RefusedError(400, "from: is a number")
    place, run_id = where(request), request.path_params["run"]
    found = _log(place, run_id, start)
    if found["running"]:
        return page(request, "live_log.html", log=found)
    # All of it once more: what is kept of it, now that it is over, may be shorter.
    known = _job(place, found["job"]) if found["job"] in _names(place) else {}
    return page(request, "live_log.html", **{**known, "log": _log(place, run_id)})


def _names(place: Where) -> list[str]:
    """List the jobs that have a page: a run may be of one that was removed."""
    return [line["name"] for line in service.jobs(place)]


async def act(request: Request) -> Response:
    """Do what a button of a job says, and show the job."""
    name, verb = request.path_params["job"], request.path_params["verb"]
    if verb not in VERBS:
        raise RefusedError(404, "there is nothing here")
    given = await form(request)
    await answered(lambda: VERBS[verb](where(request), name, given))
    return go(path_of(name))


async def _run(place: Where, name: str, _: Mapping[str, str]) -> None:
    await service.start(place, [name], wait=QUICK)


def _pause(place: Where, name: str, given: Mapping[str, str]) -> None:
    service.pause(place, [name], given.get("until") or None)


VERBS: dict[str, Callable[[Where, str, Mapping[str, str]], Any]] = {
    "run": _run,
    "pause": _pause,
    "resume": lambda place, name, _: service.resume(place, [name]),
    "enable": lambda place, name, _: service.enable(place, [name]),
    "disable": lambda place, name, _: service.disable(place, [name]),
    "skip": lambda place, name, _: service.skip(place, name),
}


async def pause_all(request: Request) -> Response:
    """Pause all jobs, or end that."""
    given, place = await form(request), where(request)
    if given.get("resume"):
        await run_in_threadpool(service.resume, place)
    else:
        await run_in_threadpool(service.pause, place, (), given.get("until") or None)
    return go("/")


def runs(request: Request) -> Response:
    """Show the newest runs, of one job or one status if asked."""
    asked = {key: request.query_params.get(key, "") for key in ("job", "status")}
    place = where(request)
    found = service.history(place, asked["job"] or None, status=asked["status"] or None, limit=MOST)
    return page(request, "runs.html", runs=found, asked=asked, names=_names(place))


def run(request: Request) -> Response:
    """Show one run and what it printed."""
    place, run_id = where(request), request.path_params["run"]
    found, log = service.one_run(place, run_id), _log(place, run_id)
    return page(request, "run.html", run=found, log=log, names=_names(place))


async def output(request: Request) -> Response:
    """Answer a run's output as plain text, for as long as it grows: a live log without any script."""
    place, run_id = where(request), request.path_params["run"]
    first = await run_in_threadpool(_log, place, run_id)
    return StreamingResponse(_growing(place, first), media_type="text/plain; charset=utf-8")


async def _growing(place: Where, found: dict[str, Any]) -> AsyncIterator[str]:
    yield found["output"]
    while found["running"]:
        await asyncio.sleep(LOOK)
        found = await run_in_threadpool(_log, place, found["run_id"], found["size"])
        yield found["output"]


async def stop(request: Request) -> Response:
    """End a run that is under way."""
    run_id = request.path_params["run"]
    await run_in_threadpool(service.stop, where(request), run_id)
    return go(f"/runs/{run_id}")


def chains(request: Request) -> Response:
    """Draw every chain."""
    place = where(request)
    statuses = {line["name"]: line["last_status"] for line in service.jobs(place)}
    found = [(chain, pictures.chain(chain["steps"], statuses)) for chain in service.chains(place)]
    return page(request, "chains.html", chains=found)


def incidents(request: Request) -> Response:
    """Show what is wrong now."""
    place = where(request)
    return page(
        request,
        "incidents.html",
        incidents=service.incidents(place),
        notices=service.notices(place),
        names=_names(place),
    )
