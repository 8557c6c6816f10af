"""Notices about incidents in words."""

import msgspec
import pytest

from scheduled.core.conditions import Notice
from scheduled.core.incidents import Incident, Message
from scheduled.notify.digest import add
from scheduled.notify.incident_texts import headline, text
from scheduled.schedules.zones import DAY, HOUR
from scheduled.state.sqlite.ledger import SqliteLedger

NOON = 1_767_268_800.0  # 2026-01-01 12:00 UTC
A = Incident(
    name="job:a", job="a", kind="failed", text="a: failed: exit code 1 (scheduled logs a)", since=NOON,
    openings=(NOON,), failed=1, sign="failed: exit code 1",
)  # fmt: skip
B = msgspec.structs.replace(A, name="job:b", job="b", priority="critical")
C = msgspec.structs.replace(A, name="job:c", job="c", priority="low")


def changed(incident, **values):
    return msgspec.structs.replace(incident, **values)


def words(kind, *incidents, after=0.0, followers=()):
    return text(Message(kind=kind, incidents=incidents, followers=followers), NOON + after, "UTC")


def test_a_first_notice_is_the_text_of_the_trouble():
    assert words("first", A, after=2) == A.text


def test_a_notice_that_comes_late_has_the_time_and_the_failures_before_the_command():
    late = "a: failed: exit code 1; since 2026-01-01 12:00, 3 failed runs (scheduled logs a)"

    assert words("first", changed(A, failed=3), after=HOUR) == late
    assert words("reminder", changed(A, failed=3), after=DAY) == late


def test_what_follows_is_named_before_the_command():
    assert words("first", A, followers=(B,)) == (
        "a: failed: exit code 1; because of it also: b (scheduled logs a)"
    )


def test_a_trouble_that_became_critical_is_called_so():
    assert "; it is critical now; since 2026-01-01 12:00" in words("urgent", A, after=5)


def test_a_recovery_that_is_announced_later_has_its_time():
    over = changed(A, ended_at=NOON + HOUR, failed=2)

    assert words("recovery", over, after=HOUR) == "a: up again after 1h, 2 failed runs"
    assert words("recovery", over, after=9 * HOUR) == (
        "a: up again since 2026-01-01 13:00, after 1h, 2 failed runs"
    )


def test_a_trouble_that_is_over_is_named_once_and_without_a_command():
    skipped = changed(
        A, kind="skipped", text="a: skipped: b failed (scheduled explain a)", ended_at=NOON + 90
    )

    assert words("recovery", skipped, after=90) == "a: over after 1m30s: skipped: b failed"


def test_several_for_different_reasons_are_called_so():
    other = changed(B, sign="failed: exit code 2")

    assert words("first", A, other) == "2 jobs at once: a, b: for different reasons (scheduled incidents)"


def test_a_notice_about_several_has_the_priority_of_the_most_urgent_one():
    found = Message(kind="first", incidents=(C, A, B))

    assert (found.priority, headline(found)) == ("critical", "c, a, b: failed")


@pytest.fixture
def ledger(tmp_path):
    ledger = SqliteLedger(tmp_path / "ledger.db")
    yield ledger
    ledger.close()


def test_the_lines_of_a_digest_have_the_time_of_each_notice(ledger):
    notice = Notice(recipient="@a", subject="s", body="a: failed", priority="low")
    with ledger.transaction():
        for at in (0, HOUR):
            add(ledger, notice, "08:00", "UTC", NOON + at)
    (item,) = ledger.outbox()

    assert item.notice.body == "2026-01-01 12:00 a: failed\n2026-01-01 13:00 a: failed"
    assert (item.notice.subject, item.next_try) == ("Digest: 2 notices", NOON + 20 * HOUR)
