"""Parse instants given on the command line. A time without a zone is local time of the configured zone."""

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from scheduled.clock import local
from scheduled.errors import ConfigError
from scheduled.schedules.durations import parse_interval
from scheduled.schedules.schedule import ScheduleError
from scheduled.schedules.zones import FIRST_YEAR, LAST_YEAR, Instant, start_of

TIME_OF_DAY = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
EXAMPLE = "2026-01-31T04:00"
INTERVAL = re.compile(r"\+?\s*\d+\s*[smhd]", re.IGNORECASE)


def read(text: str, zone: str) -> Instant:
    """Return the instant of an ISO date, or date and time. Raise ConfigError if it is invalid."""
    return _read(text, zone, f"not an ISO date and time: {text!r}; write for example {EXAMPLE}")


def _read(text: str, zone: str, error: str) -> Instant:
    try:
        found = datetime.fromisoformat(text)
        instant = int((found if found.tzinfo else found.replace(tzinfo=ZoneInfo(zone))).timestamp())
    except (ValueError, OverflowError):
        raise ConfigError(error) from None
    return _within(instant, text)


def _within(instant: Instant, text: str) -> Instant:
    """Return *instant*. Raise ConfigError if it is outside the years that are supported in every zone."""
    if not start_of(FIRST_YEAR) <= instant < start_of(LAST_YEAR + 1):
        raise ConfigError(f"{text} is out of range")
    return instant


def ahead(text: str, zone: str, now: float) -> Instant:
    """Return the future instant of +2h or 2h, 18:30, or an ISO date and time: the value of `until`.

    Raise ConfigError if it is invalid or not in the future.
    """
    clock = TIME_OF_DAY.fullmatch(text)
    if clock is not None:
        found = _next_time_of_day(int(clock[1]), int(clock[2]), zone, now)
    elif INTERVAL.match(text):
        found = _within(int(now) + _interval(text.removeprefix("+")), text)
    else:
        found = _read(text, zone, f"until: {text!r} is not a time; write for example 18:30, +2h or {EXAMPLE}")
    if found <= now:
        raise ConfigError(f"until: {text} is in the past")
    return found


def _next_time_of_day(hour: int, minute: int, zone: str, now: float) -> Instant:
    here = local(now, zone)
    today = here.replace(hour=hour, minute=minute, second=0, microsecond=0, fold=0)
    return int((today if today > here else today + timedelta(days=1)).timestamp())


def ago(text: str, zone: str, now: float) -> Instant:
    """Return the instant of 2h or 7d (before *now*), or of an ISO date and time: the value of `since`.

    Raise ConfigError if it is invalid.
    """
    if INTERVAL.match(text):
        return _within(int(now) - _interval(text), text)
    return _read(text, zone, f"since: {text!r} is not a time; write for example 2h, 7d or {EXAMPLE}")


def _interval(text: str) -> int:
    try:
        return parse_interval(text)
    except ScheduleError as error:
        raise ConfigError(str(error)) from None


def span(first: str, last: str, zone: str) -> tuple[Instant, Instant]:
    """Return two instants, the second after the first.

    Raise ConfigError if one is invalid or the order is wrong.
    """
    found = read(first, zone), read(last, zone)
    if found[1] <= found[0]:
        raise ConfigError(f"from {first} to {last}: the end must be after the beginning")
    return found


def past(first: str | None, last: str | None, zone: str, now: float) -> tuple[Instant | None, Instant | None]:
    """Return the beginning and the end of a span that began in the past. An end that is not given is None.

    Raise ConfigError if one is invalid, the span begins after *now*, or its end is not after its beginning.
    """
    start = None if first is None else read(first, zone)
    if start is not None and start > now:
        raise ConfigError(f"from {first}: is in the future")
    if first is not None and last is not None:
        return span(first, last, zone)
    return start, None if last is None else read(last, zone)


def outage(text: str, zone: str) -> tuple[Instant, Instant]:
    """Return the two instants of A..B. Raise ConfigError if *text* is invalid."""
    first, dots, last = text.partition("..")
    if not dots:
        raise ConfigError(
            f"--outage: {text!r} is not a span: write for example 2026-03-28T22:00..2026-03-29T07:00"
        )
    try:
        return span(first, last, zone)
    except ConfigError as error:
        raise ConfigError(f"--outage: {error}") from None
