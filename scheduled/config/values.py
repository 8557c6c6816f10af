"""Single values of a job's table -> what they mean; every fault is raised as a ConfigError with its key."""

import re

from scheduled.clock import zone_exists
from scheduled.errors import ConfigError
from scheduled.schedules.durations import read_seconds
from scheduled.schedules.schedule import ScheduleError

EVENT = re.compile(r"[A-Za-z]\w{0,99}")
SIZES = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
LEAST_NICE, MOST_NICE = -20, 19


def known_zone(zone: str) -> str:
    """Return *zone* if this system knows it."""
    if not zone_exists(zone):
        raise ConfigError(f"timezone: no such time zone: {zone!r} (write a name such as Europe/Berlin)")
    return zone


def count(key: str, value: int | None) -> int | None:
    """Return a number of things, at least 1."""
    if value is not None and not 0 < value < 1 << 31:
        raise ConfigError(f"{key}: must be a positive count, got {value}")
    return value


def seconds(key: str, value: int | str, least: int = 1) -> int:
    """Return a duration, written in seconds or as 30m, 6h, 7d, in seconds."""
    try:
        return read_seconds(value, least)
    except ScheduleError as error:
        raise ConfigError(f"{key}: {error}") from None


def size(key: str, value: int | str) -> int:
    """Return a size, written in bytes or as 512M, in bytes."""
    match = re.fullmatch(r"(\d{1,12})\s*([kmg]?)(?:i?b)?", str(value).strip().lower())
    if match is None:
        raise ConfigError(f'{key}: not a size: {value!r} (write "512M")')
    return int(match[1]) * SIZES[match[2]]


def umask(value: int | str | None) -> int | None:
    """Return the bits that new files are not given."""
    if value is None:
        return None
    # A TOML number 022 is not valid TOML, and 22 would be read as decimal: only a string says what is meant.
    if not isinstance(value, str) or not re.fullmatch(r"[0-7]{3,4}", value):
        raise ConfigError(f'umask: write it as an octal string such as "022", got {value!r}')
    return int(value, 8)


def nice(value: int | None) -> int | None:
    """Return by how much a job gives way to others."""
    if value is not None and not LEAST_NICE <= value <= MOST_NICE:
        raise ConfigError(f"nice: is between -20 and 19, got {value}")
    return value


def ionice(value: int | str | None) -> str:
    """Return the options for the program ionice: the idle class, or a level of the best-effort class."""
    if value is None:
        return ""
    if value == "idle":
        return "-c3"
    if not re.fullmatch(r"[0-7]", str(value)):
        raise ConfigError(f'ionice: is "idle", or a level from 0 (first) to 7 (last), got {value!r}')
    return f"-c2 -n{value}"


def environment_value(key: str, value: str | float) -> str:
    """Return the value of the variable *key* as its process is given it."""
    if not key or "=" in key or "\0" in key or "\0" in str(value):
        raise ConfigError(f"env: not a variable that a process can be given: {key!r}")
    return str(value).lower() if isinstance(value, bool) else str(value)


def codes(raw: list[int]) -> tuple[int, ...]:
    """Return the exit codes that count as success."""
    if not raw or not all(0 <= code <= 255 for code in raw):  # noqa: PLR2004 - exit codes
        raise ConfigError(f"success_codes: is a list of exit codes from 0 to 255, got {raw!r}")
    return tuple(raw)


def event_name(raw: str | None) -> str:
    """Return the name of the event that starts a job; '' for none."""
    if raw is not None and not EVENT.fullmatch(raw):
        raise ConfigError(f"on: not an event's name: {raw!r} (letters, digits and _, such as job_failed)")
    return raw or ""
