"""What a tick starts beside what was due when it began: what its own runs bring about, short retries."""

from collections.abc import Collection, Sequence

from scheduled import clock
from scheduled.core.jobs import keys_of
from scheduled.core.keys import JobKey
from scheduled.core.runs import AttemptResult, Claim
from scheduled.core.starts import Start
from scheduled.engine import planning
from scheduled.engine.planning import Gates
from scheduled.engine.runtime import Runtime
from scheduled.schedules.zones import MINUTE
from scheduled.state.ledger import Ledger, Runs

PATIENCE = MINUTE  # a retry that is due sooner is waited for; a later one belongs to a later tick
STAY = 10 * MINUTE  # after that a tick makes no retry any more: no job keeps it here for ever


class FollowUps:
    """What follows in a tick that began at *now*, in which *only* these jobs may take their slots (None: all).

    *gates* are as they were found, *retries* the instants of those that are waited for. Of the *untaken*, which nothing
    here executes, no run is tried twice.
    """

    def __init__(self, runtime: Runtime, now: float, only: Collection[str] | None) -> None:
        self._runtime = runtime
        self._now = now
        self._only = only
        self._budget = runtime.config.max_runs
        self.gates = Gates()
        self.retries: dict[JobKey, int] = {}
        self.untaken: set[JobKey] = set()

    def spend(self, claim: Claim) -> None:
        """Count a run that was started for a slot against what one tick may do."""
        if self._budget is not None and claim.slot is not None:
            self._budget = max(0, self._budget - 1)

    def until_retry(self) -> float | None:
        """Return for how many seconds no retry is due that this tick makes; None: it makes none."""
        return max(0.0, min(self.retries.values()) - clock.now()) if self.retries else None

    def starts(self, ledger: Ledger, ended: Sequence[tuple[Claim, AttemptResult]]) -> list[Start]:
        """Return what the tick's own runs brought about by how they *ended*, and the retries that are due by now."""
        now, jobs = clock.now(), self._runtime.config.jobs
        keys = {claim.key for claim, ending in ended if self._goes_on(claim, ending)}
        keys |= {key for key, retry_at in self.retries.items() if retry_at <= now}
        keys |= {row.key for row in ledger.triggers()}
        after = {name for claim, _ in ended for name in jobs.coming_after.get(claim.job, ())}
        keys |= {key for name in after for key in keys_of(jobs[name])}
        if not keys:
            return []
        starts = self.plan(ledger, keys, now)
        if now - self._now > STAY:
            self.retries.clear()
            return [start for start in starts if not start.again]
        self._note_retries(ledger, keys, now)
        return starts

    def _goes_on(self, claim: Claim, ending: AttemptResult) -> bool:
        """Tell whether more of the same may be due: after the success of its newest slot nothing is."""
        newest = claim.slot is not None and self._runtime.config.jobs[claim.job].catch_up != "all"
        return not newest or ending.status != "success"

    def plan(self, ledger: Ledger, keys: Collection[JobKey], now: float) -> list[Start]:
        """Return what may start of *keys* now."""
        # Slots that came due since the tick began belong to later ticks; retries are due when they are due.
        starts = planning.plan_and_note(
            ledger,
            self._runtime.config,
            int(now),
            keys=keys,
            until=int(self._now),
            gates=self.gates,
            budget=self._budget,
        ).starts
        # What was run by hand takes no slot afterwards either.
        return [
            start
            for start in starts
            if (start.claim.slot is None or self._only is None or start.claim.job in self._only)
            and start.claim.key not in self.untaken
        ]

    def _note_retries(self, ledger: Runs, keys: Collection[JobKey], now: float) -> None:
        for key in keys:
            self.retries.pop(key, None)
        for run in ledger.open_runs():
            if (
                run.key in keys
                and run.key not in self.untaken
                and run.retry_at is not None
                and run.retry_at - now <= PATIENCE
            ):
                self.retries[run.key] = run.retry_at
