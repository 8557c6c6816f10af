"""The event `run_claimed`: a claimed run on its way to who executes it. No log, console or job hears of it."""

from collections.abc import Callable

import msgspec

from scheduled.core.jobs import Job
from scheduled.core.runs import Claim
from scheduled.state.ledger import Ledger

# Given the ledger, in the transaction of the claim, the job, the claim and the instant: begins the run, and returns
# whether that asked for other runs.
Begin = Callable[[Ledger, Job, Claim, float], bool]


class RunClaimed(msgspec.Struct, kw_only=True):
    """A run of *job* was claimed. The executor of its kind of action takes it; who that is, *begin* says then."""

    job: Job
    claim: Claim
    begin: Begin | None = None

    @property
    def name(self) -> str:
        """The event's name."""
        return "run_claimed"

    def take(self, begin: Begin) -> None:
        """Be the one who executes the run, by *begin*; raises RuntimeError if somebody else is."""
        if self.begin is not None:
            raise RuntimeError(f"{self.claim.run_id}: is taken by another executor already")
        self.begin = begin
