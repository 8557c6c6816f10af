"""The contract of every ledger for totals, conditions and notices."""

from scheduled.core.conditions import Notice
from scheduled.core.keys import JobKey
from tests.fixtures.ledgers import a_condition, a_notice


def test_totals_add_up_by_job_and_name(ledger):
    with ledger.transaction():
        for job, name, amount in (
            ("a", "opened", 2),
            ("a", "opened", 3),
            ("a", "closed", 1),
            ("b", "opened", 9),
        ):
            ledger.count(JobKey(job), name, amount)

    assert ledger.totals() == {JobKey("a"): {"opened": 5, "closed": 1}, JobKey("b"): {"opened": 9}}


def test_a_condition_keeps_its_start_when_its_payload_is_updated(ledger):
    old = a_condition(payload={"lines": 1}, event="grew")
    new = a_condition(group="h", payload={"lines": 2}, severity="error")
    with ledger.transaction():
        ledger.put_condition(JobKey("job"), old, 10.5)
        ledger.notified(JobKey("job"), ["k"], 11.5)
        ledger.put_condition(JobKey("job"), new, 99.0)

    (known,) = ledger.conditions(JobKey("job"))
    assert (known.condition, known.job, known.since, known.notified_at) == (new, "job", 10.5, 11.5)


def test_a_condition_that_returns_has_a_new_start(ledger):
    condition = a_condition()
    with ledger.transaction():
        ledger.put_condition(JobKey("job"), condition, 10.0)
        ledger.put_condition(JobKey("other"), condition, 10.0)
        ledger.drop_conditions(JobKey("job"), ["k", "unknown"])
        ledger.put_condition(JobKey("job"), condition, 99.0)

    assert [(known.job, known.since) for known in ledger.conditions()] == [("other", 10.0), ("job", 99.0)]


def test_the_conditions_of_a_key_are_forgotten_in_portions(ledger):
    keys = [JobKey(""), JobKey("a", "x"), JobKey("a", "y"), JobKey("b")]
    with ledger.transaction():
        for key in keys:
            for name in ("1", "2", "3"):
                ledger.put_condition(key, a_condition(name), 1.0)
        before = ledger.condition_keys()
        ledger.forget_conditions(JobKey("a", "x"), 2)
        left = ledger.condition_count(JobKey("a", "x"))
        ledger.forget_conditions(JobKey("a", "x"), 2)

    assert (before, left) == (keys, 1)
    assert ledger.condition_keys() == [keys[0], keys[2], keys[3]]
    assert len(ledger.conditions()) == 9


def test_a_notice_with_a_known_id_is_not_posted_again(ledger):
    first, second = a_notice("1"), a_notice("2")
    with ledger.transaction():
        ledger.post("later", second, 8.0)
        ledger.post("id", first, 7.0)
        ledger.post("id", second, 9.0)

    assert [(item.id, item.notice.subject, item.tries, item.next_try) for item in ledger.outbox()] == [
        ("id", "1", 0, 7), ("later", "2", 0, 8),
    ]  # fmt: skip


def test_an_undelivered_notice_stays_and_a_delivered_one_is_removed(ledger):
    with ledger.transaction():
        for item_id in ("a", "b"):
            ledger.post(item_id, a_notice(), 7.0)
        ledger.undelivered("a", 400, "no such mailbox")
        ledger.delivered("b")

    assert [(item.id, item.tries, item.next_try) for item in ledger.outbox()] == [("a", 1, 400)]


def test_a_due_notice_is_claimed_once(ledger):
    with ledger.transaction():
        ledger.post("a", a_notice(), 7.0)
        claims = [ledger.claim_notice("a", now, 90, "sent") for now in (6, 8, 8)]
        gone = ledger.claim_notice("b", 8, 90, "sent")

    (item,) = ledger.outbox()
    assert (claims, gone, item.tries, item.next_try) == ([False, True, False], False, 1, 90)


def test_a_notice_is_put_off_without_counting_an_attempt(ledger):
    with ledger.transaction():
        ledger.post("a", a_notice(), 7.0)
        ledger.put_off("a", 50, "later")

    (item,) = ledger.outbox()
    assert (item.tries, item.next_try, ledger.next_delivery()) == (0, 50, 50)


def to(recipient, **values):
    return Notice(recipient=recipient, subject="s", body="b", **values)


def ids(items):
    return [item.id for item in items]


def test_all_due_notices_of_a_recipient_are_put_off_at_once(ledger):
    with ledger.transaction():
        for item_id, recipient, at in (
            ("a", "ops", 5.0),
            ("b", "ops", 7.0),
            ("c", "ops", 9.0),
            ("d", "x", 5.0),
        ):
            ledger.post(item_id, to(recipient), at)
        ledger.put_off_due("ops", 7, 50, "later")

    found = [(item.id, item.tries, item.next_try, item.error) for item in ledger.outbox()]
    assert found == [("a", 0, 50, "later"), ("d", 0, 5, ""), ("b", 0, 50, "later"), ("c", 0, 9, "")]


def test_due_notices_to_other_recipients_are_found_behind_those_to_some(ledger):
    with ledger.transaction():
        for number, recipient in enumerate(("ops", "ops", "x", "ops", "y")):
            ledger.post(str(number), to(recipient), float(number))

    assert ids(ledger.due_notices(9, 2)) == ["0", "1"]
    assert ids(ledger.due_notices(9, 2, ["ops"])) == ["2", "4"]
    assert ids(ledger.due_notices(9, 2, {"ops", "x"})) == ["4"]


def test_the_notices_to_a_recipient_are_found_by_the_beginning_of_their_key(ledger):
    keys = ("", "k", "k:1", "l", "j", "K:1")
    with ledger.transaction():
        for number, key in enumerate(keys):
            ledger.post(str(number), to("ops", upsert_key=key), float(number))
        ledger.post("other", to("x", upsert_key="k"), 9.0)

    assert ids(ledger.notices_to(["ops", "x"])) == ["0", "1", "2", "3", "4", "5", "other"]
    assert ids(ledger.notices_to(["ops"])) == ["0", "1", "2", "3", "4", "5"]
    assert (ids(ledger.notices_to(["ops"], "k")), ids(ledger.notices_to(["ops"], "k:"))) == (
        ["1", "2"],
        ["2"],
    )


def test_the_oldest_notice_to_each_recipient_that_was_tried(ledger):
    with ledger.transaction():
        for number, recipient in enumerate(("a", "b", "a", "a", "c", "c", "d", "e")):
            ledger.post(str(number), to(recipient), float(number))
        for item_id, next_try, error in (
            ("1", 50, "refused"), ("2", 50, "refused"), ("3", 50, "refused"), ("4", 50, "left"), ("5", 9, "sent"),
            ("6", 10, "sent"), ("7", 50, "left: x"),
        ):  # fmt: skip
            ledger.undelivered(item_id, next_try, error)

    assert ids(ledger.tried_notices(9, "sent", ["left", "none"])) == ["1", "2", "5"]
    assert ids(ledger.tried_notices(10, "sent", [])) == ["1", "2", "4", "6", "7"]


def test_the_size_of_the_outbox(ledger):
    sizes = [ledger.outbox_size()]
    with ledger.transaction():
        for item_id in ("a", "b"):
            ledger.post(item_id, a_notice(), 7.0)
        for _ in range(3):
            ledger.undelivered("a", 400, "no")

    assert [*sizes, ledger.outbox_size()] == [(0, 0), (2, 3)]
