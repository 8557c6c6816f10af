"""The work of what a round of a tick asks of the ledger does not grow with the rows that it does not concern."""

import pytest

from scheduled.core.keys import JobKey
from scheduled.core.runs import StartRequest
from tests.fixtures.counting import steps
from tests.fixtures.ledgers import (
    CLAIMANT,
    HOURLY,
    LEDGERS,
    a_claim,
    a_condition,
    a_notice,
    an_attempt_result,
    by_hand,
)

KEY = JobKey("job")


def a_request(job, number, **values):
    return StartRequest(id=0, job=job, event=f"event_{number}", payload={}, depth=1, **values)


def fill_requests(ledger, number):
    for count in range(number):
        ledger.request_start(a_request("job", count), 1.0)
        ledger.request_start(a_request("other", count), 1.0)


def fill_runs(ledger, number):
    for count in range(number):
        for job in ("job", f"other-{count}"):
            run_id = f"{job}-{count}"
            ledger.claim(a_claim(3600 * (count + 1), run_id=run_id, job=job), CLAIMANT, float(count))
            if job == "job":
                ledger.ended(an_attempt_result(run_id), "success", None, None)


def fill_jobs(ledger, number):
    for name in ("job", *(f"other-{count}" for count in range(number))):
        ledger.begin_epoch(JobKey(name), HOURLY, 0)


def fill_outbox(ledger, number):
    for count in range(number):
        ledger.post(f"id-{count}", a_notice(f"subject {count}"), float(count))


def fill_conditions(ledger, number):
    for count in range(number):
        ledger.put_condition(JobKey("other"), a_condition(f"key-{count}"), 1.0)


def fill_statuses(ledger, number):
    for count in range(number):
        ledger.claim(by_hand(f"run-{count}", f"job-{count}"), CLAIMANT, float(count))
        ledger.ended(an_attempt_result(f"run-{count}"), "success" if count else "failed", None, None)


def prune(ledger):
    ledger.prune(10**9, 50, 20)


@pytest.mark.parametrize(
    ("fill", "asked"),
    [
        (fill_requests, lambda ledger: ledger.requested_keys()),
        (fill_requests, lambda ledger: ledger.oldest_start_requests([KEY])),
        (fill_requests, lambda ledger: ledger.newest_start_request()),
        (fill_requests, lambda ledger: ledger.start_requests(ledger.newest_start_request())),
        (fill_runs, lambda ledger: ledger.open_runs([KEY])),
        (fill_runs, prune),
        (fill_statuses, lambda ledger: ledger.history(status="failed")),
        (fill_statuses, lambda ledger: ledger.last_skips(3)),
        (fill_jobs, lambda ledger: ledger.job_states([KEY])),
        (fill_jobs, lambda ledger: ledger.job_rows([KEY])),
        (fill_outbox, lambda ledger: ledger.due_notices(10**9, 5)),
        (fill_outbox, lambda ledger: ledger.due_notices(10**9, 5, ["ops"])),
        (fill_outbox, lambda ledger: ledger.notices_to(["@flow"], "key")),
        (fill_outbox, lambda ledger: ledger.next_delivery()),
        (fill_outbox, lambda ledger: ledger.replace_notices("@flow", "key", "id")),
        (fill_conditions, lambda ledger: ledger.condition_count(KEY)),
        (fill_conditions, lambda ledger: ledger.condition_keys()),
        (fill_conditions, lambda ledger: ledger.forget_conditions(JobKey("other"), 10)),
    ],
)
def test_ten_times_the_rows_make_no_more_work(tmp_path, fill, asked):
    counts = []
    for number in (100, 1000):
        (tmp_path / str(number)).mkdir()
        ledger = LEDGERS["sqlite"](tmp_path / str(number))
        with ledger.transaction():
            fill(ledger, number)
            counts.append(steps(ledger, lambda: asked(ledger)))  # noqa: B023 - called at once
        ledger.close()

    assert counts[0] <= counts[1] <= 1.1 * counts[0] + 5


@pytest.fixture
def ledger(tmp_path):
    ledger = LEDGERS["sqlite"](tmp_path)
    yield ledger
    ledger.close()


def test_the_keys_with_start_requests_and_the_oldest_request_of_each(ledger):
    with ledger.transaction():
        for job, target in (("b", "y"), ("a", ""), ("b", "x"), ("b", "y"), ("a", ""), ("c", "z")):
            ledger.request_start(a_request(job, 1, target=target), 1.0)

    keys = ledger.requested_keys()
    oldest = ledger.oldest_start_requests([JobKey("b", "y"), JobKey("none"), JobKey("a")])

    assert keys == [("a", ""), ("b", "x"), ("b", "y"), ("c", "z")]
    assert [(row.key, row.id) for row in oldest] == [(("b", "y"), 1), (("a", ""), 2)]
    assert (ledger.newest_start_request(), [row.id for row in ledger.start_requests(4)]) == (6, [5, 6])


def test_what_is_asked_of_some_keys_is_the_same_as_of_all(ledger):
    with ledger.transaction():
        fill_jobs(ledger, 3)
        fill_runs(ledger, 3)
    keys = [JobKey("job"), JobKey("other-1"), JobKey("unknown")]

    states, rows, runs = ledger.job_states(), ledger.job_rows(), ledger.open_runs()

    assert ledger.job_states(keys) == {key: states[key] for key in keys[:2]}
    assert ledger.job_rows(keys) == [row for row in rows if row.key in keys]
    assert ledger.open_runs(keys) == [run for run in runs if run.key in keys]


def test_due_notices_are_the_oldest_and_a_newer_one_with_the_same_key_replaces_them(ledger):
    with ledger.transaction():
        fill_outbox(ledger, 5)
        for number, recipient in enumerate(("@flow", "@flow", "@other")):
            notice = type(a_notice())(recipient=recipient, subject="s", body="b", upsert_key="key")
            ledger.post(f"upsert-{number}", notice, 9.0)
        ledger.undelivered("id-0", 50, "no")
        ledger.replace_notices("@flow", "key", "upsert-1")

    assert [item.id for item in ledger.due_notices(9, 3)] == ["id-1", "id-2", "id-3"]
    assert [item.id for item in ledger.due_notices(60, 99)][-2:] == ["upsert-1", "upsert-2"]
    assert (ledger.next_delivery(), len(ledger.outbox())) == (1, 7)
