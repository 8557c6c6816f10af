"""The digest: notices of a low priority are gathered until its time; none is lost, doubled or cut off without a count."""

import pytest

from scheduled.core.conditions import Notice
from scheduled.core.notice_text import LONGEST_BODY, Templates, rendered
from scheduled.notify import digest, outbox
from scheduled.schedules.zones import DAY, HOUR
from tests.fixtures.ledgers import LEDGERS

NOON = 1_767_268_800.0  # 2026-01-01 12:00 UTC
DUE = NOON + 20 * HOUR


@pytest.fixture
def ledger(tmp_path):
    ledger = LEDGERS["sqlite"](tmp_path)
    yield ledger
    ledger.close()


def add(ledger, body, at=NOON, recipient="@a", **values):
    notice = Notice(recipient=recipient, subject="s", body=body, priority="low", **values)
    with ledger.transaction():
        digest.add(ledger, notice, "08:00", "UTC", at)


def waiting(ledger):
    return [(item.notice.subject, item.next_try, item.notice.body) for item in ledger.outbox()]


def test_a_digest_that_was_tried_once_stays_and_the_next_notice_begins_another_one(ledger):
    add(ledger, "a: failed")
    (first,) = ledger.outbox()
    with ledger.transaction():
        ledger.undelivered(first.id, int(DUE + 300), "refused")
    add(ledger, "b: failed", DUE + 5)
    add(ledger, "c: failed", DUE + HOUR)

    assert waiting(ledger) == [
        ("Digest: 1 notice", DUE + 300, "2026-01-01 12:00 a: failed"),
        ("Digest: 2 notices", DUE + DAY, "2026-01-02 08:00 b: failed\n2026-01-02 09:00 c: failed"),
    ]


def test_a_digest_that_is_due_may_be_on_its_way_so_nothing_is_added_to_it(ledger):
    add(ledger, "a: failed")
    add(ledger, "b: failed", DUE)

    assert [(number, due) for number, due, _ in waiting(ledger)] == [
        ("Digest: 1 notice", DUE), ("Digest: 1 notice", DUE + DAY),
    ]  # fmt: skip


def test_an_unread_digest_in_a_mailbox_is_not_replaced_by_the_next_one(ledger):
    add(ledger, "a: failed")
    add(ledger, "b: failed", DUE)
    first, second = (item.notice.upsert_key for item in ledger.outbox())

    assert first != second


def test_other_notices_and_other_recipients_are_left_alone(ledger):
    add(ledger, "a: failed")
    add(ledger, "a: failed", recipient="@b")
    with ledger.transaction():
        outbox.post(
            ledger, "x", Notice(recipient="@a", subject="of a handler", body="", upsert_key="digest"), DUE
        )
    add(ledger, "b: failed", NOON + 5)

    assert [(item.notice.recipient, item.notice.subject) for item in ledger.outbox()] == [
        ("@b", "Digest: 1 notice"), ("@a", "Digest: 2 notices"), ("@a", "of a handler"),
    ]  # fmt: skip


def test_notices_are_counted_not_their_lines_and_keep_their_links(ledger):
    add(ledger, "a: failed\n\nDetails: scheduled status", link="https://example.org/runs/1")
    add(ledger, "b: failed", NOON + 5)

    (found,) = waiting(ledger)
    assert found[::2] == (
        "Digest: 2 notices",
        "2026-01-01 12:00 a: failed\n  Details: scheduled status\n  https://example.org/runs/1\n2026-01-01 12:00 b: failed",
    )


@pytest.mark.parametrize("template", [Templates(), Templates(body="{text}\n\nsent by {host}")])
def test_what_does_not_fit_into_a_digest_is_counted(ledger, template):
    for number in range(200):
        add(ledger, f"job{number:03}: failed: exit code 1; since 2026-01-01 12:00")
    (item,) = ledger.outbox()

    body = rendered(item.notice, "box", template).body
    *lines, more = body.removesuffix("\n\nsent by box").split("\n")
    assert item.notice.subject == "Digest: 200 notices"
    assert {len(line) for line in lines} == {
        len("2026-01-01 12:00 job000: failed: exit code 1; since 2026-01-01 12:00")
    }
    assert more == f"and {200 - len(lines)} more (scheduled incidents)"
    assert LONGEST_BODY - 100 < len(body) <= LONGEST_BODY


def test_forty_notices_fit_into_a_digest(ledger):
    for number in range(40):
        add(ledger, f"job{number:02}: failed: exit code 1; since 2026-01-01 12:00")
    (item,) = ledger.outbox()

    assert rendered(item.notice, "box", Templates()).body == item.notice.body


def test_a_notice_that_is_longer_than_a_digest_is_cut_and_the_others_are_counted(ledger):
    for text in ("x" * 2 * LONGEST_BODY, "b: failed"):
        add(ledger, text)
    (item,) = ledger.outbox()

    body = rendered(item.notice, "box", Templates()).body
    assert body.endswith("xxx ...\nand 1 more (scheduled incidents)")
    assert len(body) <= LONGEST_BODY
