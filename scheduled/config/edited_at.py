"""When the configuration was edited by hand: the times of its files."""

import os
from pathlib import Path

from scheduled.config.config import Config
from scheduled.errors import ConfigError
from scheduled.schedules.zones import Instant


def edited_at(config: Config, job: str, now: Instant, after: float) -> float | None:
    """Return when *job* was edited last: after the instant *after* and not after *now* (UTC seconds), if that is known.

    That is when the job's file was changed; otherwise, because of its `timezone` and [defaults], when scheduled.toml was.
    A job that is gone was edited when any of the files was changed last. Return *after* if no file has changed since,
    None if the times of the files are unreadable or later than *now*.
    """
    if job in config.jobs:
        times = [changed_at(path, now) for path in (Path(config.jobs[job].source), config.path)]
        found = next((time for time in times if time is not None and time > after), None)
    else:
        times = [changed_at(path, now) for path in _all(config.path)]
        found = max((time for time in times if time is not None), default=None)
    if all(time is None for time in times):
        return None
    return after if found is None else max(found, after)


def changed_at(path: Path, now: Instant) -> float | None:
    """Return the later of mtime and ctime of a file or of a symbolic link to it; a time later than *now* is ignored.

    Return None if there is no such time.
    """
    times: list[float] = []
    for follow in (True, False):
        try:
            found = os.stat(path, follow_symlinks=follow)
        except OSError:
            continue
        times += (found.st_mtime, found.st_ctime)
    return max((time for time in times if int(time) <= now), default=None)


def _all(config_file: Path) -> list[Path]:
    from scheduled.config.toml_files import job_files  # slow to import, and rarely needed

    try:
        return [config_file, config_file.parent / "jobs.d", *job_files(config_file)]
    except ConfigError:
        return [config_file]
