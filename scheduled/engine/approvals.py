"""Let the runs of jobs with `approve` wait until a person answers."""

from collections.abc import Iterable

from scheduled.clock import stamp
from scheduled.core.events import Event
from scheduled.core.records import NOT_APPROVED
from scheduled.core.starts import Start
from scheduled.engine.runtime import Runtime
from scheduled.state.ledger import Runs

ASKED = "approval_requested"  # the event


def ask(ledger: Runs, runtime: Runtime, starts: Iterable[Start]) -> list[Event]:
    """Let the runs of *starts*, which the caller's transaction has claimed, wait for approval; return the events."""
    found = []
    for start in starts:
        ledger.park(start.claim.run_id)
        found.append(_event(start, runtime.zone))
    return found


def _event(start: Start, zone: str) -> Event:
    claim = start.claim
    payload = {
        "job": claim.job,
        **({"target": claim.target} if claim.target else {}),
        "run_id": claim.run_id,
        "scheduled_for": stamp(claim.scheduled_for, zone),
        "reason": NOT_APPROVED,
    }
    return Event(name=ASKED, payload=payload)
