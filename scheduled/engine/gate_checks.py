"""Which gates a tick asks: those of jobs that would start now, or expire."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import chain

import msgspec

from scheduled.config.config import Config
from scheduled.core import planner
from scheduled.core.holds import Holds, request_expired
from scheduled.core.jobs import PRIORITIES, Job
from scheduled.core.keys import JobKey
from scheduled.core.manual import ManualRequest
from scheduled.core.planner import Plan
from scheduled.core.runs import JobState
from scheduled.core.starts import Rank, places, rank
from scheduled.engine import planning, registration
from scheduled.engine.asking import Asking
from scheduled.engine.planning import Gates
from scheduled.engine.tick_gates import LIMIT, TickGates
from scheduled.schedules.zones import Instant
from scheduled.state.ledger import Ledger

WAIT = 0.2  # seconds that a tick waits for its gates before it starts other jobs; most have answered by then
LAST: Rank = (len(PRIORITIES), 0, 0, "")


def check(
    ledger: Ledger, config: Config, now: Instant, environment: Callable[[], Mapping[str, str]]
) -> Gates:
    """Ask all gates that a tick would ask now, and return the answers.

    That may take seconds: call this while no transaction is open.
    """
    if all(job.only_if is None for job in config.jobs.values()):
        return Gates()
    found = ask(ledger, config, now, environment)
    try:
        found.asking.collect(LIMIT)
        return found.gates
    finally:
        found.asking.close()


def ask(
    ledger: Ledger,
    config: Config,
    now: Instant,
    environment: Callable[[], Mapping[str, str]],
    requests: Sequence[ManualRequest] = (),
    only: Collection[str] | None = None,
) -> TickGates:
    """Begin to ask the gates of all jobs that would start now, including steps of chains, in their *environment*.

    With *only*, slots of other jobs do not start.
    """
    gated = {name: job for name, job in config.jobs.items() if job.only_if is not None}
    leading = {name: job for name, job in config.jobs.items() if not gated.keys().isdisjoint(_steps(job))}
    job_states, holds = (
        registration.foreseen(ledger, config, now),
        planning.holds_now(ledger, config.jobs, now, slots_of=only),
    )
    found = planner.plan(gated | leading, job_states, now, holds=holds)
    ranks = _ranks(config, found, holds)
    starting = ranks.keys() | _expiring(gated, job_states, found, now, holds)
    # A manual run ignores the gate of its own job. If that job is a chain, the gates of its steps apply.
    leaders = {*starting, *(request.job for request in requests)} & leading.keys()
    needed = gated.keys() & {*starting, *(name for leader in leaders for name in _steps(leading[leader]))}
    jobs = [gated[name] for name in sorted(needed, key=lambda name: ranks.get(name, LAST))]
    has_command = any(job.only_if is not None and job.only_if.command for job in jobs)
    return TickGates(config.jobs, Asking(jobs, environment() if has_command else {}), ranks)


def _ranks(config: Config, found: Plan, holds: Holds) -> dict[str, Rank]:
    """Return the rank of the first start of each job that starts."""
    order, ranks = places(config.jobs), dict[str, Rank]()
    for start in found.starts:
        name = start.claim.job
        if start.claim.slot is None or holds.starts_slots(name):
            ranks.setdefault(name, rank(config.jobs[name], start, order))
    return ranks


def _expiring(
    gated: Mapping[str, Job], job_states: Mapping[JobKey, JobState], found: Plan, now: Instant, holds: Holds
) -> set[str]:
    """Return the jobs in their quiet hours of which a closed gate skips slots or start requests now."""
    quiet = {key.job for key, job in found.jobs.items() if job.waits == "quiet"}
    jobs = {name: gated[name] for name in quiet & gated.keys() if gated[name].gate_deadline is not None}
    closed = planner.plan(jobs, job_states, now, holds=msgspec.structs.replace(holds, closed=frozenset(jobs)))
    late = {key.job for key, job in closed.jobs.items() if any(skip.reason == "gate" for skip in job.skips)}
    requests = [row for row in holds.start_requests if row.job in jobs]
    return late | {row.job for row in requests if request_expired(jobs[row.job], row, now)}


def _steps(job: Job) -> Iterable[str]:
    return chain.from_iterable(job.action.steps)
