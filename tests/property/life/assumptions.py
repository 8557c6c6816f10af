"""What an answer assumes, exactly; a prediction counts up to the first event that breaks one of its assumptions.

Every answer (`next`, `forecast`, `explain`, `status`, the dry run) assumes from the moment it is given:

- a tick comes at every full cadence and is not killed, except during the outages that the question named;
- every attempt succeeds, and has ended before the next tick: also one that was under way when the question was asked;
- what the tick that is at work starts when its runs have ended comes with the next tick;
- no retry comes due while another tick runs than that of its last attempt;
- a run that asks for approval gets it at once, and one that has asked before gets no answer;
- every gate is open; the dry run evaluates gates itself and does not assume this;
- nothing changes by hand: no edit, override, pause, resume, skip, stop or rerun;
- the host stays in the time zone in which it is: the next tick adopts it, if the last one was in another zone;
- `next`, `status`, `jobs` and `explain` answer for one job: the tick does not reach `max_runs` with other jobs. Only the
  forecast and the dry run count them.

A broken assumption about a job concerns also the jobs that are tied to it: those of its group, those before and after
it, the steps of its chain, and all jobs if they share `max_runs`. The predictions about other jobs go on.
"""

from collections import deque
from typing import NamedTuple

NEVER = float("inf")


class Break(NamedTuple):
    """An event at *at* that breaks assumptions about *jobs* (None: all jobs). *outage* is its span, if it is one."""

    at: float
    jobs: frozenset | None
    why: str
    outage: tuple | None = None


def tied(jobs, name, shared_budget):
    """Return the names of the *jobs* that a broken assumption about the job *name* concerns; None for all."""
    if shared_budget:
        return None
    found, waiting = {name}, deque([name])
    while waiting:
        name = waiting.popleft()
        for other in _neighbours(jobs, name) - found:
            found.add(other)
            waiting.append(other)
    return frozenset(found)


def _neighbours(jobs, name):
    job = jobs.get(name)
    if job is None:
        return {other for other, found in jobs.items() if name in _references(found)}
    same_group = {other for other, found in jobs.items() if job.group and found.group == job.group}
    naming = {other for other, found in jobs.items() if name in _references(found)}
    return same_group | naming | _references(job)


def _references(job):
    return {*job.after, *(name for step in job.action.steps for name in step)}


class Breaks:
    """All broken assumptions of a life, in order."""

    def __init__(self):
        self.all = []

    def add(self, at, jobs, why, outage=None):
        self.all.append(Break(at, jobs, why, outage))

    def first_for(self, job, since, outages=()):
        """Return the first break after *since* that concerns *job* and is not one of the assumed *outages*."""
        for found in self.all:
            if found.at < since or (found.outage is not None and found.outage in outages):
                continue
            if found.jobs is None or job in found.jobs:
                return found
        return Break(NEVER, None, "")
