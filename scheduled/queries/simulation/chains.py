"""The runs of chains in the simulation: a chain is under way until every one of its steps has run.

A step that waits (a pause, quiet hours, a retry, the budget of a tick) starts at a later tick, as it will in reality. A chain
with a step that waits for a person does not end. The tick in which a chain ends starts its next run if one is requested, and
its next slot with `catch_up = "all"`. It also starts the jobs that come after the chain, see `engine/follow_ups.py`.
"""

from collections.abc import Collection, Iterable, Mapping

import msgspec

from scheduled.core.configured_jobs import Jobs
from scheduled.core.holds import Holds, hold, pauses_of
from scheduled.core.jobs import Job, keys_of
from scheduled.core.keys import JobKey, read_label
from scheduled.core.records import CHAIN
from scheduled.core.runs import AFTER, Claim, JobState, OpenRun, StartRequest
from scheduled.core.starts import Start
from scheduled.queries.simulation.dependencies import steps_of
from scheduled.queries.view import View
from scheduled.schedules.zones import Instant


class _UnderWay(msgspec.Struct):
    """A *run* of a chain: the jobs of its *steps*, at which of them it is, and for which jobs of that step it waits.

    *began* is when it began; None if that was before the simulation. It has *failed* if a step of it is disabled.
    """

    run: Claim | OpenRun
    steps: list[list[JobKey]]
    at: int = 0
    waits_for: set[JobKey] = msgspec.field(default_factory=set)
    began: Instant | None = None
    failed: bool = False


class Chains:
    """The chains that are under way while the ticks pass, among the jobs and targets *known* to the simulation.

    *requests* are the start requests of steps that were made since they were last taken, *ended* the chains that have
    ended since then, each with the instant at which it began, *failed* those that failed when they ended last. *limited*: a tick has a budget, of which jobs without a schedule have their turn first.
    """

    def __init__(self, jobs: Jobs, known: Collection[JobKey], *, limited: bool) -> None:
        self._jobs, self._known, self._made, self._limited = jobs, known, 0, limited
        self._runs: dict[str, _UnderWay] = {}
        self.requests: list[StartRequest] = []
        self.ended: dict[JobKey, Instant | None] = {}
        self.failed: set[JobKey] = set()

    def is_under_way(self, key: JobKey) -> bool:
        """Return whether a run of *key*, a chain, has not ended."""
        return any(found.run.key == key for found in self._runs.values())

    def resume(
        self,
        runs: Iterable[OpenRun],
        job_states: Mapping[JobKey, JobState],
        requests: Iterable[StartRequest],
        holds: Holds,
        now: Instant,
    ) -> None:
        """Continue the *runs* of chains. What is under way or can start *now* has succeeded before the next tick."""
        mine = [run for run in runs if run.key in self._known]
        waiting: dict[str, set[JobKey]] = {}
        for key, state in job_states.items():
            for run in state.others:
                waiting.setdefault(run.parent, set()).add(key)
        for row in requests:
            if row.parent and row.key in self._known:
                waiting.setdefault(row.parent, set()).add(row.key)
        for run in mine:
            waiting.setdefault(run.parent, set()).add(run.key)
        for run in mine:
            steps = [[read_label(label) for label in step] for step in run.payload["steps"]]
            at, failed = int(run.payload["at"]), bool(run.payload.get("failures"))
            found = _UnderWay(run, steps, at, waiting.get(run.run_id, set()), failed=failed)
            self._runs[run.run_id] = found
        for run in sorted(mine, key=lambda run: -run.depth):  # those in other chains first
            found = self._runs[run.run_id]
            while not found.waits_for and self._goes_on(found):
                step = self._next_step(found)
                found.waits_for = {key for key in step if self._waits(job_states, key, holds, now)}
                self._request(found, found.waits_for)
            if not found.waits_for:
                self._end(found, continues=False)  # the chain of which it is a step comes later in this loop

    def _waits(self, job_states: Mapping[JobKey, JobState], key: JobKey, holds: Holds, now: Instant) -> bool:
        """Return whether a step cannot start now; one that is a chain itself may have such steps."""
        job = self._jobs[key.job]
        nested = (other for step in job.action.steps for name in step for other in keys_of(self._jobs[name]))
        held = hold(job, key, now, holds) is not None or job_states[key].open_run is not None
        return held or any(
            self._waits(job_states, other, holds, now) for other in nested if other in self._known
        )

    def started(self, start: Start, now: Instant) -> None:
        """Take note of the run *start* of the tick at *now*: a chain has begun, or a job of a step has run."""
        claim, job = start.claim, self._jobs[start.claim.job]
        if not job.action.steps:
            self._step_ran(claim.parent, claim.key)
            self._follow(claim.key)
            return
        steps = [[key for name in step for key in keys_of(self._jobs[name])] for step in job.action.steps]
        found = self._runs[claim.run_id] = _UnderWay(claim, steps, at=-1, began=now)
        self._continue(found)

    def _step_ran(self, parent: str, key: JobKey, *, continues: bool = True) -> None:
        found = self._runs.get(parent)
        if found is None:
            return
        found.waits_for.discard(key)
        if continues and not found.waits_for:
            self._continue(found)

    def _continue(self, found: _UnderWay) -> None:
        """Request the next step that has jobs which can run; without one, the chain has ended."""
        while self._goes_on(found):
            found.waits_for = set(self._next_step(found))
            if found.waits_for:
                self._request(found, self._of_step(found))
                return
        self._end(found)

    def _goes_on(self, found: _UnderWay) -> bool:
        stops = found.failed and self._jobs[found.run.job].on_failure == "stop"
        return found.at < len(found.steps) - 1 and not stops

    def _next_step(self, found: _UnderWay) -> list[JobKey]:
        """Return what runs in the next step. With a disabled job the chain fails."""
        found.at += 1
        jobs = (self._jobs.get(key.job) for key in found.steps[found.at])
        found.failed = found.failed or any(job is None or not job.enabled for job in jobs)
        return self._of_step(found)

    def _follow(self, key: JobKey) -> None:
        """Request the jobs without a schedule that come after *key* alone: they have their turn before slots."""
        for name in self._jobs.coming_after.get(key.job, ()) if self._limited and not key.target else ():
            job = self._jobs[name]
            if job.enabled and not job.is_by_time and not job.on and len(job.after) == 1:
                for other in keys_of(job):
                    self._add(
                        StartRequest(id=0, job=name, target=other.target, event=AFTER, payload={}, depth=0)
                    )

    def _add(self, row: StartRequest) -> None:
        if row.key in self._known:
            self._made += 1
            self.requests.append(msgspec.structs.replace(row, id=-self._made))

    def _of_step(self, found: _UnderWay) -> list[JobKey]:
        return [key for key in found.steps[found.at] if key in self._known]

    def _request(self, found: _UnderWay, keys: Iterable[JobKey]) -> None:
        for key in keys:
            row = StartRequest(
                id=0, job=key.job, target=key.target, event=CHAIN, payload={},
                depth=found.run.depth + 1, parent=found.run.run_id, step=found.at,
            )  # fmt: skip
            self._add(row)

    def _end(self, found: _UnderWay, *, continues: bool = True) -> None:
        run = found.run
        del self._runs[run.run_id]
        self.ended[run.key] = found.began
        if found.failed:
            self.failed.add(run.key)
            if (parent := self._runs.get(run.parent)) is not None:
                parent.failed = True
        else:
            self.failed.discard(run.key)
            self._follow(run.key)
        self._step_ran(run.parent, run.key, continues=continues)

    def take(self) -> tuple[tuple[StartRequest, ...], dict[JobKey, Instant | None]]:
        """Return the requests of steps and the ended chains since the last call."""
        found = tuple(self.requests), self.ended
        self.requests, self.ended = [], {}
        return found


def is_foreseen(start: Start) -> bool:
    """Return whether *start* is a step that the simulation requested itself; predictions show the chain only."""
    return start.request is not None and start.request < 0


def can_wait(view: View, name: str) -> bool:
    """Return whether the chain *name* is under way, or may not end in the tick that starts it."""
    jobs = view.config.jobs
    if jobs[name].action.steps and any(run.job == name for run in view.chains):
        return True
    return any(_can_wait(view, jobs[step]) for step in steps_of(jobs, name))


def _can_wait(view: View, job: Job) -> bool:
    if job.not_between is not None:
        return True
    states = [view.job_states[key] for key in keys_of(job) if key in view.job_states]
    return any(state.open_run is not None or pauses_of(state.key, view.pauses) for state in states)
