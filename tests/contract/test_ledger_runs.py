"""What every ledger must do with the ends of runs and with verdicts."""

import pytest

from scheduled.core.runs import Span, TriggerRow
from tests.fixtures.ledgers import (
    HOLDER,
    HOUR,
    a_claim,
    an_ending,
    by_hand,
    claimed,
    end,
    rows,
    the_job,
    wait_for_retry,
)

# Endings


def test_a_run_that_ended_is_open_no_more_and_tells_how_it_ended(ledger):
    claimed(ledger, HOUR)
    end(ledger, an_ending("run-3600", "failed", exit_code=3, reason="exit code 3"), "failed")

    run = ledger.run("run-3600")
    assert (ledger.open_runs(), ledger.open_run("run-3600"), ledger.job_states()["job"].busy) == (
        [],
        None,
        False,
    )
    assert (run.status, run.reason, run.exit_code, run.started_at, run.finished_at, run.duration_ms) == (
        "failed", "exit code 3", 3, 10.25, 12.5, 2250,
    )  # fmt: skip


def test_an_attempt_with_another_to_come_leaves_the_run_open_and_the_counters_alone(ledger):
    wait_for_retry(ledger, HOUR, retry_at=500)

    run, row = ledger.open_run("run-3600"), the_job(ledger)
    assert (run.status, run.retry_at, run.interruptions, ledger.job_states()["job"].busy) == (
        "waiting_retry", 500, 0, False,
    )  # fmt: skip
    assert (row.run_count, row.failure_count, row.last_status, row.last_run_id) == (0, 0, None, None)


def test_interruptions_are_counted(ledger):
    claimed(ledger, HOUR)
    end(ledger, an_ending("run-3600", "interrupted", exit_code=None), "waiting_retry", 500)

    assert ledger.open_run("run-3600").interruptions == 1


@pytest.mark.parametrize(
    ("status", "failures"),
    [("success", 0), ("skipped", 0), ("failed", 1), ("timed_out", 1), ("interrupted", 1)],
)
def test_a_jobs_summary_counts_its_runs_and_failures(ledger, status, failures):
    for slot in (HOUR, 2 * HOUR):
        claimed(ledger, slot)
        end(ledger, an_ending(f"run-{slot}", status), status)

    row = the_job(ledger)
    assert (row.run_count, row.failure_count, row.last_status, row.last_run_id, row.last_run_at) == (
        2, 2 * failures, status, "run-7200", 12.5,
    )  # fmt: skip
    assert ledger.job_states()["job"].last_status == status


def test_a_result_is_kept_until_there_is_a_newer_one(ledger):
    seen = []
    for slot, result in ((HOUR, {"healthy": 3, "of": ["a"]}), (2 * HOUR, None), (3 * HOUR, {"healthy": 4})):
        claimed(ledger, slot)
        end(ledger, an_ending(f"run-{slot}"), "success", result=result)
        seen.append(the_job(ledger).last_result)

    assert seen == [{"healthy": 3, "of": ["a"]}, {"healthy": 3, "of": ["a"]}, {"healthy": 4}]


def test_a_waiting_run_can_be_closed_without_another_attempt(ledger):
    wait_for_retry(ledger, HOUR)
    with ledger.transaction():
        ledger.close_run("run-3600", "skipped", "edited")
        ledger.close_run("run-3600", "failed", "too late to say")

    run = ledger.run("run-3600")
    assert (ledger.open_runs(), run.status, run.reason, run.retry_at) == ([], "skipped", "edited", None)


def test_only_a_later_slot_moves_the_window(ledger):
    seen = []
    for slot in (2 * HOUR, HOUR, None, 3 * HOUR):
        with ledger.transaction():
            ledger.succeeded("job", slot)
        seen.append(ledger.job_states()["job"].window_start)

    assert seen == [2 * HOUR, 2 * HOUR, 2 * HOUR, 3 * HOUR]


def test_a_persons_wish_to_stop_a_run_is_noted(ledger):
    claimed(ledger, HOUR)
    with ledger.transaction():
        ledger.request_stop("run-3600")

    assert ledger.open_run("run-3600").stop_requested is True


def test_each_attempt_of_a_run_has_its_own_row_with_its_own_output_and_result(ledger):
    claimed(ledger, HOUR)
    endings = [("failed", 3), ("interrupted", None), ("success", 0)]
    for attempt, (status, code) in enumerate(endings, 1):
        output = f"output/run-3600.{attempt}.log"
        ending = an_ending(
            "run-3600", status, attempt, exit_code=code, output=output, started_at=attempt + 0.5
        )
        end(ledger, ending, "success" if code == 0 else "waiting_retry", 500, result={"tries": attempt})
        with ledger.transaction():
            ledger.reclaim(a_claim(HOUR, attempt=attempt + 1), HOLDER, 6)

    found = ledger.attempts("run-3600")

    assert [(row.attempt, row.status, row.exit_code, row.started_at) for row in found] == [
        (1, "failed", 3, 1.5), (2, "interrupted", None, 2.5), (3, "success", 0, 3.5),
    ]  # fmt: skip
    assert [(row.output, row.result) for row in found] == [
        (f"output/run-3600.{attempt}.log", {"tries": attempt}) for attempt in (1, 2, 3)
    ]


def test_an_attempt_that_printed_and_reported_nothing_says_so(ledger):
    claimed(ledger, HOUR)
    end(ledger, an_ending("run-3600"), "success")

    (row,) = ledger.attempts("run-3600")
    assert (row.run_id, row.output, row.result, ledger.attempts("nothing")) == ("run-3600", None, None, [])


# Verdicts


def test_an_open_slot_gets_one_verdict_and_keeps_it(ledger):
    claimed(ledger, HOUR)
    for verdict in ("success", "failed"):
        with ledger.transaction():
            ledger.record_verdict("job", Span(HOUR, HOUR, 1), verdict, "why", "run-3600", 9)

    assert rows(ledger) == [(Span(HOUR, HOUR, 1), "success", "why", "run-3600")]


def test_a_trigger_keeps_the_target_that_it_starts(ledger):
    with ledger.transaction():
        ledger.trigger(TriggerRow(id=0, job="job", target="a", event="e", payload={}, depth=1), 7.5)

    assert [(row.job, row.target, row.at) for row in ledger.triggers()] == [("job", "a", 7.5)]


def test_rows_come_by_job_and_time(ledger):
    with ledger.transaction():
        for job, slot in (("b", 1), ("a", 3), ("a", 2)):
            ledger.record_verdict(job, Span(slot, slot, 1), "skipped", "edited", None, 9)

    assert [(row.job, row.span.first) for row in ledger.slot_rows()] == [("a", 2), ("a", 3), ("b", 1)]


def test_history_is_newest_first_and_can_be_bounded(ledger):
    with ledger.transaction():
        for at, (run_id, job) in enumerate((("r1", "job"), ("r2", "other"), ("r3", "job"))):
            ledger.claim(by_hand(run_id, job), HOLDER, float(at))

    assert [run.run_id for run in ledger.history()] == ["r3", "r2", "r1"]
    assert [run.run_id for run in ledger.history(job="job", limit=1)] == ["r3"]
    assert (ledger.run("r2").host, ledger.run("r2").trigger, ledger.run("nothing")) == (
        "here",
        "manual",
        None,
    )
