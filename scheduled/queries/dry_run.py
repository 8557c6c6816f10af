"""`run --dry-run`: the runs that a tick would start now.

A tick plans again after each round of runs; so does this module, which assumes that every run succeeds. Follow-ups of
these runs, such as the steps of chains and events, are not included.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from scheduled import clock, question
from scheduled.clock import stamp
from scheduled.config.config import Config
from scheduled.config.named import each_target, known_keys, target_keys
from scheduled.core import approvals, deferrals, planner, starts
from scheduled.core.configured_jobs import Jobs
from scheduled.core.holds import Holds, hold, is_refused
from scheduled.core.job_plan import JobPlan
from scheduled.core.jobs import Job, keys_of
from scheduled.core.keys import JobKey
from scheduled.core.manual import ManualRequest, OlderFirstError, start_for
from scheduled.core.request_queue import RequestQueue
from scheduled.core.runs import JobState, StartRequest
from scheduled.core.starts import Start, asks, is_for_event, sessions_left, spends
from scheduled.engine import event_spool, gate_checks, intake, planning, registration, start_requests
from scheduled.engine.runtime import Runtime, open_runtime
from scheduled.errors import ConfigError
from scheduled.instance import Instance
from scheduled.queries import assumptions
from scheduled.queries.dry_run_skips import of_requests, of_slots, refused_requests
from scheduled.queries.dry_run_waits import line
from scheduled.queries.next_zone import NextZone, follows_host, in_zone, next_zone
from scheduled.queries.unasked_gates import unasked, without_commands
from scheduled.schedules.instants import read
from scheduled.schedules.zones import Instant
from scheduled.state.ledger import Ledger
from scheduled.state.open import read_only


class TickPlan(msgspec.Struct, kw_only=True):
    """The *starts* of a tick in order, and the last plan of each job and target.

    *behind* are those with a retry that waits for another run of the job to succeed, *asking* those with a run that begins
    to wait for approval.
    """

    starts: list[Start] = []
    plans: dict[JobKey, JobPlan] = {}
    behind: frozenset[JobKey] = frozenset()
    asking: frozenset[JobKey] = frozenset()


def dry_run(instance: Instance, jobs: Sequence[str] = (), slot: str | None = None) -> list[dict[str, Any]]:
    """Return the runs that `run` with the same arguments would start now, in order, each with the reason.

    Without *jobs* these are the runs of a regular tick: a time zone that it changes is named in `instance.notes`. Raise
    ConfigError in the cases in which `run` raises it.
    """
    runtime = open_runtime(instance)
    if jobs or slot is not None:
        found = dry_run_of(runtime, jobs, slot)
        instance.notes = assumptions.of_targets(found)
        return found
    found, zone = _of_tick(runtime)
    instance.notes = [*assumptions.zone(zone), *assumptions.of_targets(found), *_unread(runtime.config)]
    return found


def _unread(config: Config) -> list[str]:
    """Return a note that names the jobs of which no target is known: a tick reads their lists first."""
    jobs = (config.jobs[name] for name in config.jobs.with_changing_targets)
    names = [job.name for job in jobs if job.enabled and not job.targets]
    return [f"no target is known of {', '.join(names)}: the tick reads the list first"] if names else []


def dry_run_of(runtime: Runtime, names: Sequence[str], slot: str | None) -> list[dict[str, Any]]:
    """Return what `dry_run` returns, for an open runtime."""
    if slot is not None:
        return runs_for_slot(runtime, the_one(names), read(slot, runtime.zone))
    if not names:
        return dry_run_of_tick(runtime)
    return [row for key in known_keys(runtime.config, names) for row in _requested(runtime.config, key)]


def _requested(config: Config, key: JobKey) -> Iterator[dict[str, Any]]:
    """Yield the runs that a request for *key* starts: `run` reads the list of its targets first, if this changes by itself."""
    changing = config.jobs[key.job].has_changing_targets and not key.target
    assumed = {"assumed": [assumptions.TARGETS]} if changing else {}
    for one in each_target(config, key):
        yield {"job": one.job, "target": one.target or None, "reason": "requested", **assumed}
    if changing and not config.jobs[key.job].targets:
        reason = "requested; no target is known, and its list is read first"
        yield {"job": key.job, "target": None, "reason": reason, **assumed}


def the_one(names: Sequence[str]) -> str:
    """Return the only name in *names*. Raise ConfigError unless there is exactly one: a slot belongs to one job."""
    if len(names) != 1:
        raise ConfigError("slot: needs exactly one job")
    return names[0]


def runs_for_slot(runtime: Runtime, name: str, slot: Instant) -> list[dict[str, Any]]:
    """Return the runs that a request for *slot* would start: one for each target of a job with `for_each`.

    Raise ConfigError if the job or the slot is not allowed.
    """
    now = int(clock.now())
    with read_only(runtime.paths) as ledger:
        runtime.config.override(ledger.overrides())
        job_states = registration.foreseen(ledger, runtime.config, now)
    keys = target_keys(runtime.config, [name])
    return [_run_for_slot(runtime, key, job_states.get(key), slot, now) for key in keys]


def _run_for_slot(
    runtime: Runtime, key: JobKey, job_state: JobState | None, slot: Instant, now: Instant
) -> dict[str, Any]:
    job, request = runtime.config.jobs[key.job], ManualRequest(key.job, slot=slot, target=key.target)
    try:
        start = start_for(request, job, job_state, None, "dry-run", now)
    except OlderFirstError as error:
        first, name = stamp(error.first, runtime.zone), key.display_name
        hint = f"use `scheduled run {name} --for {first}` first, or `scheduled skip {name}`"
        raise ConfigError(f"{error}; {hint}") from None
    why = (
        "requested, for its open slot"
        if start.claim.slot is not None
        else "requested, in addition to the schedule"
    )
    others = start.claim.slots - 1
    older = f" and {others} older {'slot' if others == 1 else 'slots'}" if others > 0 else ""
    return {
        "job": key.job,
        "target": key.target or None,
        "scheduled_for": stamp(slot, runtime.zone),
        "reason": why + older,
    }


def dry_run_of_tick(runtime: Runtime) -> list[dict[str, Any]]:
    """Return the runs that a tick would start now, in order, each with the reason; gate commands are executed.

    If an interface asks, they are not: `assumed` is then ["gate"] in the rows of jobs that start only if such a gate is open.
    """
    return _of_tick(runtime)[0]


def _of_tick(runtime: Runtime) -> tuple[list[dict[str, Any]], NextZone]:
    """Return what `dry_run_of_tick` returns, and the zone of a regular tick, in which *runtime* is from now on."""
    now = int(clock.now())
    with read_only(runtime.paths) as ledger:
        zone = next_zone(ledger, runtime.config)
        runtime.config = in_zone(runtime.config, zone)
        runtime.config.override(ledger.overrides())
        jobs = runtime.config.jobs
        config = without_commands(runtime.config) if question.is_limited() else runtime.config
        gates = gate_checks.check(ledger, config, now, lambda: runtime.environment)
        holds = planning.holds_now(
            ledger,
            runtime.config.jobs,
            now,
            (),
            gates=gates,
            budget=runtime.config.max_runs,
            events=runtime.config.max_event_runs,
            sessions=runtime.config.max_sessions,
        )
        requests = ledger.start_requests()
        refused = refused_requests(requests, holds)
        requests = [row for row in requests if row not in refused] if refused else requests
        queue = RequestQueue([*requests, *_new_requests(ledger, runtime)])
        holds = msgspec.structs.replace(holds, start_requests=queue)
        job_states = registration.foreseen(ledger, runtime.config, now)
    job_states |= {
        key: deferrals.without(state, deferrals.given_up(jobs[key.job], state, holds.pauses, now))
        for key, state in job_states.items()
        if key.job in jobs
    }
    found = _rounds(jobs, job_states, now, holds)
    starts = [
        {**_start(jobs[start.claim.job], start, runtime.zone), **unasked(jobs[start.claim.job])}
        for start in found.starts
    ]
    waits = [
        line(
            jobs[key.job],
            job_states[key],
            plan,
            holds,
            (now, runtime.zone),
            behind=key in found.behind,
            asks=key in found.asking,
        )
        for key, plan in found.plans.items()
        if plan.waits
    ]
    skips = [*of_slots(found.plans, runtime.zone), *of_requests(jobs, refused)]
    return [{**_assumed(runtime.config, zone, row["job"]), **row} for row in (*starts, *waits, *skips)], zone


def _assumed(config: Config, zone: NextZone, job: str) -> dict[str, Any]:
    """Return what is assumed about a run of *job* that starts now, as `{"assumed": [...]}`; {} if nothing is.

    It may not be known in which zone its quiet hours are, which decide now, or whether its list of targets is the same.
    """
    doubtful = zone.doubt and config.jobs[job].not_between is not None and follows_host(config, job)
    found = [assumptions.ZONE] if doubtful else []
    found += [assumptions.TARGETS] if config.jobs[job].has_changing_targets else []
    return {"assumed": found} if found else {}


def _new_requests(ledger: Ledger, runtime: Runtime) -> Iterator[StartRequest]:
    """Yield the start requests that the next tick would create for events: a boot, and the events in the spool."""
    for event in (
        *question.each(event_spool.waiting(ledger, runtime.paths)),
        *intake.boot_since(ledger, clock.boot_id()),
    ):
        for name in start_requests.subscribers(runtime.config.jobs, event):
            for key in keys_of(runtime.config.jobs[name]):
                yield start_requests.start_request(event, key, 0)


def _rounds(jobs: Jobs, job_states: Mapping[JobKey, JobState], now: Instant, holds: Holds) -> TickPlan:
    found, job_states, pending = TickPlan(), dict(job_states), set(jobs)
    while pending:
        question.check()
        # The planner needs the jobs in `after` to decide whether a job may start.
        pending |= {other for name in pending for other in jobs[name].after}
        states = {key: job_state for key, job_state in job_states.items() if key.job in pending}
        planned = planner.plan(jobs, states, now, holds=holds)
        asking = {start.claim.key: start for start in planned.starts if asks(jobs[start.claim.job], start)}
        starting = [start for start in planned.starts if start.claim.key not in asking]
        found.starts += starting
        found.plans |= planned.jobs
        found.plans |= {key: JobPlan(waits="ask", skips=planned.jobs[key].skips) for key in asking}
        found.asking |= asking.keys()
        job_states |= {key: approvals.asked(job_states[key], start, now) for key, start in asking.items()}
        job_states |= {start.claim.key: _ran(job_states[start.claim.key], start) for start in starting}
        holds = _left(jobs, holds, planned.starts)
        started = {start.claim.job for start in starting}
        ended = [job for job in started if not _waits_in(jobs, job_states, jobs[job], now, holds)]
        asked = {key.job for key in holds.start_requests.waiting()} & started
        again = {start.claim.job for start in starting if _plans_again(jobs, job_states, start, now, holds)}
        pending = again | asked | {name for job in ended for name in jobs.coming_after.get(job, ())}
    left = _left_to_next(found.plans, job_states, now)
    found.plans |= left
    found.behind = frozenset(left)
    return found


def _plans_again(
    jobs: Jobs, job_states: Mapping[JobKey, JobState], start: Start, now: Instant, holds: Holds
) -> bool:
    """Return whether the tick plans the job of *start* again. It plans a chain only if this ends in the same tick."""
    job = jobs[start.claim.job]
    if job.action.steps and (not starts.runs_in_order(job) or _waits_in(jobs, job_states, job, now, holds)):
        return False
    return starts.plans_again(job, start.claim, succeeded=True)


def _waits_in(
    jobs: Jobs, job_states: Mapping[JobKey, JobState], chain: Job, now: Instant, holds: Holds
) -> bool:
    """Return whether a step of *chain*, or of a chain among its steps, can't start now."""
    keys = (key for step in chain.action.steps for name in step for key in keys_of(jobs[name]))
    return any(
        (hold(jobs[key.job], key, now, holds) is not None and not is_refused(jobs[key.job], key, now, holds))
        or (state := job_states.get(key)) is None
        or state.busy
        or state.open_run is not None
        or jobs[key.job].approve is not None
        or _waits_in(jobs, job_states, jobs[key.job], now, holds)
        for key in keys
    )


def _left_to_next(
    plans: Mapping[JobKey, JobPlan], job_states: Mapping[JobKey, JobState], now: Instant
) -> dict[JobKey, JobPlan]:
    """Return the plans of the jobs with a retry that is due and waits: another run of the job has its turn."""
    return {
        key: msgspec.structs.replace(found, start=None, waits="queued")
        for key, found in plans.items()
        if found.start is not None and job_states[key].has_retry_due(now)
    }


def _ran(job_state: JobState, start: Start) -> JobState:
    claim = start.claim
    others = tuple(run for run in job_state.others if run.run_id != claim.run_id)
    ran = msgspec.structs.replace(job_state, others=others, last_status="success")
    if claim.slot is None:
        return ran
    position = max(job_state.position, claim.slot)
    busy = job_state.busy and not start.replaces
    return msgspec.structs.replace(ran, position=position, open_run=None, window_start=claim.slot, busy=busy)


def _left(jobs: Jobs, holds: Holds, starts: Collection[Start]) -> Holds:
    """Return the holds for the next round: each start uses up the oldest start request of its job, and budget."""
    requests = holds.start_requests.without(start.claim.key for start in starts if start.request is not None)
    slots = sum(spends(jobs, start) for start in starts)
    budget = None if holds.budget is None else max(0, holds.budget - slots)
    events = None if holds.events is None else max(0, holds.events - sum(map(is_for_event, starts)))
    sessions = sessions_left(jobs, holds.sessions, starts)
    return msgspec.structs.replace(
        holds, start_requests=requests, budget=budget, events=events, sessions=sessions
    )


def _start(job: Job, start: Start, zone: str) -> dict[str, Any]:
    after = f", after {' and '.join(job.after)}" if job.after and start.claim.slot is not None else ""
    return {
        "job": job.name,
        "target": start.claim.target or None,
        "scheduled_for": stamp(start.claim.scheduled_for, zone),
        "slots": start.claim.slots,
        "attempt": start.claim.attempt,
        "reason": starts.why(start) + after,
    }
