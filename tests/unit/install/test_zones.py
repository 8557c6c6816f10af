"""`install` and `check` warn if the shell, the crontab and the system are in different zones."""

import pytest

from scheduled.install.zones import Zones, zone_of_crontab, zone_warnings

BLOCK = b"# >>> scheduled >>>\n* * * * * x\n# <<< scheduled <<<\n"


@pytest.mark.parametrize(
    ("crontab", "expected"),
    [
        (b"", None),
        (b"TZ=Asia/Tokyo\n" + BLOCK, "Asia/Tokyo"),
        (b' "TZ" = "Asia/Tokyo" \n' + BLOCK, "Asia/Tokyo"),
        (b"TZ=Asia/Tokyo\nTZ=Europe/Paris\n* * * * * y\n" + BLOCK, "Europe/Paris"),
        (b"TZ=:Asia/Tokyo\n", "Asia/Tokyo"),
        (BLOCK + b"TZ=Asia/Tokyo\n", None),  # it holds only for the lines after it
        (b"#TZ=Asia/Tokyo\nCRON_TZ=Asia/Tokyo\nXTZ=Asia/Tokyo\nTZ=Nowhere\n" + BLOCK, None),
    ],
)
def test_the_zone_of_the_block_is_the_last_one_above_it(crontab, expected):
    assert zone_of_crontab(crontab) == expected


def warned(crontab=BLOCK, system="Europe/Berlin", **values):
    shell = {"TZ": values.pop("TZ", "")}
    return list(zone_warnings(crontab, Zones(system=system, **values), shell))


@pytest.mark.parametrize(
    "agreeing",
    [
        {},
        {"TZ": "Europe/Berlin"},
        {"TZ": ":Europe/Berlin"},
        {"TZ": "Asia/Kolkata", "system": "Asia/Calcutta"},
        {"crontab": b"TZ=UTC\n" + BLOCK, "system": "Etc/UTC", "TZ": "Zulu"},
        {"crontab": None, "TZ": "Asia/Tokyo"},  # nothing is known about the ticks yet
        {"crontab": None, "TZ": "Asia/Tokyo", "kept": "Asia/Tokyo"},
        {"TZ": "CET-1CEST"},
        {"TZ": "Asia/Tokyo", "pam": "Asia/Tokyo"},
        {"TZ": "Asia/Tokyo", "kept": "Asia/Tokyo", "ticked": True},
        {"TZ": "Asia/Tokyo", "crontab": b"TZ=Asia/Tokyo\n" + BLOCK, "pam": "Asia/Tokyo", "system": "Etc/UTC"},
    ],
)
def test_zones_that_agree_cause_no_warning(agreeing):
    assert warned(**agreeing) == []


def test_a_shell_in_another_zone_than_the_ticks_is_reported():
    for known in ({}, {"crontab": None, "kept": "Europe/Berlin"}):
        (warning,) = warned(TZ="Asia/Tokyo", **known)
        assert "this shell has TZ=Asia/Tokyo, and ticks are in Europe/Berlin" in warning
        assert 'timezone = "Europe/Berlin"' in warning


def test_a_crontab_in_another_zone_than_the_system_is_reported():
    first, second = warned(b"TZ=Asia/Tokyo\n" + BLOCK, TZ="UTC")

    assert "the crontab sets TZ=Asia/Tokyo, and the system is in Europe/Berlin" in first
    assert "this shell has TZ=UTC, and ticks are in Asia/Tokyo" in second


def test_a_zone_that_no_regular_tick_kept_is_not_that_of_the_ticks():
    (warning,) = warned(TZ="Asia/Tokyo", kept="Asia/Tokyo")
    assert "ticks are in Europe/Berlin" in warning


def test_a_crontab_in_another_zone_than_pam_gives_is_reported():
    (warning,) = warned(b"TZ=Asia/Tokyo\n" + BLOCK, system="Asia/Tokyo", pam="UTC")
    assert "the crontab sets TZ=Asia/Tokyo, and PAM gives TZ=UTC to cron" in warning
