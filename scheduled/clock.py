"""Read the current time, the time zone and the boot id from the system."""

import os
import time
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


def now() -> float:
    """Return the current instant in UTC seconds."""
    return time.time()


@lru_cache
def zone_exists(zone: str) -> bool:
    """Return whether *zone* is the name of a time zone that this system has."""
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def zone_named(text: str) -> str | None:
    """Return the IANA name of the zone that *text*, a value of TZ, names; None if it is empty or names none of this system."""
    name = text.removeprefix(":")
    if name.startswith("/"):
        name = os.path.realpath(name).partition("/zoneinfo/")[2]
    return name if name and zone_exists(name) else None


def local_zone() -> str:
    """Return the IANA name of the zone of this process: TZ, otherwise that of the system."""
    return zone_named(os.environ.get("TZ", "")) or system_zone()


def system_zone() -> str:
    """Return the IANA name of the system's zone: /etc/localtime, else /etc/timezone, else UTC."""
    for name in (_linked_zone(), _written_zone()):
        if name and zone_exists(name):
            return name
    return "UTC"


def _linked_zone() -> str:
    return os.path.realpath("/etc/localtime").partition("/zoneinfo/")[2]


def _written_zone() -> str:
    try:
        return Path("/etc/timezone").read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""


def local(instant: float, zone: str) -> datetime:
    """Given UTC seconds and an IANA zone, return the aware local time."""
    return datetime.fromtimestamp(instant, UTC).astimezone(ZoneInfo(zone))


def uptime() -> float:
    """Return how many seconds ago the machine was booted, including the time in which it was suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def boot_id() -> str:
    """Return the id of the current boot, which differs for each boot; '' if the system has none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def stamp(instant: float | None, zone: str) -> str | None:
    """Return an instant (UTC seconds) in *zone* as ISO 8601 text with offset; None for None."""
    return None if instant is None else local(instant, zone).isoformat()


def minute(instant: float | None, zone: str) -> str:
    """Return an instant (UTC seconds) in *zone* as a person writes it, `2026-03-04 05:00`; an empty text for None."""
    return of_stamp(stamp(instant, zone))


def of_stamp(text: str | None) -> str:
    """Return the minute of a stamp as `minute` does."""
    return "" if text is None else text[:16].replace("T", " ")
