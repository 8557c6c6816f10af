"""Expressions mean what the parser of Debian's cron makes of them."""

from pathlib import Path

from tests.fixtures.cron_meanings import REFUSED, difference

MEANINGS = Path(__file__).parents[2] / "data/cron_meanings.txt"


def test_random_expressions_mean_what_debians_parser_recorded():
    recorded = [line.split("\t") for line in MEANINGS.read_text().splitlines()]

    assert [found for found in (difference(*case) for case in recorded) if found] == []
    assert sum(meaning != REFUSED for _, meaning in recorded) > 500
