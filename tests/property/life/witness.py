"""What really happened in a life: claims, ends of attempts, events and lines of the log, each with its instant."""

from typing import NamedTuple

from scheduled.core.keys import JobKey


def label(job, target):
    """Return the name of a job, or of one of its targets."""
    return JobKey(job, target or "").display_name


class Claimed(NamedTuple):
    """A run that a tick claimed at *at*; *tick* is the begin of this tick, *by_hand* whether a user started it."""

    at: float
    tick: float
    by_hand: bool
    job: str
    slot: int | None
    run_id: str
    attempt: int
    slots: int
    trigger: str
    scheduled_for: int | None
    target: str = ""

    @property
    def label(self):
        """The job, with its target if it has one."""
        return label(self.job, self.target)


class Ended(NamedTuple):
    """The end of an attempt, as the machine knows it."""

    at: float
    job: str
    run_id: str
    attempt: int
    status: str


class Witness:
    """Watches a machine and its ledger. *on_end* is called with each `Ended`, *on_claim* with each `Claimed`, *on_ask* with
    the job of each run that begins to wait for approval."""

    def __init__(self, on_end, on_claim, on_ask=lambda _: None):
        self.claims, self.endings, self.events, self.log = [], [], [], []
        self._on_end, self._on_claim, self._on_ask = on_end, on_claim, on_ask
        self.machine = None

    # Calls of the ledger
    def claimed(self, claim):
        runner = self.machine.current
        tick, by_hand = runner.began
        self.claims.append(
            Claimed(
                self.machine.wall(), tick, by_hand, claim.job, claim.slot, claim.run_id, claim.attempt,
                claim.slots, claim.trigger, claim.scheduled_for, claim.target,
            )
        )  # fmt: skip
        self.machine.note(f"claims {claim.run_id} attempt {claim.attempt}")
        self._on_claim(self.claims[-1])

    def unclaimed(self, run_id):
        last = next((found for found in reversed(self.claims) if found.run_id == run_id), None)
        if last is not None:
            self.claims.remove(last)
            self.machine.note(f"gives {run_id} back")

    def begins(self, ledger):
        """A transaction begins."""

    def committed(self, ledger):
        """A transaction is committed."""

    def registers(self):
        """The configuration is compared with the epochs."""

    def rewinds(self, job, position):
        raise AssertionError(f"{job}: set back to {position}, though no clock was")

    takes_back = rewinds

    def forgets_aside(self, aside):
        raise AssertionError(f"{aside}: dropped, though no clock was set back")

    # Calls of the machine
    def starts(self, found):
        """A process starts. The other simulation checks that it may."""

    def ends(self, found):
        """A supervisor records the end of a process; see `ended`."""

    def ended(self, found, status):
        end = Ended(self.machine.wall(), found.spec.job, found.spec.run_id, found.spec.attempt, status)
        self.endings.append(end)
        self._on_end(end)

    # Calls of the runtime
    def published(self, event):
        self.events.append((self.machine.wall(), event))
        self.machine.note(f"event {event.name} {event.payload}")
        if event.name == "approval_requested":
            self._on_ask(str(event.payload["job"]))

    def logged(self, level, message):
        self.log.append((self.machine.wall(), level, message))
