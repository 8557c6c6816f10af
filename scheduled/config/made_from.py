"""What a configuration was made from: its files, and all that decides how they are parsed."""

import os
import sys
import zoneinfo
from collections.abc import Iterator
from pathlib import Path

from scheduled import idle
from scheduled.config.config import Config
from scheduled.errors import ConfigError

# A file may change twice within the resolution of its times: that of the kernel, or a second or two on old file systems.
FINE, COARSE = 0.05, 2.0  # seconds
PACKAGE = os.path.dirname(os.path.dirname(__file__))
# Of the package, and the directory of all packages. A directory changes with its files if they are replaced, not if they are edited.
PARTS = (
    "..",
    "",
    "actions",
    "config",
    "core",
    "schedules",
    "config/job_table.py",
    "core/jobs.py",
    "schedules/schedule.py",
)
ZONES = ("", "America", "Asia", "Europe")  # directories with zones, which a new version of the rules replaces


def made_with(path: Path) -> int:
    """Return a number that changes if files that did not change may be parsed in another way, or be refused.

    That is another user, another version of this program or of Python, other packages, or other rules of time zones.
    """
    places = [
        *(f"{PACKAGE}/{part}" for part in PARTS),
        *(f"{place}/{part}" for place in zoneinfo.TZPATH for part in ZONES),
    ]
    rights = idle.rights(os.fsencode(path.parent / "jobs.d"))
    return hash((rights, os.geteuid(), os.getegid(), sys.hexversion, *map(_changed_at, places)))


def _changed_at(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


def number_of(file: str) -> int:
    """Return a number that changes if *file* changes."""
    return idle.fingerprint(os.fsencode(file))


def numbers(path: Path) -> list[tuple[str, int]]:
    """Return the files of the configuration *path*, each with its number. Raise ConfigError if they can't be listed."""
    return [(str(file), number_of(str(file))) for file in _files(path)]


def is_settled(config: Config) -> bool:
    """Return whether the files of *config* were not changed shortly before they were read, or after that."""
    try:
        return all(_settled_at(place) < config.read_at for place in _places(config.path))
    except (OSError, ConfigError):
        return False


def _settled_at(path: Path) -> float:
    changed = os.stat(path).st_ctime
    return changed + (FINE if changed % 1 else COARSE)


def _places(path: Path) -> Iterator[Path]:
    if (path.parent / "jobs.d").exists():
        yield path.parent / "jobs.d"
    yield from _files(path)


def _files(path: Path) -> Iterator[Path]:
    from scheduled.config.toml_files import job_files

    yield path
    yield from job_files(path)
