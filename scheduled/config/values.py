"""Parse single values of a job table. Every function raises ConfigError with the key for a wrong value."""

import re
from collections.abc import Iterable

from scheduled.clock import zone_exists
from scheduled.errors import ConfigError
from scheduled.schedules.durations import read_seconds
from scheduled.schedules.schedule import ScheduleError

EVENT = re.compile(r"[A-Za-z]\w{0,99}")
RECIPIENT = re.compile(r"[A-Za-z][\w.-]{0,63}|@[\w.-]{1,100}")
SERVER = re.compile(r"https?://[^/?#]+(/[^#]*)?(\?[^#]*)?\Z")
SIZES = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
LONGEST_KILL_AFTER = 3600
LEAST_NICE, MOST_NICE = -20, 19


def known_zone(zone: str) -> str:
    """Return *zone* if it is the name of a time zone that this system has."""
    if not zone_exists(zone):
        raise ConfigError(f"timezone: no such time zone: {zone!r}; write a name such as Europe/Berlin")
    return zone


def count(key: str, value: int | None) -> int | None:
    """Return *value* if it is None or at least 1."""
    if value is not None and not 0 < value < 1 << 31:
        raise ConfigError(f"{key}: must be from 1 to {(1 << 31) - 1}, got {value}")
    return value


def seconds(key: str, value: int | str, least: int = 1) -> int:
    """Return a duration, given in seconds or as text such as 30m, 6h or 7d, in seconds; it must be at least *least*."""
    try:
        return read_seconds(value, least)
    except ScheduleError as error:
        raise ConfigError(f"{key}: {error}") from None


def kill_after(value: int | str) -> int:
    """Return the seconds from SIGTERM to SIGKILL; 0 means SIGKILL at once. A tick that is stopped waits as long."""
    at_once = isinstance(value, str) and value.strip() in ("0", "0s")
    found = 0 if at_once else seconds("kill_after", value, least=0)
    if found > LONGEST_KILL_AFTER:
        raise ConfigError(f"kill_after: must be from 0 (KILL at once) to 1h, got {value}")
    return found


def size(key: str, value: int | str) -> int:
    """Return a size, given in bytes or as text such as 512M, in bytes."""
    match = re.fullmatch(r"(\d{1,12})\s*([kmg]?)(?:i?b)?", str(value).strip().lower())
    if match is None:
        raise ConfigError(f'{key}: {value!r} is not a size; write for example "512M"')
    return int(match[1]) * SIZES[match[2]]


def umask(value: int | str | None) -> int | None:
    """Return the umask of a job's processes, given as an octal string, or None."""
    if value is None:
        return None
    # 022 is not valid TOML, and 22 is decimal: a number would not be the umask that the user means.
    if not isinstance(value, str) or not re.fullmatch(r"[0-7]{3,4}", value):
        raise ConfigError(f'umask: must be an octal string, got {value!r}; write for example "022"')
    return int(value, 8)


def nice(value: int | None) -> int | None:
    """Return the niceness of a job's processes, or None."""
    if value is not None and not LEAST_NICE <= value <= MOST_NICE:
        raise ConfigError(f"nice: must be from {LEAST_NICE} to {MOST_NICE}, got {value}")
    return value


def ionice(value: int | str | None) -> str:
    """Return the options for the program ionice: the idle class or a best-effort level; '' for None."""
    if value is None:
        return ""
    if value == "idle":
        return "-c3"
    if not re.fullmatch(r"[0-7]", str(value)):
        raise ConfigError(
            f'ionice: must be "idle", or a level from 0 (highest priority) to 7 (lowest), got {value!r}'
        )
    return f"-c2 -n{value}"


def environment_value(key: str, value: str | float) -> str:
    """Return the value of the environment variable *key* as text; booleans are "true" and "false"."""
    if not key or "=" in key or "\0" in key or "\0" in str(value):
        raise ConfigError(
            f"env: {key!r} is not a valid variable; write a name that is not empty and has no =, "
            "and no NUL character in name or value"
        )
    return str(value).lower() if isinstance(value, bool) else str(value)


def secret_source(name: str, source: str) -> str:
    """Return the *source* of the secret in the variable *name*. A wrong one is not shown: it may be the secret itself."""
    from scheduled.core.secret_sources import NAME, read_source  # most jobs have no secrets

    if not NAME.fullmatch(name):
        raise ConfigError(f"secrets: {name!r} is not a valid variable; write letters, digits and _")
    if name.startswith("SCHEDULED_"):
        raise ConfigError(f"secrets.{name}: `scheduled` sets variables with such names itself; write another")
    if read_source(source) is None:
        raise ConfigError(
            f'secrets.{name}: must be where the secret comes from: "file:PATH", "command:LINE" or "credential:NAME"'
        )
    return source


def recipients(key: str, names: Iterable[str]) -> tuple[str, ...]:
    """Return the recipients of notices: names of channels, and mail addresses of branches such as @flow."""
    for name in names:
        if not RECIPIENT.fullmatch(name):
            raise ConfigError(
                f"{key}: {name!r} is neither the name of a channel nor an address; write for example "
                '"ops", "memory" or "@flow"'
            )
    return tuple(dict.fromkeys(names))


def monitor(key: str, value: str | None) -> str:
    """Return the address of a monitor, or its source; '' for None. A wrong one is not shown: it may be a secret."""
    if value is None:
        return ""
    from scheduled.core.secret_sources import read_source  # most jobs have no monitor

    plain = value.isprintable() and " " not in value and value.isascii()
    if read_source(value) is None and not (plain and SERVER.match(value)):
        raise ConfigError(
            f"{key}: must be an address that begins with https:// or http://, without blanks and without a fragment (#); "
            'or where it comes from: "file:PATH", "command:LINE" or "credential:NAME"'
        )
    return value


def absolute(key: str, value: str | None) -> str | None:
    """Return the path of a file, which must not depend on the directory of the process that uses it."""
    if value is not None and (not value.startswith(("/", "~/")) or "\0" in value):
        raise ConfigError(f"{key}: must be an absolute path, or begin with ~/, got {value!r}")
    return value


def codes(raw: list[int]) -> tuple[int, ...]:
    """Return the exit codes that count as success."""
    if not raw or not all(0 <= code <= 255 for code in raw):  # noqa: PLR2004 - exit codes
        raise ConfigError(
            f"success_codes: must be a list of exit codes from 0 to 255, got {raw!r}; write for example [0]"
        )
    return tuple(raw)


def event_name(raw: str | None) -> str:
    """Return the name of the event that starts a job; '' for None."""
    if raw is not None and not EVENT.fullmatch(raw):
        raise ConfigError(
            f"on: {raw!r} is not the name of an event; write letters, digits and _, for example job_failed"
        )
    return raw or ""
