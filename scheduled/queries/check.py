"""`check`: whether the configuration is valid."""

import os
from collections.abc import Iterable, Iterator
from typing import Any

from scheduled.clock import system_zone
from scheduled.config.check import check as check_alone
from scheduled.config.check import checked, unreadable, with_lines
from scheduled.config.config import Config
from scheduled.config.doubts import CRON_PATH
from scheduled.config.kept_zone import ZONE, load_kept
from scheduled.config.lines import located
from scheduled.errors import ConfigError, ForeignStateError, ScheduledError
from scheduled.install import crontab, environment, pam_environment
from scheduled.install.zones import Zones, zone_warnings
from scheduled.instance import Instance
from scheduled.state.open import read_only


def check(instance: Instance) -> dict[str, Any]:
    """Return all errors and warnings about the configuration, with their lines.

    If it cannot be read, the reason is the only error.
    """
    try:
        config = load_kept(instance)
    except ConfigError as error:
        return {"ok": False, "jobs": 0, "problems": [unreadable(instance.config_file, error)], "warnings": []}
    given = environment.of_jobs(instance.config_file, instance.paths.root)
    try:
        found = with_lines(checked(instance.config_file, instance.paths, environment=given))
    except ForeignStateError as error:  # the configuration may be valid, and is meant for another state
        found = with_lines(check_alone(instance.config_file, environment=given))
        return {**found, "warnings": [*found["warnings"], str(error)]}
    warnings = [
        *_of_wake(config, given.get("PATH", CRON_PATH)),
        *_of_zones(instance, config),
        *_of_monitoring(config),
    ]
    return {**found, "warnings": [*found["warnings"], *located(warnings)]}


def _of_wake(config: Config, path: str) -> Iterator[str]:
    """Yield why the alarm of the machine can't be set, if a job wants one."""
    if any(job.wake and job.enabled and job.is_by_time for job in config.jobs.values()):
        from scheduled.engine.rtc import Rtc

        yield from Rtc(config.wake_command).doubts(path)


def _of_monitoring(config: Config) -> Iterator[str]:
    """Yield why the metrics or the journal can't be written, if the configuration wants them."""
    if config.metrics.textfile:
        from scheduled.engine import textfile

        yield from textfile.doubts(str(config.path), config.metrics.textfile)
    if config.log.journald:
        from scheduled.engine import journal

        yield from journal.doubts(str(config.path))


def _of_zones(instance: Instance, config: Config) -> Iterable[str]:
    if not config.of_host:
        return ()
    with read_only(instance.paths) as ledger:
        kept, ticked = ledger.meta(ZONE), ledger.meta("ticking_since") is not None
    pam = pam_environment.variables().get("TZ", "")
    zones = Zones(system=system_zone(), pam=pam, kept=kept, ticked=ticked)
    return zone_warnings(_installed(), zones, os.environ)


def _installed() -> bytes | None:
    """Return the crontab if it has the block of `scheduled`; None otherwise, or if it can't be read."""
    try:
        found = crontab.read()
    except (ScheduledError, OSError):
        return None
    return found if crontab.installed_cadence(found) is not None else None
