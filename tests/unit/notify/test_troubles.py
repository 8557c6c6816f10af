"""What is wrong is said when it appears, and then once a day; `current` is tried by e2e and test_cli.py."""

import pytest

from scheduled.core.keys import JobKey
from scheduled.notify import troubles
from scheduled.schedules.zones import DAY
from scheduled.state.sqlite.ledger import SqliteLedger

NOON = 1_770_000_000.5


@pytest.fixture
def ledger(tmp_path):
    ledger = SqliteLedger(tmp_path / "ledger.db")
    yield ledger
    ledger.close()


def told(ledger, found, at):
    with ledger.transaction():
        return troubles.news(ledger, found, NOON + at)


def test_a_trouble_is_told_when_it_appears_and_then_once_a_day(ledger):
    trouble = {"job:a": "a: failed"}

    assert [told(ledger, trouble, at) for at in (0, 300, DAY - 1, DAY, DAY + 300, 2 * DAY)] == [
        ["a: failed"], [], [], ["a: failed"], [], ["a: failed"],
    ]  # fmt: skip


def test_a_trouble_that_goes_and_comes_back_is_news(ledger):
    trouble = {"job:a": "a: failed"}

    assert [told(ledger, found, at) for at, found in enumerate((trouble, {}, trouble))] == [
        ["a: failed"], [], ["a: failed"],
    ]  # fmt: skip


def test_a_new_trouble_is_told_without_the_old_ones(ledger):
    told(ledger, {"a": "one"}, 0)

    assert told(ledger, {"a": "one", "b": "two"}, 1) == ["two"]


def test_other_words_for_a_known_trouble_are_no_news_but_are_kept(ledger):
    told(ledger, {"job:a": "a: failed: exit code 1"}, 0)

    assert told(ledger, {"job:a": "a: failed: exit code 2"}, 1) == []
    assert [known.condition.payload for known in ledger.conditions(troubles.OWNER)] == [
        {"text": "a: failed: exit code 2"}
    ]


def test_a_clock_that_went_back_silences_nothing(ledger):
    told(ledger, {"a": "one"}, 10 * DAY)

    assert told(ledger, {"a": "one"}, 0) == ["one"]


def test_troubles_of_the_runner_are_not_mixed_with_the_conditions_of_jobs(ledger):
    from scheduled.core.conditions import Condition

    with ledger.transaction():
        ledger.put_condition(JobKey("health"), Condition(key="a", group="g"), NOON)
    told(ledger, {"a": "one"}, 0)
    told(ledger, {}, 1)

    assert [(known.job, known.condition.key) for known in ledger.conditions()] == [("health", "a")]


def test_nothing_wrong_is_nothing_told(ledger):
    assert (told(ledger, {}, 0), ledger.conditions()) == ([], [])
