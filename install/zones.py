"""The time zones of the user's shell, of the crontab and of the system: which one ticks are in, and warnings about them."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import msgspec

from scheduled.clock import system_zone, zone_named
from scheduled.install.block_lines import BEGIN
from scheduled.install.crontab_lines import named
from scheduled.schedules.same_zone import same_zone

# A variable of a crontab: quotes around name and value, and blanks around the equals sign, are permitted.
_TZ = re.compile(rb"""^[ \t]*(["']?)TZ\1[ \t]*=[ \t]*(["']?)(.*?)\2[ \t]*$""", re.MULTILINE)
# A TZ with a fixed offset, as POSIX writes it: EST5, <+03>-3. The names Etc/GMT+5, Etc/GMT-3 have the same sign.
_FIXED = re.compile(r"(?:<[^<>]+>|[A-Za-z]{3,})([+-]?)0?(\d{1,2})(?::?00)*")
SYSTEMS = ("", "/etc/localtime")  # values of TZ that mean the zone of the system


class Written(NamedTuple):
    """The TZ that a crontab sets: its *value*, and the *number* of its *line*."""

    value: str
    number: int
    line: bytes


def written_in(crontab: bytes) -> Written | None:
    """Return the TZ that *crontab* sets for the block, or for lines at its end if it has no block; None without one."""
    above = crontab.partition(BEGIN)[0]
    found = list(_TZ.finditer(above))
    if not found:
        return None
    number = above.count(b"\n", 0, found[-1].start()) + 1
    return Written(found[-1][3].decode(errors="replace"), number, found[-1][0])


def zone_of_crontab(crontab: bytes) -> str | None:
    """Return the zone of the TZ that `written_in` returns; None if there is none, or if it can't be used."""
    written = written_in(crontab)
    return zone_named(written.value) if written is not None else None


def zone_of_ticks(crontab: bytes, pam: str, system: str) -> str:
    """Return the zone of the ticks that cron starts from *crontab*.

    *pam* is the TZ that PAM gives to the jobs of cron, "" if it gives none. It holds unless the crontab sets TZ. A TZ that
    can't be used means the zone of the *system*.
    """
    written = written_in(crontab)
    return zone_named(pam if written is None else written.value) or system


class Zones(msgspec.Struct, frozen=True, kw_only=True):
    """The zones that decide in which one the ticks are: the *system*'s, and those below if they are known.

    *pam* is the TZ that PAM gives to the jobs of cron, *kept* the zone in the ledger; *ticked*: a regular tick kept it.
    """

    system: str
    pam: str = ""
    kept: str | None = None
    ticked: bool = False


def zone_warnings(crontab: bytes | None, zones: Zones, environment: Mapping[str, str]) -> Iterator[str]:
    """Yield a warning for a TZ that can't be used, and one for each zone that differs from that of the ticks.

    Schedules without `timezone` are in the zone of the ticks. *crontab* is None if it is unknown. *environment* is that of
    the user's shell.
    """
    variable = zone_of_crontab(crontab) if crontab is not None else None
    outside = zone_named(zones.pam) or zones.system
    ticks = variable or (zones.kept if zones.ticked or crontab is None else None)
    if ticks is None and crontab is not None:
        ticks = zone_of_ticks(crontab, zones.pam, zones.system)
    if crontab is not None and (unusable := unusable_zone(crontab, zones.pam, zones.system)):
        yield unusable
    shell = zone_named(environment.get("TZ", ""))
    if variable is not None and not same_zone(variable, outside):
        where = f"PAM gives TZ={outside} to cron" if zone_named(zones.pam) else f"the system is in {outside}"
        yield _message(f"the crontab sets TZ={variable}, and {where}", variable)
    if ticks is not None and shell is not None and not same_zone(shell, ticks):
        yield _message(f"this shell has TZ={shell}, and ticks are in {ticks}", ticks)


def unusable_zone(crontab: bytes, given: str, system: str) -> str | None:
    """Return a warning if the TZ of the ticks is not the name of a zone, with what to write instead; None if it is.

    The TZ is that of *crontab*, or *given* (by PAM, or by another program that starts ticks) if the crontab sets none.
    Ticks then use the zone of the *system*.
    """
    written = written_in(crontab)
    value = given if written is None else written.value
    if value.removeprefix(":") in SYSTEMS or zone_named(value):
        return None
    where = f"TZ={value} in the environment of ticks" if written is None else named(*written[1:])
    place = "there" if written is not None else "instead"
    name = suggested(value, system)
    return (
        f"timezone: {where}: is not the name of a time zone of this system, so schedules without `timezone` follow the"
        f' system, {system}. Write TZ={name} {place}, or timezone = "{name}", or the zone that you mean, in scheduled.toml'
    )


def unusable_here(given: str, crontab: Callable[[], bytes]) -> str | None:
    """Return the warning of `unusable_zone` in a tick with TZ=*given*; *crontab* returns the crontab if it is needed."""
    if given.removeprefix(":") in SYSTEMS or zone_named(given):
        return None
    text = crontab()
    written = written_in(text)
    by_crontab = written is not None and written.value == given
    return unusable_zone(text if by_crontab else b"", given, system_zone())


def suggested(value: str, system: str) -> str:
    """Return the name of a zone to write instead of *value*: the same offset, a similar name, or that of the *system*."""
    value = value.removeprefix(":")
    if fixed := _FIXED.fullmatch(value):
        sign, hours = fixed[1] or "+", int(fixed[2])
        return zone_named(f"Etc/GMT{sign}{hours}" if hours else "UTC") or system
    from difflib import get_close_matches
    from zoneinfo import available_timezones

    names = {name.lower(): name for name in sorted(available_timezones())}
    near = get_close_matches(value.lower(), names, n=1, cutoff=0.8)
    return names[near[0]] if near else system


def _message(difference: str, ticks: str) -> str:
    return (
        f"timezone: {difference}; schedules without `timezone` follow {ticks}."
        f' Write timezone = "{ticks}", or the zone that you mean, in scheduled.toml'
    )
