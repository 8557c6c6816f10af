"""The time zones of the user's shell, of the crontab and of the system, and warnings if they disagree."""

import re
from collections.abc import Iterator, Mapping

import msgspec

from scheduled.clock import zone_exists
from scheduled.install.block import BEGIN
from scheduled.schedules.same_zone import same_zone

# A variable of a crontab: quotes around name and value, and blanks around the equals sign, are permitted.
_TZ = re.compile(rb"""^[ \t]*(["']?)TZ\1[ \t]*=[ \t]*(["']?)(.*?)\2[ \t]*$""", re.MULTILINE)


def zone_of_crontab(crontab: bytes) -> str | None:
    """Return the TZ that *crontab* sets for the block, or for lines at its end if it has no block; None without one."""
    above = crontab.partition(BEGIN)[0]
    found = [match[3] for match in _TZ.finditer(above)]
    return _known(found[-1].decode(errors="replace")) if found else None


class Zones(msgspec.Struct, frozen=True, kw_only=True):
    """The zones that decide in which one the ticks are: the *system*'s, and those below if they are known.

    *pam* is the TZ that PAM gives to the jobs of cron, *kept* the zone in the ledger; *ticked*: a regular tick kept it.
    """

    system: str
    pam: str = ""
    kept: str | None = None
    ticked: bool = False


def zone_warnings(crontab: bytes | None, zones: Zones, environment: Mapping[str, str]) -> Iterator[str]:
    """Yield a warning for each zone that differs from that of the ticks, in which schedules without `timezone` are.

    *crontab* is None if it is unknown. *environment* is that of the user's shell.
    """
    variable = zone_of_crontab(crontab) if crontab is not None else None
    outside = _known(zones.pam) or zones.system
    ticks = variable or (zones.kept if zones.ticked or crontab is None else None)
    if ticks is None and crontab is not None:
        ticks = outside
    shell = _known(environment.get("TZ", ""))
    if variable is not None and not same_zone(variable, outside):
        where = f"PAM gives TZ={outside} to cron" if _known(zones.pam) else f"the system is in {outside}"
        yield _message(f"the crontab sets TZ={variable}, and {where}", variable)
    if ticks is not None and shell is not None and not same_zone(shell, ticks):
        yield _message(f"this shell has TZ={shell}, and ticks are in {ticks}", ticks)


def _message(difference: str, ticks: str) -> str:
    return (
        f"timezone: {difference}; schedules without `timezone` follow {ticks}."
        f' Write timezone = "{ticks}", or the zone that you mean, in scheduled.toml'
    )


def _known(zone: str) -> str | None:
    name = zone.removeprefix(":")
    return name if name and zone_exists(name) else None
