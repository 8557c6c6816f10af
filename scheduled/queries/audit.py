"""`audit`: whether the ledger accounts for every slot that its schedules require."""

from typing import Any

from scheduled import clock, question
from scheduled.clock import stamp
from scheduled.config.kept_zone import load_kept
from scheduled.core.audit import Audit
from scheduled.core.audit import audit as recompute
from scheduled.instance import Instance
from scheduled.paths import Paths
from scheduled.schedules.instants import past
from scheduled.schedules.zones import Instant
from scheduled.state import snapshot
from scheduled.state.open import open_existing
from scheduled.state.sqlite.ledger import using


def audit(instance: Instance, after: str | None = None, until: str | None = None) -> dict[str, Any]:
    """Recompute all slots in (after, until] and return those that the ledger does not account for.

    *after* and *until* are ISO 8601 texts. By default the audit covers everything the ledger still holds. Raise
    ConfigError if the configuration or an instant is not valid, StateError if there is no ledger.
    """
    zone = load_kept(instance).timezone
    found = _audited(instance.paths, *past(after, until, zone, clock.now()))
    return {
        "ok": not found.problems,
        "slots": found.slots,
        "horizon": stamp(found.horizon, zone),
        "problems": [
            {
                "job": problem.job,
                "target": problem.target or None,
                "slot": stamp(problem.slot, zone),
                "problem": problem.problem,
            }
            for problem in found.problems
        ],
    }


def _audited(paths: Paths, after: Instant | None, until: Instant | None) -> Audit:
    # Read the snapshot before opening the ledger. In the other order, a tick in between could make the snapshot
    # describe slots that the opened ledger does not show.
    idle = snapshot.idle_until(paths.snapshot) or 0
    with using(open_existing(paths)) as ledger:
        ledger.hold_still()
        seen = max(idle, int(ledger.meta("planned") or 0))
        runs = [run.run_id for run in ledger.open_runs()]
        horizon = int(ledger.meta("horizon") or 0)
        span = max(after or 0, horizon), seen if until is None else min(until, seen)
        epochs, rows, jobs = ledger.epochs(), question.each(ledger.slot_rows()), ledger.job_rows()
        return recompute(epochs, rows, jobs, runs, seen, span, each=question.each)
