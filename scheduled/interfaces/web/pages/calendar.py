"""The forecast as a calendar of five weeks, one cell for each day, and as a list of one day's runs."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from scheduled import question, service
from scheduled.advice import complete
from scheduled.errors import TooLongError
from scheduled.instance import Instance
from scheduled.interfaces.web.pages.filters import label
from scheduled.interfaces.web.pages.runs import names_of
from scheduled.interfaces.web.pages.templating import page
from scheduled.interfaces.web.request import instance_of
from scheduled.interfaces.web.responses import RefusedError
from scheduled.queries.of_targets import together

WEEKS = 5
LONG_FORECAST = 2 / 3  # of the processor time is for the forecast of all weeks; the rest is for that of one
ONE_WEEK = "only one week is shown: the forecast of five weeks takes too long"
MAX_JOBS = 6  # jobs shown in the cell of a day; the page of the day lists all


def routes() -> Iterator[Route]:
    """Yield the calendar's route."""
    yield Route("/forecast", forecast)


@question.limited()
def forecast(request: Request) -> Response:
    """Show the forecast runs by day; with the query parameter `day`, every run of that day."""
    instance = instance_of(request)
    now = service.now(instance)
    today = datetime.fromisoformat(now).date()
    job = request.query_params.get("job") or None
    names = names_of(instance)
    if "day" in request.query_params:
        day = _date(request.query_params["day"])
        runs = _runs(instance, _midnight(day), _midnight(day + timedelta(days=1)), job)
        return page(
            request,
            "day.html",
            day=day,
            runs=together(runs, "runs_at", "scheduled_for"),
            chosen=job,
            names=names,
            before=day - timedelta(days=1),
            after=day + timedelta(days=1),
            today=today,
            notes=_notes(instance),
        )
    first = _date(request.query_params["from"]) if "from" in request.query_params else today
    monday = first - timedelta(days=first.weekday())
    weeks, runs = _in_time(instance, now, monday, job)
    days = _days(
        together(runs, "runs_at", "scheduled_for"),
        [monday + timedelta(days=number) for number in range(7 * weeks)],
    )
    return page(
        request,
        "forecast.html",
        days=days,
        today=today,
        monday=monday,
        last=monday + timedelta(weeks=weeks),
        chosen=job,
        names=names,
        shown=MAX_JOBS,
        step=timedelta(weeks=weeks),
        notes=[*([] if weeks == WEEKS else [ONE_WEEK]), *_notes(instance)],
    )


def _in_time(instance: Instance, now: str, monday: date, job: str | None) -> tuple[int, list[dict[str, Any]]]:
    """Return the number of weeks for which a forecast is made in time, and its runs."""

    def of(weeks: int) -> list[dict[str, Any]]:
        last = _midnight(monday + timedelta(weeks=weeks))
        return _runs(instance, max(now, _midnight(monday)), last, job) if last > now else []

    try:
        with question.limited(question.SECONDS * LONG_FORECAST):
            return WEEKS, of(WEEKS)
    except TooLongError:
        return 1, of(1)


def _runs(instance: Instance, first: str, last: str, job: str | None) -> list[dict[str, Any]]:
    """Return the forecast runs; none if the configuration cannot be read, because no tick runs anything then."""
    return [] if instance.config_error else service.forecast(instance, first, last, job=job)


def _notes(instance: Instance) -> list[str]:
    """Return what the forecast assumes, or why it is empty."""
    return [complete(note) for note in instance.notes]


def _date(text: str) -> date:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise RefusedError(400, f"not a date: {text[:40]!r} (write 2026-01-31)") from None
    if not 1970 < found.year < 2200:  # noqa: PLR2004 - the years that the forecast supports
        raise RefusedError(400, f"year out of range: {found.year} (must be 1971 to 2199)")
    return found


def _midnight(day: date) -> str:
    return f"{day.isoformat()}T00:00"


def _days(runs: list[dict[str, Any]], days: list[date]) -> list[dict[str, Any]]:
    """Return the runs grouped by day and job; the jobs of a day are in the order of their first run."""
    found: dict[date, dict[str, list[str]]] = defaultdict(dict)
    for run in runs:
        at = run["runs_at"]
        found[date.fromisoformat(at[:10])].setdefault(
            run["job"] if "targets" in run else label(run), []
        ).append(at)
    return [{"date": day, "jobs": found.get(day, {})} for day in days]
