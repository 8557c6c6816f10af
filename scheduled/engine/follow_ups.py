"""Find the runs that a tick starts after those due at its begin: consequences of its runs, and retries."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from scheduled import clock
from scheduled.core.events import Event
from scheduled.core.jobs import keys_of
from scheduled.core.keys import JobKey
from scheduled.core.planner import Plan
from scheduled.core.runs import AttemptResult, Claim, OpenReason, OpenRun, is_event
from scheduled.core.starts import Start, is_for_event, plans_again, sessions_left, spends
from scheduled.engine import after_chains, planning
from scheduled.engine.planning import Gates
from scheduled.engine.runtime import Runtime
from scheduled.schedules.zones import MINUTE, Instant
from scheduled.state.ledger import Ledger, Runs, StartRequests

if TYPE_CHECKING:
    from scheduled.engine.asking import Asking
    from scheduled.engine.tick_gates import TickGates

RETRY_WAIT = (
    MINUTE  # a tick waits for retries that are due within this time; later ones belong to later ticks
)
RETRY_LIMIT = 10 * MINUTE  # after this time a tick starts no more retries, or a job could keep it running


SOME = 3  # jobs that a line of the log names

# The events about a run that has ended, or that waits for its next attempt.
ENDS = frozenset(("job_completed", "job_failed", "job_skipped", "job_interrupted", "job_retry_scheduled"))


def log_limit(runtime: Runtime, plan: Plan) -> None:
    """Log that events wait for the next tick, according to *plan*: this tick has started as many runs as it may."""
    names = [key.display_name for key, job in plan.jobs.items() if job.waits == "budget"]
    if not names:
        return
    more = f" and {len(names) - SOME} more" if len(names) > SOME else ""
    limit = f"{runtime.config.max_event_runs:,} runs for events (`max_event_runs` of `[catch_up]`)"
    text = f"{', '.join(names[:SOME])}{more}: this tick has started {limit}; the next tick continues"
    runtime.log_line("INFO", text)


class FollowUps:
    """The follow-up runs of the tick with the name *tick*, which began at *now* (UTC seconds).

    With *only*, slots of other jobs are not started. *asked* are the gates of this tick, if there are any, *retries*
    the instants of the retries for which the tick waits; those of chains belong to later ticks. A retry that is due but
    held back, for example by the budget or its group, is planned again when a run ends; so is a job that its group held
    back when its gate had answered. Runs of the *untaken* jobs, for which there is no executor, and of
    those *not_started*, for lack of resources or of time, belong to later ticks.
    """

    def __init__(self, runtime: Runtime, tick: str, now: float, only: Collection[str] | None) -> None:
        self._runtime = runtime
        self._tick = tick
        self._now = now
        self._only = only
        self._budget = runtime.config.max_runs
        self._events_left = runtime.config.max_event_runs
        self._sessions = runtime.config.max_sessions
        self._seen: int | None = None  # the newest start request that was planned
        self._requested: set[JobKey] = set()  # with a start request that waits, but not for a later tick
        self.asked: TickGates | None = None
        self.retries: dict[JobKey, int] = {}
        self._stopped = False
        self._held: set[JobKey] = set()
        self._waits: dict[JobKey, OpenReason | None] = {}  # in the last plan of each
        self.untaken: set[JobKey] = set()
        self.not_started: set[JobKey] = set()
        self._events: list[Event] = []

    def spend(self, claim: Claim) -> None:
        """Subtract a run for a slot from the number of runs that this tick may start."""
        if self._budget is not None and claim.slot is not None:
            self._budget = max(0, self._budget - 1)

    def count(self, starts: Iterable[Start]) -> None:
        """Subtract *starts*, which were claimed, from the numbers of runs for events and of sessions that this tick may start."""
        starts = [*starts]
        self._sessions = sessions_left(self._runtime.config.jobs, self._sessions, starts)
        self._events_left = max(0, self._events_left - sum(map(is_for_event, starts)))

    @property
    def events_left(self) -> int:
        """How many runs for events this tick may still start."""
        return self._events_left

    @property
    def sessions_left(self) -> int | None:
        """How many sessions of agents this tick may still start; None for any number."""
        return self._sessions

    def take_events(self) -> list[Event]:
        """Return the events of the plans since the last call, to publish after their commit."""
        events, self._events = self._events, []
        return events

    @property
    def gates(self) -> Gates:
        """What is known about the gates."""
        return Gates() if self.asked is None else self.asked.gates

    @property
    def expected(self) -> bool:
        """Whether more runs may start although none is running: retries, and jobs that wait for gates."""
        return not self._stopped and (bool(self.retries) or self._asking is not None)

    @property
    def descriptor(self) -> int | None:
        """The descriptor that is readable if there are new answers of gates; None if none is asked."""
        return None if self._asking is None else self._asking.fileno

    @property
    def _asking(self) -> "Asking | None":
        """The asking of gates that have not all answered."""
        pending = self.asked is not None and self.asked.asking.pending and not self._stopped
        return self.asked.asking if self.asked is not None and pending else None

    def stop(self) -> None:
        """Start nothing more. A signal handler calls this."""
        self._stopped = True
        if self.asked is not None:
            self.asked.asking.wake()

    def left(self) -> float | None:
        """Return the seconds until the next retry that this tick starts, or the end of asking; None if there is neither."""
        if self._stopped:
            return None
        ends = [max(0.0, retry_at - clock.now()) for retry_at in self.retries.values()]
        return min([*ends, *([self._asking.left] if self._asking else [])], default=None)

    def collect(self) -> bool:
        """Collect the answers of gates; return whether there are new ones."""
        return self._asking is not None and self._asking.collect()

    def admitted(self, starts: Sequence[Start]) -> list[Start]:
        """Return those of *starts* that need not wait for gates."""
        return [*starts] if self.asked is None else self.asked.admitted(starts)

    def starts(
        self,
        ledger: Ledger,
        ended: Sequence[tuple[Claim, AttemptResult]],
        events: Iterable[Event],
        *,
        answered: bool = False,
        free: Collection[JobKey] = (),
    ) -> list[Start]:
        """Return the starts that follow from the runs that have *ended*, and the retries that are due now.

        *events* are those of the same transaction: they name the chains that ended. *answered*: also the starts that follow
        from new answers of gates. *free* are those of which this tick has stopped a run: their newest slot now starts.
        """
        now, jobs = clock.now(), self._runtime.config.jobs
        keys, behind = self.after_chains(ledger, events)
        behind |= dict.fromkeys(free, int(now))
        keys |= {claim.key for claim, attempt_result in ended if self._may_continue(claim, attempt_result)}
        keys |= {key for key, retry_at in self.retries.items() if retry_at <= now}
        held = {*self._held} if ended else set()
        keys |= held
        keys |= self.requested(ledger)
        if ledger.newest_start_request():
            keys |= {row.key for row in ledger.oldest_start_requests(claim.key for claim, _ in ended)}
        after = {name for claim, _ in ended for name in jobs.coming_after.get(claim.job, ())}
        keys |= {key for name in after for key in keys_of(jobs[name])}
        gated = self.asked.to_plan() if self.asked is not None and answered else set()
        if not keys | gated | behind.keys():
            return []
        over = now - self._now > RETRY_LIMIT
        starts = self.planned(ledger, keys | gated, behind, now, retries=not over)
        if over:
            self.retries.clear()
            return starts
        self._record_retries(ledger, keys, now)
        self._held |= {key for key in gated | held if self._waits.get(key) == "group"}
        return starts

    def after_chains(
        self, ledger: Ledger, events: Iterable[Event]
    ) -> tuple[set[JobKey], dict[JobKey, Instant]]:
        """Return what this tick plans because chains ended according to *events*; see `after_chains.follow`."""
        payloads = [event.payload for event in events if event.name in ENDS]
        return after_chains.follow(ledger, self._runtime.config.jobs, payloads, self._now)

    def planned(
        self,
        ledger: Ledger,
        keys: Collection[JobKey],
        behind: Mapping[JobKey, Instant],
        now: float,
        *,
        retries: bool = True,
    ) -> list[Start]:
        """Return the starts of *keys*, and of those *behind* chains, with slots up to the instant of each."""
        starts: list[Start] = []
        for until in sorted(set(behind.values())):
            group = [key for key, instant in behind.items() if instant == until]
            starts += self.next_starts(ledger, group, now, retries=retries, until=until, before=starts)
        rest = set(keys) - behind.keys()
        if rest:
            starts += self.next_starts(ledger, rest, now, retries=retries, before=starts)
        return starts

    def requested(self, ledger: StartRequests) -> set[JobKey]:
        """Return what has a start request that this tick has not planned yet, or that waited when it was planned."""
        if self._seen is None:
            new = set(ledger.requested_keys())
        else:
            new = {row.key for row in ledger.start_requests(self._seen)}
        self._seen = max(self._seen or 0, ledger.newest_start_request())
        return new | self._requested

    def _may_continue(self, claim: Claim, attempt_result: AttemptResult) -> bool:
        """Return whether more runs of the job may be due."""
        job = self._runtime.config.jobs[claim.job]
        return plans_again(job, claim, succeeded=attempt_result.status == "success")

    def next_starts(
        self,
        ledger: Ledger,
        keys: Collection[JobKey],
        now: float,
        *,
        retries: bool = True,
        until: Instant | None = None,
        before: Sequence[Start] = (),
    ) -> list[Start]:
        """Return the starts of *keys* that are possible now; without *retries*, no next attempts.

        *until* is the instant up to which slots count (default: when the tick began). *before* are starts of the same
        transaction that will be claimed before these.
        """
        jobs = self._runtime.config.jobs
        budget, events = self._budget, self._events_left - sum(map(is_for_event, before))
        if budget is not None:
            budget = max(0, budget - sum(spends(jobs, start) for start in before))
        # Slots that became due after the tick began belong to later ticks, and so do slots after now, if the clock was
        # set back meanwhile. Retries are not limited by `until`.
        plan = planning.plan_and_record(
            ledger,
            self._runtime.config,
            int(now),
            keys=keys,
            until=min(int(self._now) if until is None else until, int(now)),
            gates=self.gates,
            budget=budget,
            events=max(0, events),
            sessions=sessions_left(jobs, self._sessions, before),
            slots_of=self._only,
            tick=self._tick,
        )
        self._events += plan.events
        self._waits |= {key: job.waits for key, job in plan.jobs.items()}
        allowed = (start for start in plan.starts if retries or not start.again)
        ours = self.admitted([start for start in allowed if self._is_ours(start.claim)])
        planning.record_unclaimed(ledger, plan, [start.claim for start in ours], self.untaken)
        self._requested -= set(keys)
        self._requested |= {key for key in keys if self._may_start_yet(ledger, key, plan)}
        return ours

    def _may_start_yet(self, ledger: StartRequests, key: JobKey, plan: Plan) -> bool:
        """Return whether a start request of *key* waits for what this tick may still see, as the end of another run."""
        if key not in plan.jobs or plan.jobs[key].waits in (None, "queued"):
            return False
        oldest = ledger.oldest_start_requests([key])
        return any(self._events_left or not is_event(row) for row in oldest)

    def _is_ours(self, run: Claim | OpenRun) -> bool:
        """Return whether this tick may start *run*. A manual tick (`only` is empty) starts no slot."""
        allowed = run.slot is None or self._only is None or run.job in self._only
        return allowed and run.key not in self.untaken and run.key not in self.not_started

    def _record_retries(self, ledger: Runs, keys: Collection[JobKey], now: float) -> None:
        for key in keys:
            self.retries.pop(key, None)
        self._held -= set(keys)
        for run in ledger.open_runs(keys):
            if run.retry_at is None or run.retry_at - now > RETRY_WAIT or not self._is_ours(run):
                continue
            if self._waits_for_retries(run):
                self._wait_for(run, run.retry_at, now)

    def _waits_for_retries(self, run: OpenRun) -> bool:
        job = self._runtime.config.jobs.get(run.job)
        return job is not None and not job.action.steps

    def _wait_for(self, run: OpenRun, retry_at: int, now: float) -> None:
        """Wait for a retry in the future if this tick made the attempt before; otherwise another tick makes it.

        A retry that is due and did not start has to wait for something else.
        """
        if retry_at <= now:
            self._held.add(run.key)
        elif run.tick == self._tick:
            self.retries[run.key] = min(
                retry_at, self.retries.get(run.key, retry_at)
            )  # a job may have several
