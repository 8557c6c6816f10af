"""The configuration that a query reads; if it cannot be read, what the ledger knows of it."""

from collections.abc import Sequence

from msgspec.structs import replace

from scheduled.clock import local_zone
from scheduled.config.config import Config
from scheduled.config.kept_zone import load_kept
from scheduled.config.last_targets import recall_in
from scheduled.config.tables import NotifyTable
from scheduled.core.configured_jobs import Jobs
from scheduled.core.jobs import Action, ForEach, Job
from scheduled.core.records import JobRow
from scheduled.errors import ConfigError
from scheduled.instance import Instance
from scheduled.schedules.schedule import Schedule
from scheduled.state.open import read_only

UNKNOWN = "not known: the configuration cannot be read"
NOTHING_RUNS = "Nothing runs until the configuration can be read."


def config_of(instance: Instance) -> Config:
    """Return the configuration, or, if it cannot be read, the jobs in the ledger if `instance.without_config` is set.

    Set `instance.config_error` in the second case. Raise ConfigError if the configuration cannot be read otherwise.
    """
    try:
        found = load_kept(instance)
    except ConfigError as error:
        if not instance.without_config:
            raise
        from scheduled.config.check import unreadable  # only for a configuration that can't be read

        instance.config_error = unreadable(instance.config_file, error)
        return _from_ledger(instance)
    recall_in(found, instance.paths)
    return found


def _from_ledger(instance: Instance) -> Config:
    with read_only(instance.paths) as ledger:
        rows = ledger.job_rows()
    zone = next((row.schedules[0].zone for row in rows if row.schedules), local_zone())
    return Config(
        path=instance.config_file,
        timezone=zone,
        workspace=None,
        max_parallel=1,
        max_runs=None,
        max_minutes=None,
        max_sessions=None,
        keep_days=0,
        keep_runs=0,
        notify=NotifyTable(sender=""),
        jobs=_jobs(rows, zone),
        problems=[instance.config_error],
        warnings=[],
        unreadable=True,
    )


def _jobs(rows: Sequence[JobRow], zone: str) -> Jobs:
    """Return the jobs of *rows*, with the targets that have an open epoch."""
    found = Jobs()
    for row in rows:
        job = _job(row, zone)
        former = found.get(row.job)
        if former is None or (job.enabled and not former.enabled):
            found[row.job] = job
    for row in rows:
        if row.target and row.schedules:
            targets = (*found[row.job].targets, row.target)
            found[row.job] = replace(found[row.job], for_each=ForEach(listed=targets), targets=targets)
    return found


def _job(row: JobRow, zone: str) -> Job:
    schedules = row.schedules or (Schedule("manual", zone=zone),)
    action = Action("command", line=UNKNOWN)
    return Job(name=row.job, schedules=schedules, action=action, source=UNKNOWN, enabled=bool(row.schedules))
