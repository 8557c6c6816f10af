"""Expressions mean what the parser of Debian's cron makes of them, compiled from Debian's source package."""

import random

import pytest

from tests.fixtures.cron_meanings import REFUSED, difference
from tests.fixtures.debian_parser import UnavailableError, build, meanings, random_expression
from tests.fixtures.seed import seed

SEED = seed("PARSER_SEED")

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def parser(tmp_path_factory):
    try:
        return build(tmp_path_factory.mktemp("cron-source"))
    except UnavailableError as error:
        pytest.skip(f"the source package of Debian's cron: {error}")


def test_random_expressions_mean_the_same(parser):
    rng = random.Random(SEED)
    expressions = [random_expression(rng) for _ in range(3000)]
    answers = meanings(parser, expressions)

    found = map(difference, expressions, answers)
    assert [text for text in found if text] == [], f"PARSER_SEED={SEED}"
    assert sum(answer != REFUSED for answer in answers) > 1000


def test_the_parser_that_is_compared_is_that_of_debian(parser):
    accepted = "200 800 fffffffe 1ffe ff 0011"

    assert meanings(parser, ["9 11-11/2 * * *", "1/2 * * * *"]) == [accepted, REFUSED]
