"""When an edit takes effect, and how the schedules follow the zone of the host.

Functions that write are called inside an exclusive transaction of the caller.
"""

from collections.abc import Callable, Collection, Mapping

from scheduled import clock
from scheduled.config.config import Config
from scheduled.config.edited_at import edited_at
from scheduled.config.kept_zone import SYSTEM_ZONE, ZONE
from scheduled.core import epochs
from scheduled.core.configured_jobs import Jobs
from scheduled.core.epochs import EpochChange
from scheduled.core.keys import JobKey
from scheduled.core.runs import JobState
from scheduled.core.zone_changes import zone_changes
from scheduled.engine.gaps import last_planned
from scheduled.schedules.same_zone import same_zone
from scheduled.schedules.zones import Instant
from scheduled.state.ledger import Ledger, Meta

READ_AT = (
    "configuration_read_at"  # in the ledger's meta: when the configuration was last read, in UTC seconds
)


def changes(
    ledger: Ledger, config: Config, now: Instant, made_now: Collection[str] = ()
) -> list[EpochChange]:
    """Return the changes of epochs that *config* needs, in order: edits, then a new zone of the host.

    The edits of the jobs *made_now* are made at *now*, the others when their files were changed.
    """
    kept = ledger.meta(ZONE)
    if not config.of_host or kept is None or same_zone(kept, config.timezone):
        return _edits(ledger, config, now, made_now)
    # Of two differences, an edit and a new zone, only the first one drops open slots.
    from scheduled.config.files import load_config  # slow to import, and rarely needed

    earlier = load_config(config.path, kept_zone=lambda: kept)
    earlier.override(ledger.overrides())
    earlier.give_targets({name: config.jobs[name].targets for name in config.jobs.with_changing_targets})
    edits = _edits(ledger, earlier, now, made_now)
    job_states = epochs.after(ledger.job_states(), edits)
    return [*edits, *zone_changes(earlier.jobs, config.jobs, job_states, now)]


def _edits(ledger: Ledger, config: Config, now: Instant, made_now: Collection[str]) -> list[EpochChange]:
    job_states = ledger.job_states()
    ended = ledger.ended_epochs() if epochs.lacks_epochs(config.jobs, job_states) else {}
    # A missing job may be defined in a configuration file that can't be read now.
    unknown = bool(config.problems)
    moment_of = _moments(config, last_read(ledger, now), now, made_now)
    if config.jobs.with_changing_targets:
        moment_of = _of_targets(config.jobs, job_states, last_planned(ledger, now), now, moment_of)
    return epochs.epoch_changes(config.jobs, job_states, unknown, now, ended, moment_of)


def _moments(
    config: Config, last: float | None, now: Instant, made_now: Collection[str]
) -> Callable[[JobKey], Instant]:
    """Return a function that returns when the edit of a job was made: not before *last*, and not after *now*."""

    def moment_of(key: JobKey) -> Instant:
        moment = None if last is None or key.job in made_now else edited_at(config, key.job, now, last)
        return now if moment is None else min(now, int(moment))

    return moment_of


def _of_targets(
    jobs: Jobs,
    job_states: Mapping[JobKey, JobState],
    planned: Instant,
    now: Instant,
    moment_of: Callable[[JobKey], Instant],
) -> Callable[[JobKey], Instant]:
    """Return *moment_of*, which also knows when a target begins or ends that is new or gone in a list that changes by itself."""
    from scheduled.core import targets  # most configurations have no such list

    others: dict[str, list[JobState]] = {}
    for key, job_state in job_states.items():
        if key.target:
            others.setdefault(key.job, []).append(job_state)

    def begins(key: JobKey) -> Instant:
        job, moment = jobs.get(key.job), None
        if job is not None and key not in job_states:
            moment = targets.beginning(job, others.get(key.job, ()), planned, now)
        elif job is not None and targets.is_gone(job, key.target):
            moment = planned or None  # slots since then are no slots of a target that is gone
        return moment_of(key) if moment is None else moment

    return begins


def last_read(ledger: Meta, now: Instant) -> float | None:
    """Return when the configuration was last read; None if it never was, or if the clock has gone back since."""
    last = float(ledger.meta(READ_AT) or 0)
    return last if 0 < int(last) <= now else None


def is_outdated(ledger: Meta, config: Config, now: Instant) -> bool:
    """Return whether a newer configuration than *config*, or the same in a newer zone, is in force already."""
    last, kept = last_read(ledger, now), ledger.meta(ZONE)
    if last is not None and config.read_at < last:
        return True
    return config.kept and config.of_host and kept is not None and not same_zone(kept, config.timezone)


def remember(ledger: Meta, config: Config) -> None:
    """Record that *config* is in force, with its zone if that is the host's, and the system's in a regular tick."""
    ledger.remember(READ_AT, str(config.read_at))
    kept = ledger.meta(ZONE)
    if config.of_host and (kept is None or not same_zone(kept, config.timezone)):
        ledger.remember(ZONE, config.timezone)
    if config.of_host and not config.kept:
        ledger.remember(SYSTEM_ZONE, clock.system_zone())


def zone_remark(before: str | None, after: str | None) -> str | None:
    """Return a line for the log if the kept zone changed from *before* to *after*, else None."""
    if before is None or after is None or before == after:
        return None
    return (
        f"the time zone of the host changed from {before} to {after}: schedules without `timezone` follow it from now on;"
        " slots up to now keep the old zone"
    )
