"""`audit`: whether the ledger accounts for every slot that its schedules require, and for the starts in a log of jobs."""

from pathlib import Path
from typing import Any

import msgspec

from scheduled import clock, question
from scheduled.clock import stamp
from scheduled.config.config import Config
from scheduled.config.kept_zone import load_kept
from scheduled.core.audit import Audit
from scheduled.core.audit import audit as recompute
from scheduled.core.run_ids import LOST_UNTIL
from scheduled.engine import expected_ticks
from scheduled.engine.expected_ticks import Ticks
from scheduled.instance import Instance
from scheduled.paths import Paths
from scheduled.queries import audit_log, ticks
from scheduled.queries.audit_log import Recorded
from scheduled.schedules.instants import past
from scheduled.schedules.zones import Instant
from scheduled.state import snapshot
from scheduled.state.open import open_existing
from scheduled.state.sqlite.ledger import SqliteLedger, using


class _Read(msgspec.Struct, kw_only=True):
    """What one reading of the ledger found. *seen* is the instant of the last tick, 0 if there was none."""

    audit: Audit
    seen: Instant
    ticks: Ticks
    recorded: Recorded | None = None


def audit(
    instance: Instance, after: str | None = None, until: str | None = None, against: str | None = None
) -> dict[str, Any]:
    """Recompute all slots in (after, until] and return those that the ledger does not account for.

    *after* and *until* are ISO 8601 texts. By default the audit covers everything the ledger still holds, up to the last
    tick. It is not `ok` either if ticks have stopped before the end of the span: slots since then are not accounted for.
    *against* is the path of a log in which jobs write their starts and ends; it is compared with the recorded attempts,
    and a log without any is not `ok`.

    Raise ConfigError if the configuration, an instant or the log is not valid, StateError if there is no ledger.
    """
    config = load_kept(instance)
    span = past(after, until, config.timezone, clock.now())
    if against is None:
        return _document(_read(instance.paths, config, *span), span[1], config.timezone)
    path, zone = Path(against), config.timezone
    before = audit_log.content_of(path)
    found = _read(instance.paths, config, *span, names=audit_log.names_in(before, path, zone))
    assert found.recorded is not None
    log = audit_log.log_of(path, before, audit_log.content_of(path), zone)
    unlike = audit_log.differences(log, found.recorded, *span)
    document = _document(found, span[1], zone)
    compared = audit_log.document(log, found.recorded, unlike, zone)
    return {**document, "ok": document["ok"] and bool(log.events) and not unlike, "against": compared}


def _read(
    paths: Paths, config: Config, after: Instant | None, until: Instant | None, names: set[str] | None = None
) -> _Read:
    # Read the snapshot before opening the ledger. In the other order, a tick in between could make the snapshot
    # describe slots that the opened ledger does not show.
    idle = snapshot.idle_until(paths.snapshot) or 0
    with using(open_existing(paths)) as ledger:
        ledger.hold_still()
        seen = max(idle, int(ledger.meta("planned") or 0))
        audited = _audited(ledger, seen, after, until)
        found = _Read(audit=audited, seen=seen, ticks=expected_ticks.ticks(ledger, paths, clock.now()))
        if names is not None:
            found.recorded = _recorded(ledger, config, names, audited.horizon)
        return found


def _audited(ledger: SqliteLedger, seen: Instant, after: Instant | None, until: Instant | None) -> Audit:
    runs = ledger.open_runs()
    retries = [run.run_id for run in runs if run.status == "waiting_retry"]
    span = max(after or 0, int(ledger.meta("horizon") or 0)), seen if until is None else min(until, seen)
    rows = question.each(ledger.slot_rows())
    return recompute(
        ledger.epochs(),
        rows,
        ledger.job_rows(),
        [run.run_id for run in runs],
        seen,
        span,
        retries=retries,
        each=question.each,
    )


def _recorded(ledger: SqliteLedger, config: Config, names: set[str], horizon: Instant | None) -> Recorded:
    # Runs before a loss of the ledger are not recorded. Without schedules the first run shows since when there is one.
    first = (
        min((int(row.claimed_at) for row in ledger.history(limit=-1)), default=0)
        if horizon is None
        else horizon
    )
    return audit_log.recorded(ledger, config, names, max(first, int(ledger.meta(LOST_UNTIL) or 0)))


def _document(found: _Read, until: Instant | None, zone: str) -> dict[str, Any]:
    now, seen = found.ticks.now, found.seen
    whole = until is None or until > seen  # the span ends after the last tick
    last = seen if whole else until
    stopped = whole and found.ticks.state == "stopped"
    return {
        "ok": not found.audit.problems and not stopped,
        "slots": found.audit.slots,
        "horizon": stamp(found.audit.horizon, zone),
        "until": stamp(last, zone) if seen else None,
        "seconds_ago": int(now - seen) if seen and whole and seen <= now else None,
        "ticks": ticks.document(found.ticks, zone),
        "ticks_problem": expected_ticks.problem(found.ticks, zone) if whole else None,
        "problems": [
            {
                "job": problem.job,
                "target": problem.target or None,
                "slot": stamp(problem.slot, zone),
                "problem": problem.problem,
            }
            for problem in found.audit.problems
        ],
    }
