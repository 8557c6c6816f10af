"""The directories in which `try` runs jobs: private, and removed at its end or, if it was killed, by a later tick or `try`.

Beside each one is a lock, which `try` holds. The supervisor of `try` holds the lock of its result file.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from scheduled.errors import StateError
from scheduled.paths import Paths
from scheduled.state.files import make_directories
from scheduled.state.locks import create_locked, is_held, unless_held

RESULTS = "try"  # as if it was the name of a tick
LOCK = ".lock"


@contextmanager
def opened(paths: Paths) -> Iterator[Paths]:
    """Create a directory for one attempt, and remove it at the end; yield the paths in it.

    It is in the directory of temporary files if the state *paths* can't be written.
    """
    try:
        place, lock = _create(paths)
    except (OSError, StateError):
        with tempfile.TemporaryDirectory(prefix="scheduled-try-") as scratch:
            yield Paths(Path(scratch))
        return
    try:
        with suppress(OSError):
            os.utime(
                paths.spool
            )  # the next tick is not idle: it removes the directory if this process is killed
        yield Paths(place)
    finally:
        _remove(place)
        os.close(lock)


def remove_left(paths: Paths) -> None:
    """Remove the directories of processes that were killed. Raise OSError or StateError if one can't be removed."""
    for name in os.listdir(paths.trials) if paths.has_trials() else ():
        if name.endswith(LOCK):
            with unless_held(paths.trials / name) as free:
                place = (paths.trials / name).with_suffix("")
                if free and not is_held(Paths(place).results_of(RESULTS)):
                    _remove(place)


def _create(paths: Paths) -> tuple[Path, int]:
    make_directories(paths.trials)
    place = paths.trials / f"{os.getpid()}-{os.urandom(4).hex()}"
    lock = create_locked(_lock_of(place))
    try:
        place.mkdir(mode=0o700)
    except BaseException:
        _lock_of(place).unlink(missing_ok=True)
        os.close(lock)
        raise
    return place, lock


def _remove(place: Path) -> None:
    with suppress(FileNotFoundError):
        shutil.rmtree(place)
    _lock_of(place).unlink(missing_ok=True)


def _lock_of(place: Path) -> Path:
    return place.with_name(place.name + LOCK)
