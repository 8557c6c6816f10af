"""`check` warns of two jobs with names that look the same."""

from types import SimpleNamespace

import pytest

from scheduled.config.alike import warnings


def of(*names):
    return [*warnings({name: SimpleNamespace(name=name, source="a.toml") for name in names})]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("backup", "Backup"),
        ("\u2126", "\u03a9"),  # the ohm sign and the letter
        ("\ud55c", "\u1112\u1161\u11ab"),  # a syllable and its three letters
        ("Stra\u00dfe", "STRASSE"),
    ],
)
def test_names_that_look_the_same_are_named(one, other):
    (warning,) = of(one, "third", other)

    assert warning.startswith(
        f"a.toml: jobs.{other}: the name differs from that of jobs.{one} only in capitals"
    )


def test_other_names_are_not_named():
    assert of("backup", "backup2", "back_up", "\u00e4", "a") == []
