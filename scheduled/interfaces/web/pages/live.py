"""The fragments that keep a page up to date while a run is under way.

A run with a process is polled for its output (`/live/log`), any other run, such as that of a chain, for its state
(`/live/run`). The last fragment replaces everything on the page that the end of the run changes.
"""

from collections.abc import Iterator

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from scheduled import question, service
from scheduled.instance import Instance
from scheduled.interfaces.web.pages.filters import label
from scheduled.interfaces.web.pages.jobs import of_job
from scheduled.interfaces.web.pages.runs import names_of, number_in, shown
from scheduled.interfaces.web.pages.templating import page
from scheduled.interfaces.web.request import instance_of


def routes() -> Iterator[Route]:
    """Yield the routes of the fragments about one run."""
    yield Route("/live/log/{run}", live_log)
    yield Route("/live/run/{run}", live_run)


@question.limited()
def live_log(request: Request) -> Response:
    """Return the output of a run from byte offset `from` on, as a fragment; once the run has ended, its result too."""
    instance, run_id = instance_of(request), request.path_params["run"]
    start = number_in(request, "from", 0) or 0
    found = service.printed(instance, run_id, start)
    if found["running"]:
        return page(
            request, "live_log.html", on=_on(request), run={"run_id": run_id, "under_way": True}, log=found
        )
    # Send the whole output again: it may have been shortened when the run ended.
    return _whole(request, instance, run_id)


@question.limited()
def live_run(request: Request) -> Response:
    """Return the state of a run without an output of its own, such as that of a chain, as a fragment."""
    return _whole(request, instance_of(request), request.path_params["run"])


def _whole(request: Request, instance: Instance, run_id: str) -> Response:
    values = shown(instance, {"run_id": run_id})
    on, names = _on(request), names_of(instance)
    name = values["run"]["job"] if on == "job" else label(values["run"])
    known = of_job(instance, name) if on != "run" and name in names else {}
    return page(request, "live_log.html", **{**known, **values, "on": on, "names": names})


def _on(request: Request) -> str:
    """Return the page that the fragment is for: that of a `job`, of a `target` or of a `run`."""
    given = request.query_params.get("on")
    return given if given in ("run", "target") else "job"
