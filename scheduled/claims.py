"""From the configuration and the ledger to claimed runs: all inside the tick's one exclusive transaction."""

from collections.abc import Collection, Sequence

import msgspec

from scheduled import planner
from scheduled.config import Config
from scheduled.house import House
from scheduled.jobs import Instant, Span
from scheduled.planner import EpochChange, Plan, Start
from scheduled.state.ledger import Holder, Ledger
from scheduled.state.locks import create_locked


class Claimed(msgspec.Struct, kw_only=True):
    """What a tick may start now. *outcomes* is its locked outcome file, None if there is nothing to start."""

    starts: list[Start] = []
    busy: list[str] = []
    outcomes: int | None = None
    totals: dict[str, dict[str, int]] = {}


def register(ledger: Ledger, config: Config, now: Instant) -> None:
    """Begin and end epochs where the configuration differs from what is in force."""
    # With a file that can't be read, a job that is not seen may merely stand in it.
    unknown = bool(config.problems)
    for change in planner.epoch_changes(config.jobs, ledger.standings(), unknown, now):
        _write(ledger, change, now)


def _write(ledger: Ledger, change: EpochChange, now: Instant) -> None:
    run = change.abandoned
    if run is not None and run.slot is not None:
        ledger.decide(change.job, Span(run.slot, run.slot, 1), "skipped", "edited", run.run_id, now)
        ledger.close_run(run.run_id, "skipped", "edited")
    if change.skipped is not None:
        ledger.decide(change.job, change.skipped, "skipped", "edited", None, now)
    if change.ends:
        ledger.advance(change.job, change.boundary)
        ledger.end_epoch(change.job, change.boundary)
        ledger.wait(change.job, None, None)
    if change.begins is not None:
        ledger.begin_epoch(change.job, change.begins, change.boundary)


def plan(ledger: Ledger, config: Config, now: Instant, only: Collection[str] | None = None) -> Plan:
    """Plan all jobs and note in the ledger why each waits and when it is due next."""
    found = planner.plan(config.jobs, ledger.standings(), now, only)
    for name, job in found.jobs.items():
        ledger.wait(name, job.waits, job.next_due)
    return found


def claim(
    ledger: Ledger,
    house: House,
    holder: Holder,
    now: float,
    *,
    only: Collection[str] | None = None,
    manual: Sequence[str] = (),
) -> Claimed:
    """Plan and take for *holder* what can start now."""
    wanted = plan(ledger, house.config, int(now), () if manual else only).starts
    running = {run.job for run in ledger.open_runs() if run.status != "waiting_retry"}
    groups = planner.busy_groups(house.config.jobs, running)
    busy = [name for name in manual if name in running or house.config.jobs[name].group in groups]
    wanted += [_manual(ledger, house, name, holder) for name in manual if name not in busy]
    claimed = Claimed(busy=busy)
    if wanted:
        # Locked before the claims can be seen: whoever reads them finds their tick alive.
        claimed.outcomes = create_locked(house.paths.outcomes_of(holder.tick))
        claimed.starts = [start for start in wanted if _take(ledger, start, holder, now)]
        claimed.totals = ledger.totals()
    return claimed


def _manual(ledger: Ledger, house: House, name: str, holder: Holder) -> Start:
    standing = ledger.standings().get(name)  # None for a disabled job, which may still be run by hand
    window_start = standing.window_start if standing else None
    return planner.manual_start(house.config.jobs[name], window_start, f"{name}-manual-{holder.tick}")


def _take(ledger: Ledger, start: Start, holder: Holder, now: float) -> bool:
    if start.again:
        return ledger.reclaim(start.claim, holder, now)
    if not ledger.claim(start.claim, holder, now):
        return False
    job, run_id = start.claim.job, start.claim.run_id
    old = start.superseded
    if old is not None and old.slot is not None:
        ledger.decide(job, Span(old.slot, old.slot, 1), "coalesced", "", run_id, int(now))
        ledger.close_run(old.run_id, "skipped", f"superseded by {run_id}")
        ledger.advance(job, old.slot)
    for span in start.coalesced:
        ledger.decide(job, span, "coalesced", "", run_id, int(now))
        ledger.advance(job, span.last)
    return True
