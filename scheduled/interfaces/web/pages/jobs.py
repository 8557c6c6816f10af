"""The pages: what people look at, and the buttons by which they ask. They work without any script."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from scheduled import service
from scheduled.core.runs import UNDER_WAY
from scheduled.instance import Instance
from scheduled.interfaces.ask import answered
from scheduled.interfaces.web.pages import svg
from scheduled.interfaces.web.pages.templating import page
from scheduled.interfaces.web.request import form, go, instance_of, number, path_of
from scheduled.interfaces.web.responses import RefusedError

QUICK = 1.0  # seconds: most jobs are over by then, and the page shows how they ended
NEWEST = 25
MOST = 200
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
        request,
        "home.html",
        status=200,
        found=service.status(instance_of(request)),
        **_jobs(instance_of(request)),
    )


def live_jobs(request: Request) -> Response:
    """Answer the list of jobs alone."""
    return page(request, "jobs.html", **_jobs(instance_of(request)))


def _jobs(instance: Instance) -> dict[str, Any]:
    strips = service.recent_verdicts(instance)
    return {
        "jobs": service.jobs(instance),
        "running": {
            name for name, entries in strips.items() if entries and entries[-1]["verdict"] in UNDER_WAY
        },
        "strips": {name: svg.strip(entries) for name, entries in strips.items()},
    }


def job(request: Request) -> Response:
    """Show all of a job."""
    return page(request, "job.html", **_job(instance_of(request), request.path_params["job"]))


def _job(instance: Instance, name: str) -> dict[str, Any]:
    found = service.job(instance, name)
    history = service.history(instance, name, limit=NEWEST)
    return {
        "job": found,
        "explained": service.explain(instance, name),
        "strip": svg.strip(service.recent_verdicts(instance, name)[name]),
        "runs": history,
        "durations": svg.durations(history),
        "log": _log(instance, history[0]["run_id"]) if history else None,
        "upcoming": service.upcoming(instance, name, 10),
    }


def _log(instance: Instance, run_id: str, start: int = 0) -> dict[str, Any]:
    return service.printed(instance, run_id, start)


def live_log(request: Request) -> Response:
    """Answer what a run printed since the last look, and, once it is over, how it ended."""
    start = number(request.query_params.get("from", "0"))
    if start is None:
        raise RefusedError(400, "from: is a number")
    instance, run_id = instance_of(request), request.path_params["run"]
    found = _log(instance, run_id, start)
    if found["running"]:
        return page(request, "live_log.html", log=found)
    # All of it once more: what is kept of it, now that it is over, may be shorter.
    known = _job(instance, found["job"]) if found["job"] in _names(instance) else {}
    return page(request, "live_log.html", **{**known, "log": _log(instance, run_id)})


def _names(instance: Instance) -> list[str]:
    """List the jobs that have a page: a run may be of one that was removed."""
    return [line["name"] for line in service.jobs(instance)]


async def act(request: Request) -> Response:
    """Do what a button of a job says, and show the job."""
    name, verb = request.path_params["job"], request.path_params["verb"]
    if verb not in VERBS:
        raise RefusedError(404, "there is nothing here")
    given = await form(request)
    await answered(lambda: VERBS[verb](instance_of(request), name, given))
    return go(path_of(name))


async def _run(instance: Instance, name: str, _: Mapping[str, str]) -> None:
    await service.start(instance, [name], wait=QUICK)


def _pause(instance: Instance, name: str, given: Mapping[str, str]) -> None:
    service.pause(instance, [name], given.get("until") or None)


VERBS: dict[str, Callable[[Instance, str, Mapping[str, str]], Any]] = {
    "run": _run,
    "pause": _pause,
    "resume": lambda instance, name, _: service.resume(instance, [name]),
    "enable": lambda instance, name, _: service.enable(instance, [name]),
    "disable": lambda instance, name, _: service.disable(instance, [name]),
    "skip": lambda instance, name, _: service.skip(instance, name),
}


async def pause_all(request: Request) -> Response:
    """Pause all jobs, or end that."""
    given, instance = await form(request), instance_of(request)
    if given.get("resume"):
        await run_in_threadpool(service.resume, instance)
    else:
        await run_in_threadpool(service.pause, instance, (), given.get("until") or None)
    return go("/")


def runs(request: Request) -> Response:
    """Show the newest runs, of one job or one status if asked."""
    asked = {key: request.query_params.get(key, "") for key in ("job", "status")}
    instance = instance_of(request)
    found = service.history(instance, asked["job"] or None, status=asked["status"] or None, limit=MOST)
    return page(request, "runs.html", runs=found, asked=asked, names=_names(instance))


def run(request: Request) -> Response:
    """Show one run and what it printed."""
    instance, run_id = instance_of(request), request.path_params["run"]
    found, log = service.one_run(instance, run_id), _log(instance, run_id)
    return page(request, "run.html", run=found, log=log, names=_names(instance))


async def output(request: Request) -> Response:
    """Answer a run's output as plain text, for as long as it grows: a live log without any script."""
    instance, run_id = instance_of(request), request.path_params["run"]
    first = await run_in_threadpool(_log, instance, run_id)
    return StreamingResponse(_growing(instance, first), media_type="text/plain; charset=utf-8")


async def _growing(instance: Instance, found: dict[str, Any]) -> AsyncIterator[str]:
    yield found["output"]
    while found["running"]:
        await asyncio.sleep(LOOK)
        found = await run_in_threadpool(_log, instance, found["run_id"], found["size"])
        yield found["output"]


async def stop(request: Request) -> Response:
    """End a run that is under way."""
    run_id = request.path_params["run"]
    await run_in_threadpool(service.stop, instance_of(request), run_id)
    return go(f"/runs/{run_id}")


def chains(request: Request) -> Response:
    """Draw every chain."""
    instance = instance_of(request)
    statuses = {line["name"]: line["last_status"] for line in service.jobs(instance)}
    found = [(chain, svg.chain(chain["steps"], statuses)) for chain in service.chains(instance)]
    return page(request, "chains.html", chains=found)


def incidents(request: Request) -> Response:
    """Show what is wrong now."""
    instance = instance_of(request)
    return page(
        request,
        "incidents.html",
        incidents=service.incidents(instance),
        notices=service.notices(instance),
        names=_names(instance),
    )
