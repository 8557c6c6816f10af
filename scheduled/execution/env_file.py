"""Read the file of environment variables of a job (`env_file`)."""

from pathlib import Path

from scheduled.errors import ConfigError, ScheduledError
from scheduled.state.files import RefusedError, read_regular
from scheduled.state.trust import warn_or_refuse

MAX_SIZE = 1 << 20  # bytes


def read_env_file(name: str) -> dict[str, str]:
    """Given the path of a file of NAME=value lines, return its variables.

    Values are quoted as in a shell. `export` and comments are allowed, nothing is expanded. Raise
    ScheduledError if the file can't be read or has an invalid line.
    """
    path = Path(name).expanduser()
    found = {}
    for number, line in enumerate(_lines(path), 1):
        words = _words(path, number, line)
        if words and words[0] == "export":
            words = words[1:]
        if not words:
            continue
        key, equals, value = words[0].partition("=")
        if len(words) != 1 or not equals or not key:
            raise ScheduledError(f"env_file {path}, line {number}: not NAME=value; quote a value with spaces")
        found[key] = value
    return found


def _lines(path: Path) -> list[str]:
    try:
        warn_or_refuse(path)  # its variables (PATH, LD_PRELOAD) decide which code runs
        return read_regular(path, limit=MAX_SIZE).decode().splitlines()
    except RefusedError as error:
        raise ScheduledError(f"env_file {error}") from None
    except (OSError, ValueError, ConfigError) as error:
        raise ScheduledError(f"env_file {path}: {getattr(error, 'strerror', None) or error}") from error


def _words(path: Path, number: int, line: str) -> list[str]:
    try:
        import shlex

        return shlex.split(line, comments=True)
    except ValueError as error:
        raise ScheduledError(f"env_file {path}, line {number}: {error}") from None
