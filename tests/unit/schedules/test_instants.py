"""Instants as users type them."""

from datetime import UTC, datetime

import pytest

from scheduled.errors import ConfigError
from scheduled.schedules.instants import ago, ahead, outage, read

BERLIN = "Europe/Berlin"
NOW = datetime(2026, 3, 4, 17, 30, tzinfo=UTC).timestamp()  # 18:30 in Berlin


def shown(instant):
    return datetime.fromtimestamp(instant, UTC).strftime("%d %H:%M")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-04", "03 23:00"), ("2026-03-04T10:00", "04 09:00"),
        ("2026-03-04T10:00Z", "04 10:00"), ("2026-03-04T10:00+05:00", "04 05:00"),
    ],
)  # fmt: skip
def test_a_time_without_a_zone_is_in_the_configured_zone(text, expected):
    assert shown(read(text, BERLIN)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2h", "04 19:30"), ("+30m", "04 18:00"), ("19:00", "04 18:00"), ("8:15", "05 07:15"), ("18:30", "05 17:30"), ("2026-03-05", "04 23:00")],
)  # fmt: skip
def test_a_future_instant_is_an_interval_a_time_of_day_or_an_iso_time(text, expected):
    assert shown(ahead(text, BERLIN, NOW)) == expected


@pytest.mark.parametrize("text", ["2026-03-04", "soon", "", "25:00", "2x", "+"])
def test_a_past_or_invalid_instant_is_refused(text):
    with pytest.raises(ConfigError):
        ahead(text, BERLIN, NOW)


def test_an_interval_ago_counts_backwards():
    assert (shown(ago("2h", BERLIN, NOW)), shown(ago("2026-03-01", BERLIN, NOW))) == ("04 15:30", "28 23:00")


@pytest.mark.parametrize("text", ["2026-03-04", "2026-03-04..2026-03-03", "a..b"])
def test_an_outage_is_two_instants_in_order(text):
    with pytest.raises(ConfigError):
        outage(text, BERLIN)
