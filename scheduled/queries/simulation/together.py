"""Simulate the future ticks of jobs that share the budget of a tick or come after each other."""

import heapq
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

import msgspec

from scheduled.core import deferrals
from scheduled.core.deferrals import GivenUp
from scheduled.core.job_plan import JobPlan
from scheduled.core.jobs import keys_of
from scheduled.core.keys import JobKey
from scheduled.core.planner import Plan, plan
from scheduled.core.request_queue import RequestQueue
from scheduled.core.runs import JobState, is_event
from scheduled.core.starts import Start, is_for_event, plans_again, runs_in_order, sessions_left, spends
from scheduled.core.tick_times import Ticks
from scheduled.queries.simulation.chains import Chains, is_foreseen
from scheduled.queries.simulation.dependencies import with_those_before
from scheduled.queries.simulation.own_retries import OwnRetry
from scheduled.queries.simulation.simulated import (
    Step,
    due_next,
    holds_at,
    left,
    needs_person,
    ran,
    skipped,
    without,
)
from scheduled.queries.simulation.turns import behind_chains, leaving_retries
from scheduled.queries.view import View
from scheduled.schedules.zones import Instant


def together(
    view: View,
    job_states: dict[JobKey, JobState],
    ticks: Ticks,
    span: tuple[Instant, Instant],
    requests: RequestQueue = RequestQueue(),  # noqa: B008 - immutable
    own: Iterable[OwnRetry] = (),
) -> Iterator[Step]:
    """Yield the steps of jobs that share the budget of a tick or come after each other.

    *own* are the retries that ticks at work make themselves.
    """
    return _Together(view, job_states, ticks, requests).steps(span, list(own))


class _Together:
    """The states of the jobs while the ticks pass, and the jobs that *waiting* ticks have to plan."""

    def __init__(
        self,
        view: View,
        job_states: dict[JobKey, JobState],
        ticks: Ticks,
        requests: RequestQueue,
    ) -> None:
        self._view, self._ticks, self._requests = view, ticks, requests
        self._jobs, self._states = view.config.jobs, job_states
        self._sessions = view.config.max_sessions  # that the present tick may still start
        self._order = {name: place for place, name in enumerate(self._jobs)}
        self._waiting: list[tuple[Instant, int, JobKey]] = []
        # with a retry that an earlier run of the job left to the next tick
        self._left_over: set[JobKey] = set()
        self._chains = Chains(self._jobs, job_states.keys(), limited=view.config.max_runs is not None)

    def steps(self, span: tuple[Instant, Instant], own: list[OwnRetry]) -> Iterator[Step]:
        first, late = self._ticks.at_or_after(span[0]), self._ticks.late
        if span[0] == self._view.now:
            self._resume(span[0])
        for key in self._states:
            self._push(first, key)
        while self._waiting or own:
            tick = self._waiting[0][0] if self._waiting else span[1]
            if own and own[0].at <= tick + late:
                retry = own.pop(0)
                yield from self._own(retry) if retry.at < span[1] else ()
            elif tick < span[1]:
                yield from self._tick(tick)
            else:
                return

    def _resume(self, now: Instant) -> None:
        holds = holds_at(self._ticks, self._view.pauses, now, RequestQueue())
        self._chains.resume(self._view.chains, self._states, self._requests, holds, now)
        self._requests = self._requests.plus(self._chains.take()[0])
        for run in self._view.chains:
            if self._chains.is_under_way(run.key):
                self._states[run.key] = msgspec.structs.replace(self._states[run.key], busy=True)

    def _push(self, tick: Instant, key: JobKey) -> None:
        heapq.heappush(self._waiting, (tick, self._order[key.job], key))

    def _tick(self, tick: Instant) -> Iterator[Step]:
        """Yield the steps of the regular *tick*."""
        now, budget = tick + self._ticks.late, self._view.config.max_runs
        events: int | None = self._view.config.max_event_runs
        self._sessions = self._view.config.max_sessions
        due, waiting, behind = self._pop(tick), set[JobKey](), dict[JobKey, Instant]()
        while due:
            given = self._give_up(due, now)
            found = self._plan_all(due, behind, now, budget, events)
            starts = {start.claim.key: start for start in found.starts}
            budget, events = self._rest(budget, found), _events_left(events, found)
            yield from self._done(tick, due, found, now, given)
            later = leaving_retries(self._jobs, self._states, starts, self._requests, now)
            self._left_over = self._left_over - set(due) | later
            later |= {key for key in behind if key in starts and not self._plans_again(starts[key])}
            for key in later:
                self._push(self._ticks.at_or_after(now + 1), key)
            again, behind = self._advance(now, now)
            self._leave(due, found, starts, now)
            waiting |= {key for key in due if found.jobs[key].waits is not None}
            waiting -= {key for key in waiting if not events and self._is_for_event(key)}
            behind = {key: until for key, until in behind.items() if key in waiting}
            again += [key for key in [*self._continuing(starts), *behind] if key in waiting]
            due = list(dict.fromkeys([*(key for key in starts if key not in later), *again]))

    def _give_up(self, due: Sequence[JobKey], now: Instant) -> dict[JobKey, tuple[GivenUp, ...]]:
        """Give up the runs of *due* that answered "not now" for too long; return them by key."""
        pauses, found = holds_at(self._ticks, self._view.pauses, now, self._requests).pauses, {}
        for key in due:
            found[key] = deferrals.given_up(self._jobs[key.job], self._states[key], pauses, now)
            self._states[key] = without(self._states[key], found[key], now)
        return found

    def _leave(self, due: Sequence[JobKey], found: Plan, starts: Collection[JobKey], now: Instant) -> None:
        """Leave those of *due* that do not start to a later tick; a chain that is under way, to the tick after its end."""
        for key in due:
            job = found.jobs[key]
            if key in starts or self._chains.is_under_way(key):
                continue
            configured, state = self._jobs[key.job], self._states[key]
            next_due = due_next(configured, state, job, now)
            if next_due is not None and not needs_person(job, configured, state, self._view.pauses):
                self._push(self._ticks.at_or_after(max(next_due, now + 1)), key)

    def _continuing(self, starts: Collection[JobKey]) -> list[JobKey]:
        """Return what a tick plans again when the runs *starts* have ended, beside their jobs: followers and requests."""
        return [*self._following(starts), *self._requests.waiting()] if starts else []

    def _is_for_event(self, key: JobKey) -> bool:
        """Return whether the next start request of *key* is for an event."""
        row = self._requests.oldest(key)
        return row is not None and is_event(row)

    def _own(self, retry: OwnRetry) -> Iterator[Step]:
        """Yield the steps of a tick at work when *retry* is due, if its run still waits for it.

        The tick also takes the start requests there are by then, and plans what follows from its runs.
        """
        budget, events, keys = retry.left, retry.events, [retry.key]
        behind: dict[JobKey, Instant] = {}
        while due := [key for key in self._with_requested(keys) if key in self._states]:
            found = self._plan_all(due, behind, retry.at, budget, events, retry.began)
            if not found.starts:
                return
            budget, events = self._rest(budget, found), _events_left(events, found)
            yield from self._done(retry.at, (), found, retry.at)
            keys = [key for start in found.starts for key in self._follow(start)]
            again, behind = self._advance(retry.at, retry.began)
            keys += [*again, *behind]
            for key in self._requests.waiting():  # what this tick does not start
                self._push(self._ticks.at_or_after(retry.at + 1), key)

    def _with_requested(self, keys: Iterable[JobKey]) -> list[JobKey]:
        return list(dict.fromkeys([*keys, *self._requests.waiting()]))

    def _follow(self, start: Start) -> Iterator[JobKey]:
        """Yield the jobs and targets that a tick plans again after the run *start* has succeeded."""
        if not self._jobs[start.claim.job].action.steps and self._plans_again(start):
            yield start.claim.key
        yield from self._following([start.claim.key])

    def _plans_again(self, start: Start) -> bool:
        return plans_again(self._jobs[start.claim.job], start.claim, succeeded=True)

    def _rest(self, budget: int | None, found: Plan) -> int | None:
        """Return what the plan *found* leaves of the *budget*: chains and runs without a slot do not use it up."""
        return (
            None if budget is None else max(0, budget - sum(spends(self._jobs, one) for one in found.starts))
        )

    def _plan_all(
        self,
        due: Sequence[JobKey],
        behind: Mapping[JobKey, Instant],
        now: Instant,
        budget: int | None,
        events: int | None,
        until: Instant | None = None,
    ) -> Plan:
        """Return the plan of *due*; of those that are *behind* chains, with slots up to the instant of each."""
        starts, plans = list[Start](), dict[JobKey, JobPlan]()
        limits = sorted(set(behind.values()))
        groups = [([key for key in due if behind.get(key) == limit], limit) for limit in limits]
        for keys, limit in [*groups, ([key for key in due if key not in behind], until)]:
            found = self._plan(keys, now, budget, events, limit)
            budget, events = self._rest(budget, found), _events_left(events, found)
            starts, plans = [*starts, *found.starts], found.jobs | plans
        return Plan(starts=starts, jobs=plans)

    def _plan(
        self,
        due: Sequence[JobKey],
        now: Instant,
        budget: int | None,
        events: int | None,
        until: Instant | None = None,
    ) -> Plan:
        holds = holds_at(self._ticks, self._view.pauses, now, self._requests)
        holds = msgspec.structs.replace(holds, budget=budget, events=events, sessions=self._sessions)
        states = with_those_before(self._jobs, self._states, due)
        needed = {
            key.job: self._jobs[key.job] for key in sorted(states, key=lambda key: self._order[key.job])
        }
        found = plan(needed, states, now, until=until, holds=holds)
        self._requests = left(self._requests, found.starts)
        self._sessions = sessions_left(self._jobs, self._sessions, found.starts)
        return found

    def _done(
        self,
        tick: Instant,
        due: Sequence[JobKey],
        found: Plan,
        now: Instant,
        given: Mapping[JobKey, tuple[GivenUp, ...]] = MappingProxyType({}),
    ) -> Iterator[Step]:
        """Yield the steps of *due* and of all that start, and change the states; *given* are the runs given up."""
        starts = {start.claim.key: start for start in found.starts}
        foreseen = {key for key, start in starts.items() if is_foreseen(start)}
        for key in dict.fromkeys([*due, *starts]):
            left_over = key in self._left_over
            step = Step(
                tick,
                key,
                None if key in foreseen else starts.get(key),
                skips=found.jobs[key].skips,
                given_up=given.get(key, ()),
                if_succeeded=left_over,
            )
            yield step
            self._states[key] = skipped(self._states[key], [skip.span.last for skip in step.skips], now)
        for key, start in starts.items():
            self._states[key] = ran(self._states[key], start, now)
            self._chains.started(start, now)
            if self._chains.is_under_way(key):
                self._states[key] = msgspec.structs.replace(self._states[key], busy=True)

    def _advance(self, now: Instant, began: Instant) -> tuple[list[JobKey], dict[JobKey, Instant]]:
        """Take the requests and the ends of chains; return what a tick at work *now* plans because of them.

        The tick *began* then. The second value has what comes after chains of earlier ticks, with the instant up to which
        slots count.
        """
        requests, ended = self._chains.take()
        self._requests = self._requests.plus(requests) if requests else self._requests
        for key in ended:
            status = "failed" if key in self._chains.failed else "success"
            self._states[key] = msgspec.structs.replace(self._states[key], busy=False, last_status=status)
            self._push(self._ticks.at_or_after(now + 1), key)
        again = [row.key for row in requests]
        again += [key for key in ended if runs_in_order(self._jobs[key.job]) or key in self._requests]
        behind = behind_chains(self._jobs, self._states, ended, now, began)
        again += [key for key, until in behind.items() if until >= began]
        return again, {key: until for key, until in behind.items() if until < began}

    def _following(self, ended: Iterable[JobKey]) -> Iterator[JobKey]:
        """Yield what comes after the jobs in *ended*; what comes after chains follows from their ends, see `_advance`."""
        for key in ended:
            if not self._jobs[key.job].action.steps:
                for name in self._jobs.coming_after.get(key.job, ()):
                    yield from keys_of(self._jobs[name])

    def _pop(self, tick: Instant) -> list[JobKey]:
        """Remove what is due at *tick* from the heap, and return each job and target once."""
        due: dict[JobKey, None] = {}
        while self._waiting and self._waiting[0][0] == tick:
            due[heapq.heappop(self._waiting)[2]] = None
        return list(due)


def _events_left(events: int | None, found: Plan) -> int | None:
    """Return how many runs for events a tick may still start, of *events*, after it has started *found*."""
    return None if events is None else max(0, events - sum(map(is_for_event, found.starts)))
