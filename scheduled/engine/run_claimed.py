"""The event `run_claimed`, which passes a claimed run to its executor. It is not logged or sent to jobs."""

from collections.abc import Callable

import msgspec

from scheduled.core.jobs import Job
from scheduled.core.runs import Claim
from scheduled.state.ledger import Ledger

# Given the ledger (in the transaction of the claim), the job, the claim and the instant in UTC seconds: begin
# the run, and return whether it requested other runs.
Begin = Callable[[Ledger, Job, Claim, float], bool]


class RunClaimed(msgspec.Struct, kw_only=True):
    """A run of *job* was claimed. *begin* is set by the executor that takes the run, None until then."""

    job: Job
    claim: Claim
    begin: Begin | None = None

    @property
    def name(self) -> str:
        """The event's name."""
        return "run_claimed"

    def take(self, begin: Begin) -> None:
        """Take the run; *begin* will start it. Raise RuntimeError if another executor has taken it."""
        if self.begin is not None:
            raise RuntimeError(f"{self.claim.run_id}: already taken by another executor")
        self.begin = begin
