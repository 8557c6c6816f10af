"""When notices are made: `remind_every`, `quiet` and `digest` of [notify]."""

import re

from scheduled.config.tables import NotifyTable
from scheduled.config.values import seconds
from scheduled.core.holds import quiet
from scheduled.core.jobs import Window
from scheduled.errors import ConfigError
from scheduled.schedules.schedule import ScheduleError
from scheduled.schedules.windows import read_window
from scheduled.schedules.zones import Instant, Seconds

TIME = re.compile(r"([01]?\d|2[0-3]):[0-5]\d")


def check_times(found: NotifyTable) -> None:
    """Raise ConfigError, with the key and what to write, if a value is wrong."""
    seconds("notify.remind_every", found.remind_every)
    _window(found)
    if found.digest is not None and not TIME.fullmatch(found.digest):
        raise ConfigError(
            f'notify.digest: must be a time of day, got {found.digest!r}; write for example "08:00"'
        )


def notice_times(found: NotifyTable, zone: str, now: Instant) -> tuple[Seconds, Instant | None]:
    """Return how long after a notice the next one reminds, and until when only critical ones are made; None: all are.

    The quiet window is in the local time of *zone*.
    """
    window = _window(found)
    until = None if window is None else quiet(window, zone, now)
    return seconds("notify.remind_every", found.remind_every), until


def _window(found: NotifyTable) -> Window | None:
    try:
        times = read_window("notify.quiet", found.quiet)
    except ScheduleError as error:
        raise ConfigError(str(error).replace(", or enabled = false for no runs", "")) from None
    return None if times is None else Window(*times)
