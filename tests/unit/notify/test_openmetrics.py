"""The text format of Prometheus: every text that a label may have is escaped, and no series occurs twice."""

import math
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scheduled.notify.openmetrics import Family, Sample, number, text
from scheduled.printable import printable

LINE = re.compile(r'([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)*)\})? (\S+)')
PAIR = re.compile(r'([a-z_]+)="((?:[^"\\\n]|\\["\\n])*)"')
UNESCAPED = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}


def parsed(lines):
    """Return the samples of a text as (name, labels, value), read as the documentation of the format describes it."""
    found = []
    for line in lines.splitlines():
        if not line.startswith("#"):
            name, pairs, value = LINE.fullmatch(line).groups()
            labels = {key: unescaped(quoted) for key, quoted in PAIR.findall(pairs or "")}
            found.append((name, labels, float(value)))
    return found


def unescaped(quoted):
    return re.sub(r"\\.", lambda found: UNESCAPED[found[0]], quoted)


def test_a_family_has_its_help_and_type_before_its_samples():
    family = Family("jobs_total", "counter", "A \\ and\na line.", [Sample(3), Sample(1.5, {"b": 'x"y\\z'})])

    assert text([family], {"user": "ada"}, "for\nyou") == (
        "# for\\nyou\n"
        "# HELP jobs_total A \\\\ and\\na line.\n"
        "# TYPE jobs_total counter\n"
        'jobs_total{user="ada"} 3\n'
        'jobs_total{b="x\\"y\\\\z",user="ada"} 1.5\n'
    )


@example("a\nb")
@example('\\"')
@example("\x1b[2J")
@example("\u2028")
@example("\udcff")
@given(st.text(st.characters(), min_size=1))
def test_the_value_of_a_label_is_read_as_it_was_written(value):
    lines = text([Family("m", "gauge", "h", [Sample(1, {"target": value})])], {})

    assert all(char.isprintable() for char in lines.replace("\n", ""))
    assert parsed(lines) == [("m", {"target": printable(value)}, 1.0)]


@given(st.lists(st.text(max_size=3), max_size=6), st.text(max_size=3))
def test_no_series_occurs_twice(values, user):
    family = Family("m", "gauge", "h", [Sample(at, {"target": value}) for at, value in enumerate(values)])
    found = [tuple(labels.items()) for _, labels, _ in parsed(text([family], {"user": user}))]

    assert len(found) == len({*found}) == len({printable(value) for value in values})


def test_of_two_targets_that_look_the_same_the_first_one_has_the_series():
    samples = [Sample(1, {"target": "\x1b"}), Sample(2, {"target": "\\x1b"})]

    assert parsed(text([Family("m", "gauge", "h", samples)], {})) == [("m", {"target": "\\x1b"}, 1.0)]


def test_an_empty_label_and_a_family_without_samples_are_left_out():
    families = [Family("m", "gauge", "h", [Sample(0, {"target": ""})]), Family("n", "gauge", "h", [])]

    assert text(families, {}).splitlines()[2:] == ["m 0"]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (True, "1"),
        (1_795_993_557, "1795993557"),
        (1_795_993_557.5, "1795993557.5"),
        (0.1, "0.1"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
        (math.nan, "NaN"),
    ],
)
def test_a_number_is_written_exactly(value, written):
    assert number(value) == written


@given(st.floats(allow_nan=False))
def test_no_number_changes(value):
    assert float(number(value)) == value
