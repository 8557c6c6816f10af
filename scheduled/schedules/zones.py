"""Instants, durations and years as numbers, and the time zones of the IANA data: no rule about clocks lies here.

An instant is a number of UTC seconds since the epoch; a local time is *instant + offset*, seconds too.
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
# One year off the ends of datetime's range, so that local times and neighbouring months still fit.
FIRST_YEAR, LAST_YEAR = 2, 9998


def find(key: str) -> tzinfo:
    """Return the zone of an IANA key; raises LookupError if there is none."""
    try:
        # UTC must work where no time zone data is installed.
        return UTC if key == "UTC" else ZoneInfo(key)
    except (KeyError, ValueError, OSError) as error:
        raise LookupError(key) from error


def year_of(instant: int) -> int:
    """Return the UTC year of an instant, or the nearest year that can be computed with."""
    inside = min(max(instant, start_of(FIRST_YEAR)), start_of(LAST_YEAR))
    # Counted in mean years it may be off by one, near the turn of a year.
    year = EPOCH.year + inside // MEAN_YEAR
    return year + (inside >= start_of(year + 1)) - (inside < start_of(year))


@lru_cache(maxsize=1024)
def start_of(year: int) -> int:
    """Return the instant at which the UTC year begins."""
    return (date(year, 1, 1).toordinal() - EPOCH_ORDINAL) * DAY
