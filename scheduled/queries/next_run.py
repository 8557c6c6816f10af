"""The next run of one job, from the simulation of the next ticks."""

from collections.abc import Iterator
from itertools import islice

from scheduled import question
from scheduled.core.at_rest import is_at_rest
from scheduled.core.epochs import open_slots_of
from scheduled.core.jobs import keys_of
from scheduled.core.keys import JobKey
from scheduled.core.runs import FAILED
from scheduled.queries.simulation.alone import alone, punctual
from scheduled.queries.simulation.chains import can_wait
from scheduled.queries.simulation.dependencies import with_all_before
from scheduled.queries.simulation.simulated import Step, state_at
from scheduled.queries.simulation.steps import FAR, FIRST, own_of, steps
from scheduled.queries.simulation.together import together
from scheduled.queries.view import Searched, View
from scheduled.schedules.zones import Instant

# How many steps that start nothing are simulated: of jobs that are simulated together, and of one job alone, which has at
# most one for each minute of a quiet window.
LONG, LONG_ALONE = 10_000, 2_000


def next_run(view: View, key: JobKey) -> Instant | None:
    """Return the instant of the tick that starts *key* next, as far as it can be foreseen; None if there is none."""
    found = next_start(view, key)
    return None if found is None else found.tick


def next_start(view: View, key: JobKey) -> Step | None:
    """Return the step in which a tick starts *key* next, as far as it can be foreseen; None if there is none.

    With `max_runs` all jobs share the budget of a tick, and one simulation of them serves all questions to *view*. It
    ends after `FIRST` steps: the budget is not considered for a run that comes later.
    """
    searched = _searched(view)
    if key not in searched.starts:
        searched.starts[key] = _next_start(view, key)
    return searched.starts[key]


def next_start_of_later_slot(view: View, key: JobKey) -> Step | None:
    """Return the step in which a tick starts *key* for a slot that is not due yet; None if there is none."""
    if view.config.unreadable or key not in view.job_states or _is_blocked(view, key):
        return None
    found = (step for step in _simulated(view, key) if _starts(step, key))
    return next((step for step in found if step.run and (step.run[1] or 0) > view.now), None)


def _searched(view: View) -> Searched:
    """Return what has been found already for the states of *view*: a query asks for the same runs several times."""
    if view.searched is None or view.searched.states is not view.job_states:
        view.searched = Searched(states=view.job_states)
    return view.searched


def _next_start(view: View, key: JobKey) -> Step | None:
    if view.config.unreadable or key not in view.job_states or _is_blocked(view, key):
        return None
    if view.config.max_runs is not None and (found := _of_all(view, key)) is not None:
        return found
    return _punctual(view, key) or next((step for step in _simulated(view, key) if _starts(step, key)), None)


def _punctual(view: View, key: JobKey) -> Step | None:
    """Return the step for the next slot of a job that is at rest, if its tick starts it on time; otherwise None.

    It is the result of the simulation too, which takes several times as long.
    """
    job, now, requests = view.config.jobs[key.job], view.now, view.holds.start_requests
    if not _is_alone(view, key) or own_of(view, key, requests):
        return None
    ticks, state = view.ticks_from(now), view.job_states[key]
    tick = ticks.at_or_after(now)
    if not is_at_rest(state, tick + ticks.late, requests):
        return None
    found = next(punctual(job, state, ticks, tick, now + FAR, view.pauses), None)
    return None if found is None else Step(found[1], key, slot=found[0])


def _is_alone(view: View, key: JobKey) -> bool:
    """Return whether *key* starts independently of all other jobs."""
    crowded = key.job in view.crowded or key.job in view.sharing_sessions
    return not (crowded or view.config.jobs[key.job].after or can_wait(view, key.job))


def _starts(step: Step, key: JobKey) -> bool:
    return step.key == key and step.run is not None


def _of_all(view: View, key: JobKey) -> Step | None:
    """Return the first run of *key* in the simulation of all jobs, which continues where the last search ended."""
    searched = _searched(view)
    if searched.steps is None:
        searched.steps = islice(steps(view, view.now, view.now + FAR), FIRST)
    while key not in searched.first_of_all and (step := next(searched.steps, None)) is not None:
        if step.run is not None:
            searched.first_of_all.setdefault(step.key, step)
    return searched.first_of_all.get(key)


def _simulated(view: View, key: JobKey) -> Iterator[Step]:
    """Return the next steps of *key*, or of the jobs that it depends on and its own."""
    jobs, now = view.config.jobs, view.now
    ticks, span, requests = view.ticks_from(now), (now, now + FAR), view.holds.start_requests
    if _is_alone(view, key):
        state, own = state_at(view.job_states[key], now, now), own_of(view, key, requests)
        found = alone(jobs[key.job], state, ticks, span, view.pauses, requests.only([key]), own)
        return question.each(islice(found, LONG_ALONE))
    crowd = view.crowded if key.job in view.crowded else frozenset()
    crowd |= view.sharing_sessions if key.job in view.sharing_sessions else frozenset()
    names = with_all_before(jobs, [key.job, *crowd])
    states = {
        other: state_at(state, now, now) for other, state in view.job_states.items() if other.job in names
    }
    return question.each(islice(together(view, states, ticks, span, requests, view.own_retries), LONG))


def _is_blocked(view: View, key: JobKey) -> bool:
    """Return whether *key* has no slot, or every one will be skipped: a job before it failed and does not run again.

    The search for a next run would go on for years then.
    """
    state, jobs = view.job_states[key], view.config.jobs
    if state.open_run is not None or state.others or key in view.holds.start_requests:
        return False
    if open_slots_of(state).next_after(state.position) is None:
        return True
    before = (other for name in jobs[key.job].after if name in jobs for other in keys_of(jobs[name]))
    return any(_stays_failed(view, other) for other in before)


def _stays_failed(view: View, key: JobKey) -> bool:
    state, jobs = view.job_states.get(key), view.config.jobs
    if state is None or state.last_status not in FAILED or state.busy:
        return False
    again = state.open_run is not None or state.others or key in view.holds.start_requests
    return not (again or jobs[key.job].is_by_time or jobs.with_step.get(key.job))
