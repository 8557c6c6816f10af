"""A lost ledger, and what the snapshot has of it."""

from scheduled.paths import Paths
from scheduled.state import essentials, last_error, snapshot
from scheduled.state.sqlite.ledger import SqliteLedger, closed_on_error


def fill(ledger: SqliteLedger, paths: Paths) -> list[str]:
    """Copy positions, overrides, pauses and mutes from the snapshot into the empty *ledger*; return their names, if any."""
    jobs, overrides = essentials.of_jobs(paths.snapshot), essentials.saved_overrides(paths.snapshot)
    for job in jobs:
        if job.schedules:
            ledger.begin_epoch(job.key, job.schedules, job.position)
            ledger.succeeded(job.key, job.window_start)
    for key, enabled in overrides.enabled.items():
        ledger.override(key, enabled)
    for key, until in overrides.paused.items():
        ledger.pause(key, until)
    for key, until in overrides.muted.items():
        ledger.mute(key, until)
    if error := last_error.restored(snapshot.current(paths.snapshot) or {}):
        ledger.remember(last_error.META, error)
    restored = []
    if jobs:
        restored.append("the position of 1 job" if len(jobs) == 1 else f"the positions of {len(jobs)} jobs")
    if overrides.enabled or overrides.paused or overrides.muted:
        restored.append("the overrides, pauses and mutes")
    return restored


def foreseen(paths: Paths) -> SqliteLedger:
    """Return, in memory, the ledger that the next tick creates. If it restores a lost one, note that in `paths.lost`."""
    snapshot.read_known(paths.snapshot)
    ledger = SqliteLedger.nothing()
    with closed_on_error(ledger):
        found = fill(ledger, paths)
    if found:
        paths.lost = lost(paths, found)
    return ledger


def lost(paths: Paths, found: list[str]) -> str:
    """Return the message that the ledger is lost, and that the snapshot still has *found*."""
    return (
        f"{paths.ledger}: is lost, with all runs; the next tick restores {' and '.join(found)} from "
        f"{paths.snapshot.name}; `scheduled run` runs one now"
    )
