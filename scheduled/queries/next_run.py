"""The next run of one job, from the simulation of the next ticks."""

from itertools import islice

from scheduled.core.epochs import open_slots_of
from scheduled.core.jobs import keys_of
from scheduled.core.keys import JobKey
from scheduled.core.runs import FAILED
from scheduled.queries.simulation.alone import alone
from scheduled.queries.simulation.dependencies import with_all_before
from scheduled.queries.simulation.simulated import requests_of, state_at
from scheduled.queries.simulation.steps import FAR, own_of
from scheduled.queries.simulation.together import together
from scheduled.queries.view import View
from scheduled.schedules.zones import Instant

LONG = 10_000  # how many steps that start nothing are simulated


def next_run(view: View, key: JobKey) -> Instant | None:
    """Return the instant of the tick that starts *key* next, as far as it can be foreseen; None if there is none."""
    jobs, now = view.config.jobs, view.now
    if view.config.unreadable or key not in view.job_states or _is_blocked(view, key):
        return None
    ticks, span, requests = view.ticks_from(now), (now, now + FAR), view.holds.start_requests
    if jobs[key.job].after:
        names = with_all_before(jobs, [key.job])
        states = {
            other: state_at(state, now, now) for other, state in view.job_states.items() if other.job in names
        }
        found = together(view, states, ticks, span, requests, view.own_retries)
    else:
        state = state_at(view.job_states[key], now, now)
        found = alone(
            jobs[key.job],
            state,
            ticks,
            span,
            view.pauses,
            requests_of(key, requests),
            own_of(view, key, requests),
        )
    runs = (step.tick for step in islice(found, LONG) if step.key == key and step.run is not None)
    return next(runs, None)


def _is_blocked(view: View, key: JobKey) -> bool:
    """Return whether *key* has no slot, or every one will be skipped: a job before it failed and does not run again.

    The search for a next run would go on for years then.
    """
    state, jobs = view.job_states[key], view.config.jobs
    if state.open_run is not None or state.others or requests_of(key, view.holds.start_requests):
        return False
    if open_slots_of(state).next_after(state.position) is None:
        return True
    before = (other for name in jobs[key.job].after if name in jobs for other in keys_of(jobs[name]))
    return any(_stays_failed(view, other) for other in before)


def _stays_failed(view: View, key: JobKey) -> bool:
    state, jobs = view.job_states.get(key), view.config.jobs
    if state is None or state.last_status not in FAILED or state.busy:
        return False
    again = state.open_run is not None or state.others or requests_of(key, view.holds.start_requests)
    return not (again or jobs[key.job].is_by_time or jobs.with_step.get(key.job))
