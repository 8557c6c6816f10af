"""The time zone in which the next tick will be, for a configuration without `timezone`.

A query has the TZ of the user's shell, but the next tick has that of the crontab, or the system's, which may have changed
since the last one. A tick in another zone than the last one changes the schedules that follow the host.
"""

from collections.abc import Mapping

import msgspec

from scheduled import clock
from scheduled.config.config import Config
from scheduled.config.files import load_config
from scheduled.config.kept_zone import SYSTEM_ZONE
from scheduled.core import epochs
from scheduled.core.jobs import Job
from scheduled.core.keys import JobKey
from scheduled.core.runs import JobState
from scheduled.core.zone_changes import zone_changes
from scheduled.engine import heartbeat
from scheduled.install import pam_environment
from scheduled.install.block_lines import BEGIN
from scheduled.install.crontab_list import listed
from scheduled.install.zones import written_in, zone_of_ticks
from scheduled.schedules.same_zone import same_zone
from scheduled.schedules.zones import Instant
from scheduled.state.ledger import Meta


class NextZone(msgspec.Struct, frozen=True, kw_only=True):
    """The *zone* of the next tick, and the one *kept* from the last.

    *doubt* is why the zone of the next tick is only assumed; "" if it is known, or if no schedule follows the host.
    """

    zone: str = "UTC"
    kept: str = "UTC"
    doubt: str = ""

    @property
    def changes(self) -> bool:
        """Whether the next tick is in another zone than the last one."""
        return not same_zone(self.zone, self.kept)


class ZoneChange(msgspec.Struct, frozen=True, kw_only=True):
    """The jobs as they are *before* the zone changes and *after* it, and the *states* of the jobs before it."""

    before: Mapping[str, Job]
    after: Mapping[str, Job]
    states: Mapping[JobKey, JobState]

    def states_at(self, tick: Instant) -> dict[JobKey, JobState]:
        """Return the states of the jobs if the tick that begins at *tick* is the first one in the new zone."""
        return epochs.after(self.states, zone_changes(self.before, self.after, self.states, tick))


def next_zone(ledger: Meta, config: Config) -> NextZone:
    """Return the zone of the next tick; *config* is the configuration in the zone that is kept from the last one."""
    kept = config.timezone
    if not config.of_host:
        return NextZone(zone=kept, kept=kept)
    crontab = listed() if heartbeat.is_installed(ledger) else b""
    if BEGIN in crontab:
        given = "" if written_in(crontab) else pam_environment.variables().get("TZ", "")
        return NextZone(zone=zone_of_ticks(crontab, given, clock.system_zone()), kept=kept)
    return _uninstalled(ledger.meta(SYSTEM_ZONE), clock.system_zone(), kept)


def _uninstalled(before: str | None, system: str, kept: str) -> NextZone:
    """Return the zone of the next tick if it is not known what starts it.

    *before* is the zone of the *system* at the last regular tick, if there was one. Ticks in another zone have a TZ of
    their own; others are taken to follow the system.
    """
    if same_zone(before or kept, system):
        return NextZone(zone=kept, kept=kept)
    if before is None:
        return NextZone(zone=kept, kept=kept, doubt=f"the system is in {system}")
    if same_zone(before, kept):
        return NextZone(zone=system, kept=kept, doubt=f"the last one was in {kept}, as the system then")
    return NextZone(zone=kept, kept=kept)


def in_zone(config: Config, zone: NextZone) -> Config:
    """Return *config* as the next tick reads it. Raise ConfigError if it cannot be read any more."""
    if not zone.changes:
        return config
    found = load_config(config.path, kept_zone=lambda: zone.zone)
    found.give_targets({name: config.jobs[name].targets for name in config.jobs.with_changing_targets})
    return found


def follows_host(config: Config, job: str) -> bool:
    """Return whether the schedules of *job* are in the zone of the host, since the configuration names none for them."""
    if not config.of_host:
        return False
    tables = (config.written.jobs.get(job, {}), config.written.settings.get("defaults", {}))
    return not any("timezone" in table for table in tables)
