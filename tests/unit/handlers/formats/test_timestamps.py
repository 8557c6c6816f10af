"""Timestamps are parsed and formatted as the workspace's programs do it."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scheduled.handlers.formats import timestamps

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("value", "instant"),
    [
        ("2026-02-03 14:00:00", datetime(2026, 2, 3, 13, tzinfo=UTC)),
        ("2026-02-03T14:00:00", datetime(2026, 2, 3, 13, tzinfo=UTC)),
        ("2025-07-03 14:00:00", datetime(2025, 7, 3, 12, tzinfo=UTC)),
        ("2026-02-03T14:00:00Z", datetime(2026, 2, 3, 14, tzinfo=UTC)),
        ("2026-02-03T14:00:00+05:30", datetime(2026, 2, 3, 8, 30, tzinfo=UTC)),
        ("2026-02-03", datetime(2026, 2, 2, 23, tzinfo=UTC)),
        (" 2026-02-03 14:00:00\n", datetime(2026, 2, 3, 13, tzinfo=UTC)),
    ],
)
def test_a_time_without_an_offset_is_local(value: str, instant: datetime) -> None:
    assert instant == timestamps.parse(value, BERLIN)


@pytest.mark.parametrize("value", ["", "soon", None, 7, ["2026-02-03"], "0001-01-01 00:00:00", "2026-02-30"])
def test_an_invalid_time_is_a_value_error(value: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        timestamps.parse(value, BERLIN)


@given(
    stamp=st.datetimes(),
    zone=st.sampled_from(
        ["Europe/Berlin", "America/Havana", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Beirut", "UTC"]
    ),
)
@example(datetime(2026, 3, 8, 0, 30), "America/Havana")  # skipped by the clock change at midnight
@example(datetime(2026, 11, 1, 0, 30), "America/Havana")  # repeated by the clock change
@example(datetime(2026, 10, 24, 23, 30), "Asia/Beirut")  # repeated by a clock change before midnight
@example(datetime.max, "Europe/Berlin")  # noqa: DTZ901
@example(datetime.min, "Europe/Berlin")  # noqa: DTZ901
def test_the_fast_reader_returns_the_same_as_parse(stamp: datetime, zone: str) -> None:
    there = ZoneInfo(zone)
    try:
        expected = timestamps.parse(str(stamp), there).timestamp()
    except ValueError:
        expected = None

    assert timestamps.reader(there)(str(stamp)) == expected


@given(
    since=st.datetimes(datetime(1890, 1, 1), datetime(2060, 1, 1)),
    after=st.timedeltas(timedelta(), timedelta(days=4)),
    zone=st.sampled_from(
        [
            "Europe/Berlin",
            "America/Havana",
            "Australia/Lord_Howe",
            "Pacific/Apia",
            "Pacific/Kiritimati",
            "UTC",
        ]
    ),
)
@example(datetime(2026, 10, 25, 0, 30), timedelta(minutes=59), "Europe/Berlin")  # 2:30, before it is repeated
@example(datetime(2026, 3, 29, 1, 10), timedelta(), "Europe/Berlin")  # 3:10, and 2:50 does not exist
@example(datetime(2011, 12, 30, 9), timedelta(hours=24), "Pacific/Apia")  # the day after is skipped
@example(datetime(1892, 7, 4, 11, 30), timedelta(hours=23), "Pacific/Apia")  # the day is repeated
def test_no_naive_time_from_the_local_one_on_is_before_an_instant(
    since: datetime, after: timedelta, zone: str
) -> None:
    there, instant = ZoneInfo(zone), since.replace(tzinfo=UTC)
    first = timestamps.local_since(instant, there)

    assert timestamps.parse(str(first + after), there) >= instant


@pytest.mark.parametrize("zone", ["America/Adak", "Pacific/Kiritimati"])
def test_naive_times_up_to_the_last_one_have_an_instant(zone: str) -> None:
    there = ZoneInfo(zone)

    assert timestamps.parse(str(timestamps.LAST), there).year == 9999


@pytest.mark.parametrize("zone", ["America/Adak", "Pacific/Kiritimati"])
@pytest.mark.parametrize("naive", [datetime(1, 1, 1), datetime(9999, 12, 31, 23)])
def test_an_instant_at_the_end_of_the_calendar_is_no_error(naive: datetime, zone: str) -> None:
    there, instant = ZoneInfo(zone), naive.replace(tzinfo=UTC)
    first = timestamps.local_since(instant, there)

    assert first >= timestamps.LAST or timestamps.parse(str(first), there) >= instant


def test_times_are_formatted_in_three_formats() -> None:
    now = datetime(2026, 2, 3, 13, 5, 7, 999, tzinfo=UTC)

    written = (timestamps.spaced(now, BERLIN), timestamps.iso(now, BERLIN), timestamps.compact(now, BERLIN))

    assert written == ("2026-02-03 14:05:07", "2026-02-03T14:05:07", "20260203_140507")


def test_a_duration_is_formatted_in_one_suitable_unit() -> None:
    lengths = [
        timedelta(minutes=53),
        timedelta(hours=5, minutes=50),
        timedelta(hours=47),
        timedelta(days=31, hours=9),
    ]

    expected = ["53 min", "5 h", "47 h", "31 days"]
    assert expected == [timestamps.span(length) for length in lengths]
