"""The contract of every ledger for start requests."""

from scheduled.core.runs import StartRequest


def test_a_start_request_keeps_its_target(ledger):
    with ledger.transaction():
        ledger.request_start(StartRequest(id=0, job="job", target="a", event="e", payload={}, depth=1), 7.5)

    assert [(row.job, row.target, row.at) for row in ledger.start_requests()] == [("job", "a", 7.5)]


def a_request(event, **values):
    return StartRequest(id=0, job="job", event=event, payload={"n": 1}, depth=2, **values)


def test_start_requests_keep_their_order_and_have_distinct_ids(ledger):
    with ledger.transaction():
        ledger.request_start(a_request("first", parent="chain", step=3), 7.5)
        ledger.request_start(a_request("second"), 6.5)

    first, second = ledger.start_requests()
    assert (first.event, first.payload, first.depth, first.parent, first.step, first.at) == (
        "first", {"n": 1}, 2, "chain", 3, 7.5,
    )  # fmt: skip
    assert (second.event, second.id > first.id > 0) == ("second", True)


def test_a_start_request_is_taken_once_and_its_id_is_never_reused(ledger):
    with ledger.transaction():
        ledger.request_start(a_request("e"), 7.5)
    (row,) = ledger.start_requests()
    with ledger.transaction():
        taken = [ledger.take_start_request(row.id), ledger.take_start_request(row.id)]
        ledger.request_start(a_request("e"), 8.5)

    assert (taken, [later.id > row.id for later in ledger.start_requests()]) == ([True, False], [True])
