"""`forecast`: the runs of a span, from a simulation of its ticks (`queries/simulation/steps.py`)."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from scheduled import question
from scheduled.clock import stamp
from scheduled.config.named import known_key
from scheduled.core.cadence import closest
from scheduled.core.epochs import open_slots_of
from scheduled.core.jobs import PRIORITIES, Job
from scheduled.core.keys import JobKey
from scheduled.core.runs import JobState
from scheduled.core.tick_times import Outage, Ticks
from scheduled.errors import ConfigError, require_between
from scheduled.instance import Instance
from scheduled.queries import assumptions, windows
from scheduled.queries.simulation.simulated import Run
from scheduled.queries.simulation.steps import is_in, steps
from scheduled.queries.view import View, load_view
from scheduled.schedules import instants
from scheduled.schedules.zones import DAY, MINUTE, Instant, Seconds

__all__ = ["Ticks", "between", "forecast", "simulate"]

# The simulation begins this long before the span, because slots of that time can be deferred into the span. No quiet
# hours last longer than a day.
LEAD = 2 * DAY
# Without these limits a long forecast takes minutes and all memory. MOST runs are those of 10,000 hourly jobs in two
# days. FARTHEST bounds the steps of the whole simulation, which includes the time before the span.
MOST = 500_000
AHEAD = 100 * 366 * DAY  # to count the slots of a schedule takes as long as its span
MOST_OUTAGES = 100
FARTHEST = 4 * MOST


def forecast(
    instance: Instance,
    first: str,
    last: str,
    outages: Sequence[str] = (),
    job: str | Sequence[str] | None = None,
) -> list[dict[str, Any]]:
    """Return the runs from *first* (included) to *last* (excluded), in order, without ticks during *outages* (`A..B`); with *job*, those of one or several jobs or targets.

    Instants are ISO 8601; without an offset they are in the configured zone. An entry has `assumed` if its instant
    depends on an assumption about this installation; `scheduled_for` is null for a run without a slot; the other assumptions are added to `instance.notes`. Raise
    ConfigError if an instant cannot be parsed, if there is no such job, or if the forecast is too long.
    """
    view = load_view(instance)
    span = instants.span(first, last, view.zone)
    found = _document(between(view, first, last, outages, job), view)
    instance.notes = assumptions.of_forecast(view, span, empty=not found)
    instance.notes += [*assumptions.of_targets(found), *assumptions.of_durations(view, found)]
    instance.notes += assumptions.of_approvals(found)
    if span[1] > view.now:
        only = _chosen(view, job)
        instance.notes += windows.notes(view, [key for key in view.job_states if is_in(only, key)])
    return found


def simulate(
    view: View,
    start: Instant,
    end: Instant,
    outages: Iterable[Outage] = (),
    only: Collection[JobKey] | None = None,
) -> list[Run]:
    """Return the runs in [start, end), in order, if no tick happens during *outages*; with *only*, of those jobs and targets.

    What is past is history: before now there are no runs. A span that is over is simulated all the same for the jobs
    that did not exist then. Raise ConfigError as soon as the simulation exceeds its limits.
    """
    outages = list(outages)
    if not outages and _least(view, start, end, only) > MOST:
        raise _too_long(start, end, view.zone)
    found = steps(view, _begin(view, start, end, outages), end, outages, only)
    order = {name: place for place, name in enumerate(view.config.jobs)}
    runs = _bounded((step.run for step in found), start, end, view.zone)
    return sorted(runs, key=partial(_rank, view.config.jobs, order))


def _bounded(found: Iterable[Run | None], start: Instant, end: Instant, zone: str) -> Iterator[Run]:
    """Yield the runs in [start, end); raise ConfigError after MOST of them, or after FARTHEST steps."""
    inside = 0
    for step, run in enumerate(found):
        if run is not None and start <= run[0] < end:
            inside += 1
            yield run
        question.refuse_long(inside)
        if inside > MOST or step > FARTHEST:
            raise _too_long(start, end, zone)


def _too_long(start: Instant, end: Instant, zone: str) -> ConfigError:
    return ConfigError(
        f"from {stamp(start, zone)} to {stamp(end, zone)}: a forecast is limited to {MOST:,} runs; "
        "choose a shorter span, one nearer to now, or a single job"
    )


def _least(view: View, start: Instant, end: Instant, only: Collection[JobKey] | None) -> int:
    """Return a number of runs in [start, end) that the forecast surely exceeds or reaches, without simulating it.

    It is 0 if there are not more slots than the runs that are allowed.
    """
    if view.config.max_runs is not None or view.pauses or start <= view.now:
        return 0
    free = [
        job_state
        for key, job_state in view.job_states.items()
        if (job := view.config.jobs.get(key.job)) is not None and _is_free(job) and is_in(only, key)
    ]
    slots = (open_slots_of(job_state).count(start, end - 1) for job_state in question.each(free))
    if sum(slots) <= MOST:
        return 0
    return sum(_least_of(job_state, view.cadence, start, end) for job_state in question.each(free))


def _is_free(job: Job) -> bool:
    return job.enabled and not job.after and job.not_between is None and job.grace is None


def _least_of(job_state: JobState, cadence: Seconds, start: Instant, end: Instant) -> int:
    gap = closest(job_state.schedules, start) or cadence
    # A tick starts one run for all slots since the tick before it. The slots of `cron` are at least a minute apart.
    return open_slots_of(job_state).count(start, end - 1) // (cadence // min(gap, MINUTE) + 1)


def _rank(jobs: Mapping[str, Job], order: Mapping[str, int], run: Run) -> tuple[int, int, int, int, str]:
    """Return the sort key of a run: ticks start runs by priority, slot and configuration order."""
    tick, slot, key = run
    due = tick if slot is None else slot
    return tick, PRIORITIES.index(jobs[key.job].priority), due, order[key.job], key.target


def _begin(view: View, start: Instant, end: Instant, outages: Iterable[Outage]) -> Instant:
    """Return the instant at which to begin the simulation: slots before the span can run within it."""
    first = min([start, *(outage for outage, _ in outages)])
    if end <= view.now:
        return first
    # A chain that waits holds back its later slots, and a run the next slot of `from = "end"`.
    if view.chains or view.config.jobs.counts_from_end:
        return view.now
    begin = max(view.now, first - LEAD)
    caught_up = (until for until in view.pauses.values() if until is not None)
    return view.now if any(until > begin for until in caught_up) else begin


def _chosen(view: View, job: str | Sequence[str] | None) -> list[JobKey] | None:
    """Return the jobs and targets that *job* names; None for all. Raise ConfigError if one does not exist."""
    names = [job] if isinstance(job, str) else job
    return [known_key(view.config, name) for name in names] if names else None


def between(
    view: View, first: str, last: str, outages: Iterable[str], only: str | Sequence[str] | None
) -> list[Run]:
    """Return what `simulate` returns, for a span and outages in text form. Raise ConfigError if one is not valid."""
    span = instants.span(first, last, view.zone)
    if span[1] > view.now + AHEAD:
        raise ConfigError(f"to {last}: a forecast is limited to 100 years from now; choose an earlier end")
    outages = list(islice(outages, MOST_OUTAGES + 1))
    require_between("outages", len(outages), 0, MOST_OUTAGES)
    chosen = _chosen(view, only)
    return simulate(view, *span, [instants.outage(text, view.zone) for text in outages], chosen)


def _document(runs: Iterable[Run], view: View) -> list[dict[str, Any]]:
    """Return runs in the form that `forecast --json` prints."""
    here = ZoneInfo(view.zone)
    return [
        {
            "job": key.job,
            **({"target": key.target} if key.target else {}),
            "scheduled_for": None if slot is None else datetime.fromtimestamp(slot, here).isoformat(),
            "runs_at": datetime.fromtimestamp(runs_at, here).isoformat(),
            **assumptions.of_run(view, key),
        }
        for runs_at, slot, key in question.each(runs)
    ]
