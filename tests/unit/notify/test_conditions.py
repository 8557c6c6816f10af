from datetime import UTC, datetime

import pytest

from scheduled.core.conditions import Change
from scheduled.core.events import Event
from scheduled.core.keys import JobKey
from scheduled.core.records import KnownCondition
from scheduled.notify import conditions as notify
from tests.fixtures.ledgers import LEDGERS, a_condition, a_notice

NOW = datetime(2026, 2, 3, 14, tzinfo=UTC)


@pytest.fixture
def ledger(tmp_path):
    ledger = LEDGERS["sqlite"](tmp_path)
    yield ledger
    ledger.close()


def known(*conditions):
    return [
        KnownCondition(condition=condition, job="job", since=1.0, notified_at=None)
        for condition in conditions
    ]


def changed(before, after):
    return [
        (
            change.group,
            *[[found.key for found in getattr(change, kind)] for kind in ("appeared", "stayed", "gone")],
        )
        for change in notify.changes(known(*before), after, {}, NOW)
    ]


def recorded(ledger, current, at, compose=lambda change: [a_notice(change.group)]):
    """Record the *current* conditions at *at*; return the events."""
    with ledger.transaction():
        known = ledger.conditions(JobKey("job"))
        found = notify.changes(known, current, {"lines": 3}, NOW)
        return notify.record(ledger, JobKey("job"), f"run-{at}", notify.parts(found, known, compose), at)


def subjects(ledger):
    return [item.notice.subject for item in ledger.outbox()]


# Changes


def test_appeared_stayed_and_gone_conditions_are_separated_by_group():
    a, b, c = (a_condition(key, "g") for key in "abc")
    other = a_condition("o", "h")

    assert changed([a, b], [b, c, other]) == [("g", ["c"], ["b"], ["a"]), ("h", ["o"], [], [])]


def test_no_conditions_before_and_now_are_no_change():
    assert changed([], []) == []


def test_a_condition_that_stayed_has_its_current_payload():
    (change,) = notify.changes(
        known(a_condition(payload={"n": 1})), [a_condition(payload={"n": 2})], {"f": 1}, NOW
    )

    assert change == Change(
        group="g", appeared=[], stayed=[a_condition(payload={"n": 2})], gone=[], facts={"f": 1}, now=NOW
    )


# Notices and events


def test_a_notice_is_posted_when_a_condition_appears_or_goes_and_not_while_it_stays(ledger):
    counts = []
    for at, current in enumerate(([a_condition()], [a_condition()], [], [])):
        recorded(ledger, current, float(at))
        counts.append(len(subjects(ledger)))

    assert counts == [1, 1, 2, 2]


def test_a_condition_counts_as_notified_when_its_notice_was_posted(ledger):
    recorded(ledger, [a_condition("a")], 1.0, lambda _: [])
    recorded(ledger, [a_condition("a"), a_condition("b")], 2.0)
    recorded(ledger, [a_condition("a"), a_condition("b")], 3.0)

    assert [(item.condition.key, item.notified_at) for item in ledger.conditions(JobKey("job"))] == [
        ("a", None),
        ("b", 2.0),
    ]


def test_an_event_is_published_once_when_its_condition_appears(ledger):
    loud, silent = a_condition("loud", event="threshold_exceeded", payload={"n": 1}), a_condition("silent")

    seen = [recorded(ledger, current, 0.0) for current in ([loud, silent], [loud, silent], [], [loud])]

    event = Event(name="threshold_exceeded", payload={"n": 1})
    assert seen == [[event], [], [], [event]]


def test_the_ledger_has_the_current_conditions_afterwards(ledger):
    recorded(ledger, [a_condition("a"), a_condition("b")], 1.0)
    recorded(ledger, [a_condition("b"), a_condition("c")], 2.0)

    assert [(item.condition.key, item.since) for item in ledger.conditions(JobKey("job"))] == [
        ("b", 1.0),
        ("c", 2.0),
    ]


def test_one_change_may_have_several_notices_each_with_its_own_id(ledger):
    recorded(
        ledger, [a_condition("a", "g"), a_condition("b", "h")], 1.0, lambda _: [a_notice("1"), a_notice("2")]
    )

    assert sorted(subjects(ledger)) == ["1", "1", "2", "2"]


def test_a_failed_transaction_records_neither_condition_nor_notice(ledger):
    def fail(_):
        raise RuntimeError

    with pytest.raises(RuntimeError):
        recorded(ledger, [a_condition()], 1.0, fail)

    assert (ledger.conditions(), ledger.outbox()) == ([], [])
