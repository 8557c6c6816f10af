"""Compare the slots of `once_per` with the first instant of each local day, week and month, found minute by minute."""

from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from scheduled.schedules.kinds import once_per
from scheduled.schedules.schedule import Schedule

DAY, MINUTE = 86400, 60
# Changes at midnight, by half an hour and by two hours; to the first and to the last zone of the world.
ZONES = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Antarctica/Troll",
    "Africa/Cairo",
    "Asia/Beirut",
    "America/Havana",
    "America/Asuncion",
    "Pacific/Chatham",
    "Asia/Kolkata",
    "UTC",
]


def naive(period, minute, zone, begin, end):
    """Return the first instants in (begin, end] of the days that begin a period, from *minute* after midnight on."""
    here, found, days = ZoneInfo(zone), [], set()
    for instant in range(begin - begin % MINUTE - 2 * DAY, end + 1, MINUTE):
        local = datetime.fromtimestamp(instant, here)
        begins = {"day": True, "week": local.isoweekday() == 1, "month": local.day == 1}[period]
        if begins and local.date() not in days and local.hour * 60 + local.minute >= minute:
            days.add(local.date())
            found.append(instant)
    return [instant for instant in found if begin < instant <= end]


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["day", "week", "month"]),
    st.sampled_from([0, 30, 90, 150, 9 * 60, 23 * 60 + 30]),
    st.sampled_from(ZONES),
    st.integers(2015, 2036),
    st.sampled_from([3, 4, 9, 10, 11]),
    st.integers(1, 28),
)
def test_a_period_begins_once_at_the_first_instant_of_its_first_day(period, minute, zone, year, month, day):
    begin = int(datetime(year, month, day, tzinfo=UTC).timestamp())
    end = begin + 14 * DAY
    schedule = Schedule("once_per", f"{period} {minute // 60:02}:{minute % 60:02}", zone)
    times = once_per.timetable(schedule, 0)

    assert list(times.between(begin, end)) == naive(period, minute, zone, begin, end)
    assert times.count(begin, end) == len(naive(period, minute, zone, begin, end))


def test_a_day_in_berlin_has_23_or_25_hours():
    times = once_per.timetable(Schedule("once_per", "day 00:00", "Europe/Berlin"), 0)
    first = int(datetime(2026, 3, 28, tzinfo=ZoneInfo("Europe/Berlin")).timestamp())
    slots = list(times.between(first, first + 3 * DAY))

    assert [later - earlier for earlier, later in pairwise(slots)] == [23 * 3600, DAY]
