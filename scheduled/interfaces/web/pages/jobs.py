"""The pages of jobs, chains and incidents, the list of runs, and the buttons on them. All of them work without JavaScript."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from scheduled import question, service
from scheduled.errors import BusyError, ConfigError
from scheduled.instance import Instance
from scheduled.interfaces.threads import in_thread
from scheduled.interfaces.web.pages import svg
from scheduled.interfaces.web.pages.runs import names_of, newest_run, shown, steps_with_runs
from scheduled.interfaces.web.pages.templating import page
from scheduled.interfaces.web.request import form, instance_of, path_of, redirect
from scheduled.interfaces.web.responses import RefusedError

SHORT_WAIT = 1.0  # seconds after "Run now": most runs have ended by then, and the page shows their result
NEWEST_RUNS = 25  # on a job's page
MAX_RUNS = 200  # on the page of runs


def routes() -> Iterator[Route]:
    """Yield the route of every page about jobs and runs."""
    for path in ("/", "/daemon"):
        yield Route(path, home)
    yield Route("/live/jobs", live_jobs)
    yield Route("/jobs/{job}", job)
    yield Route("/jobs/{job}/{action}", act, methods=["POST"])
    yield Route("/pause", pause_all, methods=["POST"])
    yield Route("/runs", runs)
    yield Route("/chains", chains)
    yield Route("/incidents", incidents)


@question.limited()
def home(request: Request) -> Response:
    """Show the status, problems first, then all jobs."""
    return page(
        request,
        "home.html",
        status=200,
        found=service.status(instance_of(request)),
        **_jobs(instance_of(request)),
    )


@question.limited()
def live_jobs(request: Request) -> Response:
    """Return the list of jobs as a fragment, for polling."""
    return page(request, "jobs.html", **_jobs(instance_of(request)))


def _jobs(instance: Instance) -> dict[str, Any]:
    recent = service.recent_statuses(instance)
    return {
        "jobs": service.jobs(instance),
        "recent_results": {name: svg.history_bars(entries) for name, entries in recent.items()},
    }


@question.limited()
def job(request: Request) -> Response:
    """Show a job: its state, its newest output, its runs, its next slots and its settings."""
    found = of_job(instance_of(request), request.path_params["job"])
    return page(request, "job.html", on="job" if found["job"]["target"] is None else "target", **found)


def of_job(instance: Instance, name: str) -> dict[str, Any]:
    """Return the values of the template of a job's page."""
    found = service.job(instance, name)
    history = service.history(instance, name, limit=NEWEST_RUNS)
    return {
        "job": found,
        "names": names_of(instance),
        "explained": service.explain(instance, name),
        "recent_results": svg.history_bars(service.recent_statuses(instance, name)[name]),
        "runs": history,
        "durations": svg.durations(history),
        **shown(instance, newest_run(history)),
        "upcoming": [] if instance.config_error else service.upcoming(instance, name, 10, together=True),
        "can_skip": not instance.config_error and _can_skip(instance, name),
        "can_unskip": not instance.config_error and _can_skip(instance, name, undo=True),
    }


def _can_skip(instance: Instance, name: str, *, undo: bool = False) -> bool:
    """Return whether `skip` would find an open slot or a waiting run of the job; with *undo*, whether it can be undone."""
    try:
        found = service.skip(instance, name, undo=undo, dry_run=True)
    except (ConfigError, BusyError):  # it is running, or disabled, or there is nothing to undo
        return False
    return bool(found["skipped"] or found["retries"] or found["undone"])


async def act(request: Request) -> Response:
    """Carry out the action of a button and redirect to the job's page."""
    name, action = request.path_params["job"], request.path_params["action"]
    if action not in ACTIONS:
        raise RefusedError(404, "no such page or operation")
    given = await form(request)
    await in_thread(lambda: ACTIONS[action](instance_of(request), name, given))
    return redirect(path_of(name))


async def _run(instance: Instance, name: str, _: Mapping[str, str]) -> None:
    await service.start(instance, [name], wait=SHORT_WAIT)


def _pause(instance: Instance, name: str, given: Mapping[str, str]) -> None:
    service.pause(instance, [name], given.get("until") or None)


ACTIONS: dict[str, Callable[[Instance, str, Mapping[str, str]], Any]] = {
    "run": _run,
    "pause": _pause,
    "resume": lambda instance, name, _: service.resume(instance, [name]),
    "enable": lambda instance, name, _: service.enable(instance, [name]),
    "disable": lambda instance, name, _: service.disable(instance, [name]),
    "skip": lambda instance, name, _: service.skip(instance, name),
    "ack": lambda instance, name, _: service.ack(instance, [name]),
    "mute": lambda instance, name, given: service.mute(instance, [name], given.get("until") or None),
    "unmute": lambda instance, name, _: service.unmute(instance, [name]),
    "unskip": lambda instance, name, _: service.skip(instance, name, undo=True),
}


async def pause_all(request: Request) -> Response:
    """Pause all jobs, or end their pause."""
    given, instance = await form(request), instance_of(request)
    if given.get("resume"):
        await run_in_threadpool(service.resume, instance)
    else:
        await run_in_threadpool(service.pause, instance, (), given.get("until") or None)
    return redirect("/")


@question.limited()
def runs(request: Request) -> Response:
    """Show the newest runs, filtered by job and status if the query has them."""
    chosen = {key: request.query_params.get(key, "") for key in ("job", "status")}
    instance = instance_of(request)
    found = service.history(instance, chosen["job"] or None, status=chosen["status"] or None, limit=MAX_RUNS)
    return page(request, "runs.html", runs=found, chosen=chosen, names=names_of(instance))


@question.limited()
def chains(request: Request) -> Response:
    """Show every chain with a diagram."""
    instance = instance_of(request)
    found = []
    for chain in service.chains(instance):
        run = newest_run(service.history(instance, chain["name"], limit=NEWEST_RUNS))
        steps = steps_with_runs(chain["steps"], run["result"]["steps"] if run and run["result"] else [])
        found.append((chain, run, steps, svg.chain(steps)))
    return page(request, "chains.html", chains=found)


@question.limited()
def incidents(request: Request) -> Response:
    """Show the current incidents and the undelivered notices."""
    instance = instance_of(request)
    return page(
        request,
        "incidents.html",
        incidents=service.incidents(instance),
        notices=service.notices(instance),
        names=names_of(instance),
    )
