"""Instants, durations and years as numbers, and access to the IANA time zones.

An instant is a number of UTC seconds since the epoch. A local time is *instant + offset*, also in seconds.
"""

from datetime import UTC, date, datetime, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

Instant = int  # UTC seconds since the epoch
Seconds = int

MINUTE: Seconds = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR
MEAN_YEAR = 146097 * DAY // 400
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EPOCH_ORDINAL = EPOCH.toordinal()
# One year inside the range of `datetime`, so that local times and adjacent months never exceed it.
FIRST_YEAR, LAST_YEAR = 2, 9998


def find(key: str) -> tzinfo:
    """Return the time zone with the IANA name *key*. Raise LookupError if there is none."""
    try:
        # UTC must also work if no time zone data is installed.
        return UTC if key == "UTC" else ZoneInfo(key)
    except (KeyError, ValueError, OSError) as error:
        raise LookupError(key) from error


def year_of(instant: int) -> int:
    """Return the UTC year of an instant, limited to `FIRST_YEAR` to `LAST_YEAR`."""
    inside = min(max(instant, start_of(FIRST_YEAR)), start_of(LAST_YEAR))
    # Near the turn of a year, division by the mean year is off by at most one.
    year = EPOCH.year + inside // MEAN_YEAR
    return year + (inside >= start_of(year + 1)) - (inside < start_of(year))


@lru_cache(maxsize=1024)
def start_of(year: int) -> int:
    """Return the instant at which the UTC year begins."""
    return (date(year, 1, 1).toordinal() - EPOCH_ORDINAL) * DAY
