"""The outbox: due notices are delivered; a notice that cannot be delivered stays and is retried with growing delays."""

import pytest

from scheduled.core.channels import LONGEST_TIMEOUT
from scheduled.core.conditions import Notice
from scheduled.core.event_notices import EventRoutes
from scheduled.core.events import Event
from scheduled.core.incidents import Incident
from scheduled.core.routing import Rule
from scheduled.notify import outbox
from scheduled.notify.routes.base import UndeliverableError, WaitingError
from scheduled.schedules.zones import DAY
from tests.fixtures.counting import Transactions
from tests.fixtures.ledgers import LEDGERS


@pytest.fixture
def ledger(tmp_path):
    ledger = LEDGERS["sqlite"](tmp_path)
    yield ledger
    ledger.close()


def test_different_notices_have_different_ids_and_ids_are_reproducible():
    ids = {outbox.notice_id(*parts) for parts in (("a", "b"), ("ab",), ("a", "b", ""), ("b", "a"))}

    assert (len(ids), outbox.notice_id("a", "b") in ids) == (4, True)


class Route:
    """A route that delivers with *send*, counts the calls of `finish`, and keeps the ids that were recorded."""

    def __init__(self, send):
        self.deliver = send
        self.finished = 0
        self.known = []

    def recorded(self, item):
        self.known.append(item.id)

    def finish(self):
        self.finished += 1


def deliver(ledger, send, now, log=None):
    return outbox.deliver(ledger, lambda: Route(send), lambda: now, [].append if log is None else log.append)


def posted(ledger, *recipients):
    with ledger.transaction():
        for number, recipient in enumerate(recipients):
            ledger.post(
                f"id{number}", Notice(recipient=recipient, subject=f"to {recipient}", body=""), float(number)
            )


def test_a_delivered_notice_leaves_the_outbox(ledger):
    posted(ledger, "@a", "@b")
    sent = []

    errors = deliver(ledger, lambda item: sent.append((item.id, item.notice.recipient)), 100)

    assert (errors, sent, ledger.outbox()) == ([], [("id0", "@a"), ("id1", "@b")], [])


def test_an_undeliverable_notice_stays_and_does_not_block_others(ledger):
    posted(ledger, "@gone", "@b")
    sent = []

    def send(item):
        if item.notice.recipient == "@gone":
            raise LookupError("no such mailbox")
        sent.append(item.notice.recipient)

    assert deliver(ledger, send, 100) == ["@gone: 'to @gone' not delivered: no such mailbox"]
    assert (sent, [(item.id, item.tries) for item in ledger.outbox()]) == (["@b"], [("id0", 1)])


def test_the_delay_between_attempts_doubles_up_to_a_day(ledger):
    posted(ledger, "@gone")
    delays, now = [], 0
    for _ in range(20):
        deliver(ledger, lambda item: {}[item.id], now)
        (item,) = ledger.outbox()
        delays.append(item.next_try - now)
        now = item.next_try

    assert delays[:4] == [300, 600, 1200, 2400]
    assert delays[-1] == max(delays) == DAY


def test_a_notice_is_not_delivered_before_its_next_attempt_is_due(ledger):
    posted(ledger, "@gone")
    deliver(ledger, lambda item: {}[item.id], 0)
    sent = []

    assert (deliver(ledger, sent.append, 299), sent) == ([], [])
    assert (deliver(ledger, sent.append, 300), len(sent)) == ([], 1)


@pytest.mark.parametrize(("reachable", "finished"), [([], 0), (["@a"], 1), (["@a", "@b"], 1)])
def test_the_route_is_finished_once_if_anything_was_delivered(ledger, reachable, finished):
    posted(ledger, "@a", "@b")
    route = Route(lambda item: reachable.index(item.notice.recipient))

    outbox.deliver(ledger, lambda: route, lambda: 100, print)

    assert route.finished == finished


def test_no_route_is_opened_if_nothing_is_due(ledger):
    posted(ledger, "@gone")
    deliver(ledger, lambda item: {}[item.id], 0)

    assert outbox.deliver(ledger, lambda: pytest.fail("opened"), lambda: 299, print) == []


def test_a_route_that_cannot_be_opened_is_no_failure_of_a_channel(ledger):
    to_channel(ledger, "a")

    def broken():
        raise ValueError("no adapter")

    with pytest.raises(ValueError, match="no adapter"):
        outbox.deliver(ledger, broken, lambda: 100, print)
    assert ledger.outbox()[0].tries == 0


def test_a_notice_that_can_never_be_delivered_is_dropped_with_a_line_in_the_log(ledger):
    posted(ledger, "@nowhere", "@b")
    sent, log = [], []

    def send(item):
        if item.notice.recipient == "@nowhere":
            raise UndeliverableError("no branch has it")
        sent.append(item.notice.recipient)

    errors = deliver(ledger, send, 100, log)

    assert errors == ["@nowhere: 'to @nowhere' dropped: no branch has it"]
    assert (sent, ledger.outbox()) == (["@b"], [])
    assert log == ["notice dropped: @nowhere: 'to @nowhere': no branch has it"]


def test_a_notice_is_not_retried_for_ever(ledger):
    posted(ledger, "@gone")
    now, log = 0, []
    while found := ledger.outbox():
        now = found[0].next_try
        deliver(ledger, lambda item: {}[item.id], now, log)

    assert (len(log), 14 * DAY < now < 40 * DAY) == (1, True)


def test_a_route_learns_which_deliveries_the_ledger_recorded(ledger):
    posted(ledger, "@gone", "@b")
    route = Route(lambda item: ["@b"].index(item.notice.recipient))

    outbox.deliver(ledger, lambda: route, lambda: 100, print)

    assert route.known == ["id1"]


def test_a_newer_notice_with_the_same_key_replaces_one_that_waits(ledger):
    """If the older one were delivered later, it would replace the newer one in the mailbox."""

    def notice(subject, key="k", recipient="@a"):
        return Notice(recipient=recipient, subject=subject, body="", upsert_key=key)

    with ledger.transaction():
        for number, one in enumerate(
            [
                notice("old"),
                notice("other", "x"),
                notice("none", ""),
                notice("to b", recipient="@b"),
                notice("new"),
            ]
        ):
            outbox.post(ledger, f"id{number}", one, float(number))
        outbox.post(ledger, "id4", notice("again"), 9.0)

    assert [item.notice.subject for item in ledger.outbox()] == ["other", "none", "to b", "new"]


def to_channel(ledger, *ids, recipient="ops"):
    with ledger.transaction():
        for number, item_id in enumerate(ids):
            ledger.post(item_id, Notice(recipient=recipient, subject=item_id, body=""), float(number))


def test_a_notice_to_a_channel_is_claimed_before_it_is_sent(ledger):
    to_channel(ledger, "a")
    seen = []

    def send(_item):
        (now,) = ledger.outbox()
        seen.append((now.tries, now.next_try, deliver(ledger, seen.append, 100, seen)))
        raise OSError("refused")

    assert deliver(ledger, send, 100) == ["ops: its notices are not delivered: refused (scheduled notices)"]
    assert seen == [(1, 100 + LONGEST_TIMEOUT + outbox.MARGIN, [])]
    assert [(item.tries, item.next_try) for item in ledger.outbox()] == [(1, 100 + outbox.FIRST_RETRY)]


def test_a_claim_holds_until_after_the_timeout_of_the_channel_also_if_the_notices_before_took_long(ledger):
    to_channel(ledger, "a", "b", "c")
    now, claims = [100], []

    def send(item):
        now[0] += LONGEST_TIMEOUT
        claims.append((item.id, item.id not in {due.id for due in ledger.due_notices(now[0], 9)}))

    outbox.deliver(ledger, lambda: Route(send), lambda: now[0], print)

    assert claims == [("a", True), ("b", True), ("c", True)]


def test_a_notice_that_another_tick_has_claimed_is_not_sent(ledger):
    to_channel(ledger, "a", "b")
    sent = []

    def send(item):
        sent.append(item.id)
        with ledger.transaction():  # another tick sends the second one now
            assert item.id != "a" or ledger.claim_notice("b", 100, 400, "")

    assert (deliver(ledger, send, 100), sent) == ([], ["a"])
    assert [item.id for item in ledger.outbox()] == ["b"]


def test_a_channel_that_failed_twice_gets_no_more_notices_in_this_tick_and_two_bad_notices_block_no_others(
    ledger,
):
    to_channel(ledger, "bad1", "bad2", "good1", "good2")
    sent = []

    def send(item):
        sent.append(item.id)
        if item.id.startswith("bad"):
            raise OSError("refused")

    deliver(ledger, send, 100)
    first, now = [*sent], 100
    for _ in range(3):
        now += outbox.FIRST_RETRY
        deliver(ledger, send, now)

    assert first == ["bad1", "bad2"]
    assert {"good1", "good2"} <= {*sent}
    assert [item.id for item in ledger.outbox()] == ["bad1", "bad2"]


def test_other_channels_and_mailboxes_are_not_held_up_by_one_that_fails(ledger):
    to_channel(ledger, "a", "b", "c", recipient="dead")
    to_channel(ledger, "x", recipient="ops")
    posted(ledger, "@flow")
    sent = []

    def send(item):
        if item.notice.recipient == "dead":
            raise OSError("refused")
        sent.append(item.notice.recipient)

    assert (len(deliver(ledger, send, 100)), sorted(sent)) == (2, ["@flow", "ops"])


def test_a_backlog_for_a_dead_channel_holds_up_no_newer_notice_to_another_one(ledger, monkeypatch):
    monkeypatch.setattr(outbox, "MOST", 10)
    to_channel(ledger, *(f"old{number}" for number in range(30)), recipient="dead")
    to_channel(ledger, *(f"shown{number}" for number in range(30)), recipient="stderr")
    with ledger.transaction():
        ledger.claim_notice("old20", 100, 900, "another tick sends it")
        for number in range(12):
            ledger.post(f"new{number}", Notice(recipient="ops", subject="new", body=""), 90.0 + number / 100)
    tried = []

    def send(item):
        tried.append(item.id)
        if item.notice.recipient == "dead":
            raise OSError("refused")

    outbox.deliver(ledger, lambda: Route(send), lambda: 100, print, lambda: ["stderr"])

    assert tried == ["old0", "old1", *(f"new{number}" for number in range(8))]
    waiting = {item.id: item for item in ledger.outbox()}
    later = 100 + outbox.FIRST_RETRY
    assert {one.next_try for one in waiting.values() if one.notice.recipient == "dead"} == {later, 900}
    assert (waiting["old20"].error, waiting["old2"].tries) == ("another tick sends it", 0)
    assert ledger.next_delivery() <= 100


def test_the_work_for_a_dead_channel_does_not_grow_with_its_notices(ledger, monkeypatch):
    to_channel(ledger, *(f"id{number}" for number in range(50)), recipient="dead")
    counted = Transactions(ledger, monkeypatch)

    deliver(ledger, lambda item: {}[item.id], 100)

    assert len(counted.rows) == 2 * outbox.MOST_FAILURES + 1


def test_a_notice_that_waits_is_no_error_and_is_dropped_with_a_line_in_the_log_after_about_a_day(ledger):
    to_channel(ledger, "a", recipient="desktop")
    log, errors, now = [], [], 100

    def send(_item):
        raise WaitingError("no session bus")

    while found := ledger.outbox():
        now = max(now, found[0].next_try)
        errors += deliver(ledger, send, now, log)

    assert (errors, log) == ([], ["notice dropped: desktop: 'a': no session bus"])
    assert DAY * 0.8 < now < DAY * 2


def test_events_of_one_instant_have_notices_of_their_own(ledger):
    routes = EventRoutes(rules=(Rule(on=("*",), to=("ops", "@flow")),))
    with ledger.transaction():
        for _ in range(2):
            outbox.announce(ledger, routes, Event(name="disk_full"), 5.0)

    assert sorted(item.notice.recipient for item in ledger.outbox()) == ["@flow", "@flow", "ops", "ops"]


def test_a_channel_is_failing_as_long_as_a_notice_waits_that_it_refused(ledger):
    to_channel(ledger, "a", "b", "c", recipient="ops")
    to_channel(ledger, "d", recipient="desktop")
    to_channel(ledger, "e", recipient="slow")
    posted(ledger, "@gone")

    def send(item):
        if item.notice.recipient == "slow":
            seen.append(outbox.failing_channels(ledger, 100))
            return
        raise WaitingError("no bus") if item.id == "d" else OSError(f"refused {item.id}")

    seen = [outbox.failing_channels(ledger, 100)]
    deliver(ledger, send, 100)
    expected = {"ops": "ops: its notices are not delivered: refused a (scheduled notices)"}
    assert [*seen, outbox.failing_channels(ledger, 200)] == [{}, expected, expected]
    deliver(ledger, lambda _: None, 100_000)
    assert (ledger.outbox(), outbox.failing_channels(ledger, 200)) == ([], {})


@pytest.mark.parametrize(
    ("error", "known"), [(OSError("refused"), True), (UndeliverableError("gone"), False)]
)
def test_a_channel_that_gets_no_more_notices_has_not_recovered(ledger, error, known):
    to_channel(ledger, "a", recipient="ops")
    with ledger.transaction():
        ledger.put_incident(Incident(name="channel:ops", since=1.0))

    def send(item):
        if item.id == "a":
            raise error
        raise OSError("refused")

    deliver(ledger, send, 100)

    assert ("channel:ops" in ledger.incidents()) == known
