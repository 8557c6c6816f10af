"""Which jobs a tick has to plan: only those of which the plan can have changed since a tick planned all of them.

That are the jobs that are due, that have an open slot, a run or a start request. The others have the same plan as before as long
as everything else that plans depend on, the basis, is the same. Most ticks plan few jobs, however many there are.
"""

from collections.abc import Collection
from zlib import crc32

import msgspec

from scheduled.config import changes
from scheduled.config.config import Config
from scheduled.config.kept_zone import ZONE
from scheduled.core.keys import JobKey
from scheduled.engine import gaps
from scheduled.schedules.same_zone import same_zone
from scheduled.schedules.zones import Instant
from scheduled.state.ledger import Ledger, Meta

BASIS = "planned_with"  # in the ledger's meta: the basis with which a tick has planned all jobs; '' after a change by hand

GENERATION = "planned_at_generation"  # in the ledger's meta: that of the last planning; later changes of jobs are by others


def keys(ledger: Ledger, config: Config, now: Instant, also: Collection[JobKey] = ()) -> set[JobKey] | None:
    """Return the jobs and targets that have to be planned at *now*, with *also*; None if all of them have to be."""
    if ledger.meta(BASIS) != _basis(ledger, config, now) or _is_irregular(ledger, config, now):
        return None
    planned_at = int(ledger.meta(GENERATION) or 0)
    found = ledger.keys_to_plan(now + config.jobs.index.longest_delay, planned_at)
    return {*found, *also, *(run.key for run in ledger.open_runs()), *ledger.requested_keys()}


def remember(ledger: Ledger, config: Config, now: Instant) -> None:
    """Record that all jobs are planned, at *now*. Call it in the transaction that planned all, or those of `keys`."""
    ledger.remember(BASIS, _basis(ledger, config, now))
    ledger.remember(GENERATION, str(ledger.generation() + 1))  # that after this transaction


def forget(ledger: Meta) -> None:
    """Make the next tick plan all jobs: a command has changed something. Call it in the transaction of the change."""
    ledger.remember(BASIS, "")


def _basis(ledger: Ledger, config: Config, now: Instant) -> str:
    """Return what plans depend on apart from the state of the jobs: the configuration and what users have decided."""
    decided = {str(key): enabled for key, enabled in ledger.overrides().items()}
    paused = {str(key): until for key, until in ledger.pauses(now).items()}
    limits = [config.max_runs, config.max_event_runs, config.max_sessions]
    basis = [
        config.fingerprint,
        changes.digest(config),
        config.timezone,
        decided,
        paused,
        limits,
        ledger.meta("cadence"),
    ]
    return f"{crc32(msgspec.json.encode(basis)):08x}"


def _is_irregular(ledger: Ledger, config: Config, now: Instant) -> bool:
    """Return whether more than the usual may have changed: the clock, the zone, ticks that are missing, lists, gates or problems."""
    planned, jobs = int(ledger.meta(gaps.PLANNED) or 0), config.jobs.index
    if not now - gaps.tolerated(ledger) <= planned <= now or gaps.recorded(ledger):
        return True
    zone = ledger.meta(ZONE)
    if config.of_host and zone is not None and not same_zone(zone, config.timezone):
        return True  # the schedules in force are still those of the zone before
    rare = jobs.with_changing_targets or jobs.with_gate or jobs.waking
    return bool(config.problems or config.unreadable or rare or jobs.counts_from_end or jobs.delays_starts)
