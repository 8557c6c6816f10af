"""Whether every slot that there had to be is accounted for: the answer of `audit`."""

from typing import Any

from scheduled import clock
from scheduled.clock import stamp
from scheduled.config.files import load_config
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
    """Recompute every slot there had to be (in `(after, until]`); say whether the ledger accounts for each.

    Raises ConfigError, StateError if there is no ledger.
    """
    zone = load_config(instance.config_file).timezone
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
    # The snapshot is read before the ledger is opened: it describes what the ledger held by then. A ledger without a
    # writer is read as it was at the moment of its opening.
    idle = snapshot.idle_until(paths.snapshot)
    with using(open_existing(paths)) as ledger:
        ledger.hold_still()
        seen = idle or int(ledger.meta("planned") or 0)
        runs = [run.run_id for run in ledger.open_runs()]
        horizon = int(ledger.meta("horizon") or 0)
        span = max(after or 0, horizon), seen if until is None else min(until, seen)
        return recompute(ledger.epochs(), ledger.slot_rows(), ledger.job_rows(), runs, seen, span)
