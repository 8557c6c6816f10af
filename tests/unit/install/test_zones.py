"""`install` and `check` warn if the shell, the crontab and the system are in different zones."""

import pytest

from scheduled.install.zones import (
    Zones,
    unusable_here,
    unusable_zone,
    zone_of_crontab,
    zone_of_ticks,
    zone_warnings,
)

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


@pytest.mark.parametrize(
    ("crontab", "pam", "expected"),
    [
        (BLOCK, "", "Europe/Berlin"),
        (BLOCK, "Asia/Tokyo", "Asia/Tokyo"),
        (b"TZ=UTC\n" + BLOCK, "Asia/Tokyo", "UTC"),
        (b"TZ=<+03>-3\n" + BLOCK, "Asia/Tokyo", "Europe/Berlin"),  # it hides the TZ of PAM
        (b'TZ=""\n' + BLOCK, "Asia/Tokyo", "Europe/Berlin"),
    ],
)
def test_the_zone_of_the_ticks_is_that_of_the_crontab_else_of_pam_else_of_the_system(crontab, pam, expected):
    assert zone_of_ticks(crontab, pam, "Europe/Berlin") == expected


@pytest.mark.parametrize(
    ("value", "instead"),
    [
        ("<+03>-3", "Etc/GMT-3"),
        ("EST5", "Etc/GMT+5"),
        ("UTC0", "UTC"),
        ("CET-1CEST,M3.5.0,M10.5.0/3", "Europe/Berlin"),
        ("Bogus/Zone", "Europe/Berlin"),
        (":asia/tokio", "Asia/Tokyo"),
    ],
)
def test_a_zone_in_the_crontab_that_cannot_be_used_is_named_with_its_line_and_what_to_write(value, instead):
    crontab = f"MAILTO=me\nTZ={value}\n".encode() + BLOCK

    warning = unusable_zone(crontab, "", "Europe/Berlin")

    assert f"line 2 of your crontab (TZ={value}): is not the name of a time zone" in warning
    assert f'Write TZ={instead} there, or timezone = "{instead}"' in warning
    assert [warning] == [text for text in warned(crontab) if "not the name" in text]


@pytest.mark.parametrize("value", ["", ":/etc/localtime", "Asia/Tokyo", ":Asia/Tokyo"])
def test_a_zone_that_can_be_used_is_not_named(value):
    assert unusable_zone(f"TZ={value}\n".encode() + BLOCK, "Bogus", "Europe/Berlin") is None


def test_a_tick_names_the_line_of_the_crontab_only_if_its_zone_comes_from_there():
    crontab = b"TZ=Bogus/Zone\n" + BLOCK

    assert "line 1 of your crontab" in unusable_here("Bogus/Zone", lambda: crontab)
    assert "TZ=Other/Zone in the environment of ticks" in unusable_here("Other/Zone", lambda: crontab)
    assert unusable_here("Asia/Tokyo", lambda: pytest.fail("reads the crontab")) is None
