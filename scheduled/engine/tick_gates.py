"""The gates of a tick while they are asked: what is known about them, which starts wait, and what gave no answer."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING

import msgspec

from scheduled.core.configured_jobs import Jobs
from scheduled.core.gate_words import required
from scheduled.core.jobs import Job, keys_of
from scheduled.core.keys import JobKey
from scheduled.core.starts import Rank, Start, places, rank
from scheduled.engine.planning import Gates
from scheduled.printable import printable
from scheduled.state.ledger import Meta

if TYPE_CHECKING:
    from scheduled.engine.asking import Asking

LIMIT = 30.0  # seconds for all gates of a tick; a gate checks a condition, it must not do the job's work
NO_ANSWER = f"gave no answer within {LIMIT:.0f} s"
NOT_ASKED = f"was not asked within {LIMIT:.0f} s, because others took all of that time,"
# The keys of `Meta` for the jobs with a gate that gave no answer at the last tick that had to ask it, and why.
REASONS = {"unanswered_gates": NO_ANSWER, "unasked_gates": NOT_ASKED}


class TickGates:
    """The gates of a tick that *asking* asks; *ranks* are the ranks of the starts that wait for them.

    Call `close` in the end.
    """

    def __init__(self, jobs: Jobs, asking: "Asking", ranks: Mapping[str, Rank]) -> None:
        self.asking = asking
        self._jobs = jobs
        self._asked = frozenset(asking.pending)
        self._gated = frozenset(name for name, job in jobs.items() if job.only_if is not None)
        self._ranks = ranks
        self._places = places(jobs)
        self._held_back: set[JobKey] = set()

    def close(self) -> None:
        """Stop asking."""
        self.asking.close()

    @property
    def gates(self) -> Gates:
        """What is known about the gates, as of the last call of `asking.collect`."""
        answers = self.asking.answers
        closed = frozenset(name for name, is_open in answers.items() if not is_open)
        answered = closed.difference(self.asking.unanswered, self.asking.unasked)
        refused = frozenset(name for name in answered if _skips(self._jobs[name]))
        return Gates(closed=closed, refused=refused, unchecked=self._gated - answers.keys())

    def admitted(self, starts: Sequence[Start]) -> list[Start]:
        """Return those of *starts* that need not wait: the critical ones, and those before all that wait for a gate."""
        waiting = (found for name, found in self._ranks.items() if name in self.asking.pending)
        first = min(waiting, default=None)
        if first is None:
            return [*starts]
        found = [start for start in starts if self._is_admitted(start, first)]
        self._held_back |= {start.claim.key for start in starts} - {start.claim.key for start in found}
        return found

    def _is_admitted(self, start: Start, first: Rank) -> bool:
        job = self._jobs[start.claim.job]
        return job.priority == "critical" or rank(job, start, self._places) < first

    def to_plan(self) -> set[JobKey]:
        """Return what has to be planned again after new answers, including what was not admitted before."""
        held_back, self._held_back = self._held_back, set()
        after = chain.from_iterable(self._jobs.coming_after.get(name, ()) for name in self._asked)
        return held_back | {key for name in (*self._asked, *after) for key in keys_of(self._jobs[name])}

    def remember(self, ledger: Meta) -> list[str]:
        """Record the gates that gave no answer; return a warning for each. Call it inside a transaction."""
        new = dict.fromkeys(self.asking.unanswered, NO_ANSWER) | dict.fromkeys(self.asking.unasked, NOT_ASKED)
        before = _unanswered(ledger)
        found = {name: why for name, why in before.items() if name in self._gated - self._asked} | new
        if found != before:
            for key, reason in REASONS.items():
                names = sorted(name for name, why in found.items() if why == reason)
                ledger.remember(key, msgspec.json.encode(names).decode())
        return [f"{name}: its gate {_counts(why, self._jobs.get(name))}" for name, why in new.items()]


def _skips(job: Job | None) -> bool:
    return job is not None and job.only_if is not None and job.only_if.skips


def _counts(why: str, job: Job | None) -> str:
    """Return *why* the gate of *job* gave no answer, and what follows: one that skips slots must be known to be closed."""
    if _skips(job):
        return f"{why.removesuffix(',')}, so the run waits and is not skipped"
    return f"{why} and counts as closed"


def without_answer(ledger: Meta, jobs: Mapping[str, Job]) -> dict[str, str]:
    """Return those of *jobs* with a gate that gave no answer at the last tick that had to ask it, and why, in words."""
    return {name: _counts(why, jobs[name]) for name, why in _unanswered(ledger).items() if name in jobs}


def _unanswered(ledger: Meta) -> dict[str, str]:
    return {name: why for key, why in REASONS.items() for name in _recorded(ledger, key)}


def problems(ledger: Meta, jobs: Jobs) -> dict[str, str]:
    """Return a text for each enabled job with a gate that gave no answer when it had to be asked last, by its key."""
    found = without_answer(ledger, jobs)
    return {
        f"gate:{name}": printable(
            f"{name}: its gate ({required(job.only_if)}) {why} (scheduled explain {name})"
        )
        for name, why in found.items()
        if (job := jobs[name]).enabled and job.only_if is not None
    }


def _recorded(ledger: Meta, key: str) -> set[str]:
    try:
        return msgspec.json.decode(ledger.meta(key) or "[]", type=set[str])
    except msgspec.DecodeError:
        return set()
