"""One read of the configuration and the ledger, shared by the queries. It takes no lock and changes nothing."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import msgspec

from scheduled import clock, question
from scheduled.config.config import Config, known_jobs
from scheduled.config.last_targets import recorded
from scheduled.core import deferrals
from scheduled.core.at_rest import is_at_rest
from scheduled.core.holds import Holds, pauses_of
from scheduled.core.job_plan import JobPlan, plan_job
from scheduled.core.jobs import Job
from scheduled.core.keys import JobKey
from scheduled.core.planner import busy_groups
from scheduled.core.records import JobRow
from scheduled.core.request_queue import RequestQueue
from scheduled.core.runs import JobState, OpenReason, OpenRun, is_event
from scheduled.core.targets import LastTargets, source_of
from scheduled.core.tick_times import Outage, Ticks
from scheduled.engine import expected_ticks, planning, registration
from scheduled.engine.heartbeat import Source
from scheduled.engine.tick_gates import without_answer
from scheduled.instance import Instance
from scheduled.paths import Paths
from scheduled.queries.expected import with_expected
from scheduled.queries.last_known import config_of
from scheduled.queries.next_zone import NextZone, ZoneChange, in_zone, next_zone
from scheduled.queries.simulation.dependencies import chains_under_way
from scheduled.queries.simulation.own_retries import OwnRetry, is_any_at_work, own_retries
from scheduled.queries.simulation.simulated import Step, holds_at
from scheduled.schedules.zones import Instant
from scheduled.state.ledger import Ledger
from scheduled.state.open import read_only

# Open reasons that the configuration, the clock and a person change without a tick: the recorded one may be outdated.
BY_PLAN = ("paused", "quiet", "waiting_retry", "deferred", "jitter", "start_delay", "ask", "group")


class Searched(msgspec.Struct, kw_only=True):
    """What `next_run` has found for *states*: the next *starts*; the first run of each key in *steps*, those of all jobs."""

    states: Mapping[JobKey, JobState]
    starts: dict[JobKey, Step | None] = {}
    first_of_all: dict[JobKey, Step] = {}
    steps: Iterator[Step] | None = None


class View(msgspec.Struct, kw_only=True):
    """The configuration with overrides applied, as the next tick reads it, and the state of the jobs at *now*.

    If the time zone of the host has changed, the next tick is the first one in the new zone: *next_zone* is that zone, and
    *zone_change* what it does to the *job_states*, which have their slots in the old zone up to that tick. *own_retries* are those of ticks at work, *at_work* whether there is such a tick. *without_answer* are the jobs with a gate that gave no answer when it had to be asked last, and why. *overridden* are the jobs that are enabled or disabled by an override. *busy* are the groups with a job
    under way. *chains* are the runs of chains that have not ended. *lists* is what is known of lists of targets that change by themselves.
    *crowded* are the jobs that events start, if more events wait than one tick takes. *cadence*, *phase*, *late* and *cadence_source* are
    those of `heartbeat.Cadence`. *stopped_at* is the last tick if ticks have stopped since then. *searched* belongs to
    `next_run`.
    """

    config: Config
    now: Instant
    job_states: dict[JobKey, JobState]
    rows: dict[JobKey, JobRow]
    holds: Holds
    overridden: frozenset[str]
    cadence: int
    busy: frozenset[str]
    phase: int = 0
    late: int = 0
    cadence_source: Source = "assumed"
    stopped_at: float | None = None
    next_zone: NextZone = NextZone()
    without_answer: Mapping[str, str] = {}
    own_retries: tuple[OwnRetry, ...] = ()
    at_work: bool = False
    chains: tuple[OpenRun, ...] = ()
    crowded: frozenset[str] = frozenset()
    zone_change: ZoneChange | None = None
    searched: Searched | None = None
    lists: Mapping[str, LastTargets] = {}

    def list_problem(self, name: str) -> str | None:
        """Return why a tick could not read the list of targets of the job *name* completely the last time; None if it could."""
        found, job = self.lists.get(name), self.config.jobs[name]
        return (found.problem or None) if found is not None and found.source == source_of(job) else None

    @property
    def zone(self) -> str:
        """The IANA name of the configured zone, in which instants are displayed."""
        return self.config.timezone

    def ticks_from(self, begin: Instant, outages: Iterable[Outage] = ()) -> Ticks:
        """Return the ticks from *begin* on, as far as it is known how they come."""
        now = self.now if begin == self.now else None
        boot = self.holds.booted, self.holds.first_tick
        return Ticks(
            self.cadence,
            outages,
            phase=self.phase,
            late=self.late,
            now=now,
            planned=self.holds.planned,
            boot=boot,
        )

    def states_with(self, outages: Iterable[Outage] = ()) -> dict[JobKey, JobState]:
        """Return the states of the jobs if no tick comes during *outages*: a new zone then begins with a later tick."""
        if self.zone_change is None:
            return self.job_states
        first = self.ticks_from(self.now, outages).at_or_after(self.now)
        return self.zone_change.states_at(max(self.now, first + self.late))

    @property
    def pauses(self) -> Mapping[JobKey, Instant | None]:
        """The end of each pause, None for a pause without an end; the key `ALL_JOBS` means all jobs."""
        return self.holds.pauses

    def job(self, name: str) -> Job:
        """Return a configured job. Raise ConfigError with the nearest name if there is no such job."""
        return self.config.jobs[known_jobs(self.config, [name])[0]]

    @property
    def with_sessions(self) -> frozenset[str]:
        """The jobs that share the sessions of a tick; none if `max_sessions` does not limit them."""
        if self.config.max_sessions is None:
            return frozenset()
        return frozenset(name for name, job in self.config.jobs.items() if job.action.session)

    @property
    def sharing_sessions(self) -> frozenset[str]:
        """The jobs `with_sessions`, and the chains that have them as steps."""
        found, new = set[str](), set(self.with_sessions)
        while new:
            found |= new
            new = {chain for name in new for chain in self.config.jobs.with_step.get(name, ())} - found
        return frozenset(found)

    def holders(self, key: JobKey) -> list[str]:
        """Return the jobs and targets of the same group that are under way: *key* waits for them."""
        group = self._group(key.job)
        return [
            other.display_name
            for other, job_state in self.job_states.items()
            if group and job_state.busy and other != key and group == self._group(other.job)
        ]

    def _group(self, name: str) -> str:
        return self.config.jobs[name].group if name in self.config.jobs else ""

    def is_running(self, key: JobKey) -> bool:
        """Return whether a run of *key* has started and has not ended."""
        job_state = self.job_states.get(key)
        return job_state is not None and job_state.busy and not job_state.claimed

    def open_reason(self, key: JobKey) -> OpenReason | None:
        """Return why *key* has open slots, or why its claimed run has not started; None if neither is the case."""
        claimed, job_state = self.claimed_reason(key), self.job_states.get(key)
        row = self.rows.get(key)
        recorded = row.open_reason if row is not None else None
        if claimed is not None or self.config.unreadable or key.job not in self.config.jobs:
            # A tick records `paused` for a job too that it cannot read.
            return claimed or (recorded if recorded != "paused" or pauses_of(key, self.pauses) else None)
        job = self.config.jobs[key.job]
        if job_state is not None and is_at_rest(job_state, self.now, self.holds.start_requests):
            return None
        plan = self.job_plan(job, key)
        if plan is None or job_state is None or (job_state.busy and recorded not in BY_PLAN):
            return recorded if recorded not in BY_PLAN else None
        # Only a tick finds out the other reasons, of what could start.
        return plan.waits or (recorded if plan.start is not None and recorded not in BY_PLAN else None)

    def claimed_reason(self, key: JobKey) -> OpenReason | None:
        """Return why the claimed run of *key* has not started; None if there is none."""
        job_state = self.job_states.get(key)
        if job_state is None or not job_state.claimed or key.job not in self.config.jobs:
            return None
        return "group" if self.holders(key) else "queued"

    def job_plan(self, job: Job, key: JobKey) -> JobPlan | None:
        """Return what a tick would do now with *key*, of *job*, without its gate; None for a disabled job.

        None too if the configuration cannot be read: then no tick runs anything.
        """
        return self._plan_at(job, key, self.now, self.holds)

    @property
    def next_tick(self) -> Instant:
        """The instant at which the next tick plans, as far as it is known how ticks come."""
        return self.ticks_from(self.now).at_or_after(self.now) + self.late

    def plan_at_next_tick(self, job: Job, key: JobKey) -> JobPlan | None:
        """Return what `job_plan` returns, at the instant of the next tick instead of now."""
        holds = holds_at(self.ticks_from(self.now), self.pauses, self.next_tick, self.holds.start_requests)
        return self._plan_at(job, key, self.next_tick, holds)

    def _plan_at(self, job: Job, key: JobKey, instant: Instant, holds: Holds) -> JobPlan | None:
        job_state = self.job_states.get(key)
        if job_state is None or self.config.unreadable:
            return None
        held = bool(self.holders(key)) if job_state.busy else job.group in self.busy
        given = deferrals.given_up(job, job_state, self.pauses, instant)
        return plan_job(job, deferrals.without(job_state, given), instant, held=held, holds=holds)


@contextmanager
def open_view(instance: Instance) -> Iterator[tuple[View, Ledger]]:
    """Yield a view and the read-only ledger behind it. Raise ConfigError if the configuration cannot be read.

    Errors in the configuration of single jobs are put into `instance.problems`.
    """
    earlier = config_of(instance)
    instance.problems = earlier.problems
    with read_only(instance.paths) as ledger:
        view = view_of(earlier, ledger, instance.paths)
        question.check()
        yield view, ledger


def view_of(earlier: Config, ledger: Ledger, paths: Paths) -> View:
    """Return a view of *ledger*, which belongs to the state *paths*, with the configuration as it was read last."""
    now = int(clock.now())
    zone = next_zone(ledger, earlier)
    found = in_zone(earlier, zone)
    overridden = _override(earlier, ledger)
    _override(found, ledger)
    job_states = registration.foreseen(ledger, earlier, now)
    if found.jobs.counts_from_end:
        job_states = with_expected(ledger, job_states)
    seen = expected_ticks.ticks(ledger, paths, now)
    busy = busy_groups(found.jobs, [key.job for key, job_state in job_states.items() if job_state.busy])
    holds = planning.holds_with_all(ledger, found.jobs, now)
    view = View(
        config=found,
        now=now,
        job_states=job_states,
        rows={row.key: row for row in ledger.job_rows()},
        holds=holds,
        overridden=overridden,
        cadence=seen.cadence.seconds,
        phase=seen.cadence.phase,
        late=seen.cadence.late,
        cadence_source=seen.cadence.source,
        stopped_at=seen.stopped_at,
        busy=frozenset(busy),
        next_zone=zone,
        without_answer=without_answer(ledger, found.jobs),
        chains=tuple(chains_under_way(ledger.open_runs())),
        at_work=is_any_at_work(ledger, paths),
        own_retries=own_retries(ledger, found, paths, now),
        crowded=_crowded(found, holds.start_requests),
        lists=recorded(ledger) if found.jobs.with_changing_targets else {},
    )
    if holds.first_tick > now:  # the next tick is the first one of this boot
        view.holds = msgspec.structs.replace(holds, first_tick=view.next_tick)
    if zone.changes:
        view.zone_change = ZoneChange(before=earlier.jobs, after=found.jobs, states=job_states)
        view.job_states = view.states_with()
    return view


def _crowded(config: Config, requests: RequestQueue) -> frozenset[str]:
    events = [row.job for row in requests if is_event(row)]
    return frozenset(events) & config.jobs.keys() if len(events) > config.max_event_runs else frozenset()


def _override(config: Config, ledger: Ledger) -> frozenset[str]:
    """Apply the overrides in *ledger* to *config*; return the names of the jobs that they enable or disable."""
    written = {name: job.enabled for name, job in config.jobs.items()}
    config.override(ledger.overrides())
    return frozenset(name for name, job in config.jobs.items() if job.enabled != written[name])


def load_view(instance: Instance) -> View:
    """Return a view, detached from the ledger. Raise ConfigError if the configuration cannot be read."""
    with open_view(instance) as (view, _):
        return view
