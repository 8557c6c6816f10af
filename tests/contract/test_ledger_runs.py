"""The contract of every ledger for claims and for the results of runs."""

import msgspec
import pytest

from scheduled.core.keys import JobKey
from scheduled.core.records import CHAIN
from scheduled.core.runs import Span
from tests.fixtures.ledgers import (
    CLAIMANT,
    HOUR,
    HOURLY,
    OTHER,
    a_claim,
    an_attempt_result,
    by_hand,
    claimed,
    end,
    rows,
    the_job,
    wait_for_retry,
)


def test_a_slot_is_claimed_once(ledger):
    assert [claimed(ledger, HOUR), claimed(ledger, HOUR, OTHER), claimed(ledger, HOUR)] == [
        True,
        False,
        False,
    ]
    assert rows(ledger) == [(Span(HOUR, HOUR, 1), None, "", "run-3600")]
    assert [run.tick for run in ledger.open_runs()] == ["tick-1"]


def test_a_slot_with_a_run_cannot_be_claimed_for_another_run_id(ledger):
    claimed(ledger, HOUR)
    with ledger.transaction():
        again = ledger.claim(msgspec.structs.replace(a_claim(HOUR), run_id="another"), OTHER, 7)

    assert (again, rows(ledger)) == (False, [(Span(HOUR, HOUR, 1), None, "", "run-3600")])
    assert [run.run_id for run in ledger.open_runs()] == ["run-3600"]


def test_a_claim_is_an_open_run_that_makes_its_job_busy(ledger):
    claimed(ledger, HOUR, slots=4, window_start=17)

    (run,) = ledger.open_runs()
    job_state = ledger.job_states()[JobKey("job")]
    assert (run.run_id, run.job, run.slot, run.status, run.attempt, run.slots, run.trigger, run.window_start) == (
        "run-3600", "job", HOUR, "claimed", 1, 4, "schedule", 17,
    )  # fmt: skip
    assert (run.tick, run.boot, run.retry_at, run.interruptions, run.stop_requested) == (
        "tick-1", "boot-1", None, 0, False,
    )  # fmt: skip
    assert (job_state.open_run, job_state.busy, ledger.open_run("run-3600")) == (run, True, run)


def test_a_parked_run_waits_for_a_decision_and_has_made_no_attempt(ledger):
    claimed(ledger, HOUR)
    with ledger.transaction():
        ledger.park("run-3600")

    (run,) = ledger.open_runs()
    job_state = ledger.job_states()[JobKey("job")]
    assert (run.status, run.attempt, run.retry_at, run.claimed_at) == ("waiting_retry", 0, None, 5.5)
    assert (job_state.open_run, job_state.busy) == (run, False)
    assert rows(ledger) == [(Span(HOUR, HOUR, 1), None, "", "run-3600")]


def test_a_run_that_has_started_is_not_parked(ledger):
    claimed(ledger, HOUR)
    with ledger.transaction():
        ledger.started("run-3600", 1, 8)
        ledger.park("run-3600")

    (run,) = ledger.open_runs()
    assert (run.status, run.attempt) == ("running", 1)


@pytest.mark.parametrize("slot", [2 * HOUR, 3 * HOUR, 5 * HOUR])
def test_no_slot_inside_a_span_with_a_verdict_can_be_claimed(ledger, slot):
    with ledger.transaction():
        ledger.record_verdict(JobKey("job"), Span(2 * HOUR, 5 * HOUR, 4), "coalesced", "", "run-x", 9)

    assert (claimed(ledger, slot), ledger.open_runs()) == (False, [])


@pytest.mark.parametrize("slot", [HOUR, 6 * HOUR])
def test_the_slots_next_to_a_span_can_be_claimed(ledger, slot):
    with ledger.transaction():
        ledger.record_verdict(JobKey("job"), Span(2 * HOUR, 5 * HOUR, 4), "coalesced", "", "run-x", 9)

    assert claimed(ledger, slot)


def test_the_same_slot_of_another_job_is_another_slot(ledger):
    with ledger.transaction():
        ledger.begin_epoch(JobKey("other"), HOURLY, 0)
        first = ledger.claim(a_claim(HOUR), CLAIMANT, 1)
        second = ledger.claim(a_claim(HOUR, run_id="o", job="other"), CLAIMANT, 1)

    assert (first, second) == (True, True)


def test_a_manual_run_takes_no_slot_but_makes_its_job_busy(ledger):
    with ledger.transaction():
        taken = ledger.claim(by_hand(), CLAIMANT, 1)

    job_state = ledger.job_states()[JobKey("job")]
    assert (taken, rows(ledger), job_state.busy, job_state.open_run) == (True, [], True, None)


def test_only_a_run_that_waits_for_a_retry_can_be_claimed_again_and_only_once(ledger):
    wait_for_retry(ledger, HOUR)

    with ledger.transaction():
        taken = [ledger.reclaim(a_claim(HOUR, attempt=2), claimant, 6) for claimant in (OTHER, CLAIMANT)]

    run = ledger.open_run("run-3600")
    assert taken == [True, False]
    assert (run.status, run.attempt, run.retry_at, run.tick) == ("claimed", 2, None, "tick-2")


def test_an_undone_claim_of_a_slot_is_due_at_once_with_the_same_attempt(ledger):
    claimed(ledger, HOUR)
    with ledger.transaction():
        ledger.unclaim("run-3600")

    run = ledger.open_run("run-3600")
    assert (run.status, run.attempt, run.retry_at, ledger.job_states()[JobKey("job")].busy) == (
        "waiting_retry", 0, 5, False,
    )  # fmt: skip
    assert rows(ledger) == [(Span(HOUR, HOUR, 1), None, "", "run-3600")]


def test_an_undone_claim_of_a_manual_run_is_deleted(ledger):
    with ledger.transaction():
        ledger.claim(by_hand(), CLAIMANT, 1)
        ledger.unclaim("by-hand")

    assert (ledger.open_runs(), ledger.run("by-hand")) == ([], None)


def test_the_claim_of_a_started_run_cannot_be_undone(ledger):
    claimed(ledger, HOUR)
    with ledger.transaction():
        ledger.started("run-3600", 1, 6.5)
        ledger.unclaim("run-3600")

    assert (ledger.open_run("run-3600").status, ledger.run("run-3600").started_at) == ("running", 6.5)


def test_the_start_of_another_attempt_does_not_change_the_status(ledger):
    claimed(ledger, HOUR)
    with ledger.transaction():
        ledger.started("run-3600", 2, 6.5)

    assert ledger.open_run("run-3600").status == "claimed"


def test_an_ended_run_is_no_longer_open_and_has_its_result(ledger):
    claimed(ledger, HOUR)
    end(ledger, an_attempt_result("run-3600", "failed", exit_code=3, reason="exit code 3"), "failed")

    run = ledger.run("run-3600")
    assert (ledger.open_runs(), ledger.open_run("run-3600"), ledger.job_states()[JobKey("job")].busy) == (
        [],
        None,
        False,
    )
    assert (run.status, run.reason, run.exit_code, run.started_at, run.finished_at, run.duration_ms) == (
        "failed", "exit code 3", 3, 10.25, 12.5, 2250,
    )  # fmt: skip


def test_an_attempt_that_is_retried_leaves_the_run_open_and_the_counters_unchanged(ledger):
    wait_for_retry(ledger, HOUR, retry_at=500)

    run, row = ledger.open_run("run-3600"), the_job(ledger)
    assert (run.status, run.retry_at, run.interruptions, ledger.job_states()[JobKey("job")].busy) == (
        "waiting_retry", 500, 0, False,
    )  # fmt: skip
    assert (row.run_count, row.failure_count, row.last_status, row.last_run_id) == (0, 0, None, None)


def test_interruptions_are_counted(ledger):
    claimed(ledger, HOUR)
    end(ledger, an_attempt_result("run-3600", "interrupted", exit_code=None), "waiting_retry", 500)

    assert ledger.open_run("run-3600").interruptions == 1


@pytest.mark.parametrize(
    ("status", "failures"),
    [("success", 0), ("skipped", 0), ("failed", 1), ("timed_out", 1), ("interrupted", 1)],
)
def test_a_jobs_summary_counts_its_runs_and_failures(ledger, status, failures):
    for slot in (HOUR, 2 * HOUR):
        claimed(ledger, slot)
        end(ledger, an_attempt_result(f"run-{slot}", status), status)

    row = the_job(ledger)
    assert (row.run_count, row.failure_count, row.last_status, row.last_run_id, row.last_run_at) == (
        2, 2 * failures, status, "run-7200", 12.5,
    )  # fmt: skip
    assert ledger.job_states()[JobKey("job")].last_status == status


def test_a_result_is_kept_until_there_is_a_newer_one(ledger):
    seen = []
    for slot, result in ((HOUR, {"healthy": 3, "of": ["a"]}), (2 * HOUR, None), (3 * HOUR, {"healthy": 4})):
        claimed(ledger, slot)
        end(ledger, an_attempt_result(f"run-{slot}"), "success", result=result)
        seen.append(the_job(ledger).last_result)

    assert seen == [{"healthy": 3, "of": ["a"]}, {"healthy": 3, "of": ["a"]}, {"healthy": 4}]


def test_a_waiting_run_can_be_closed_without_another_attempt(ledger):
    wait_for_retry(ledger, HOUR)
    with ledger.transaction():
        ledger.close_run("run-3600", "skipped", "edited")
        ledger.close_run("run-3600", "failed", "too late")

    run = ledger.run("run-3600")
    assert (ledger.open_runs(), run.status, run.reason, run.retry_at) == ([], "skipped", "edited", None)


def test_a_run_that_was_skipped_while_it_waited_can_wait_again(ledger):
    claimed(ledger, HOUR)
    result = an_attempt_result("run-3600", "failed", reason="exit code 3")
    end(ledger, result, "waiting_retry", 500)
    before = rows(ledger)
    with ledger.transaction():
        never = ledger.reopen_run("run-3600", 900)
        ledger.close_run("run-3600", "skipped", "by hand")
        ledger.record_verdict(JobKey("job"), Span(HOUR, HOUR, 1), "skipped", "by hand", "run-3600", 600)
        ledger.advance(JobKey("job"), HOUR)
    with ledger.transaction():
        again = ledger.reopen_run("run-3600", 900)
        ledger.reopen(JobKey("job"), HOUR, keeps_run=True)

    (run,) = ledger.open_runs()
    assert (never, again, rows(ledger)) == (False, True, before)
    assert (run.attempt, run.status, run.reason, run.retry_at) == (1, "waiting_retry", "exit code 3", 900)
    assert the_job(ledger).position == HOUR - 1


def test_a_waiting_run_without_an_attempt_has_a_reason(ledger):
    claimed(ledger, HOUR)
    with ledger.transaction():
        ledger.unclaim("run-3600")

    assert (
        ledger.run("run-3600").shown_reason == "claimed by a tick that did not start it; the next tick does"
    )


def test_a_waiting_run_can_fail_without_another_attempt_and_counts(ledger):
    wait_for_retry(ledger, HOUR)
    with ledger.transaction():
        ledger.fail_run("run-3600", "superseded by run-7200")
        ledger.fail_run("run-3600", "too late")

    run, job = ledger.run("run-3600"), the_job(ledger)
    assert (ledger.open_runs(), run.status, run.reason, run.retry_at) == (
        [], "failed", "superseded by run-7200", None,
    )  # fmt: skip
    assert (job.last_run_id, job.last_run_at, job.last_status) == ("run-3600", 12.5, "failed")
    assert (job.run_count, job.failure_count) == (1, 1)


def test_a_run_that_does_not_wait_for_a_retry_is_not_made_to_fail(ledger):
    claimed(ledger, HOUR)
    with ledger.transaction():
        ledger.fail_run("run-3600", "why")

    assert (ledger.run("run-3600").status, the_job(ledger).run_count) == ("claimed", 0)


def test_a_request_to_stop_a_run_is_recorded(ledger):
    claimed(ledger, HOUR)
    with ledger.transaction():
        ledger.request_stop("run-3600")

    assert ledger.open_run("run-3600").stop_requested is True


def test_a_run_that_is_replaced_is_not_one_that_the_user_stops(ledger):
    claimed(ledger, HOUR)
    with ledger.transaction():
        ledger.request_replacement("run-3600")
    asked = ledger.open_run("run-3600")
    with ledger.transaction():
        ledger.request_stop("run-3600")
        ledger.request_replacement("run-3600")
    stopped = ledger.open_run("run-3600")

    assert ((asked.replaced, asked.stop_requested), (stopped.replaced, stopped.stop_requested)) == (
        (True, False), (False, True),
    )  # fmt: skip


def test_the_next_attempt_of_a_replaced_run_is_not_replaced(ledger):
    claimed(ledger, HOUR)
    with ledger.transaction():
        ledger.request_replacement("run-3600")
    wait_for_retry(ledger, HOUR)
    waiting = ledger.open_run("run-3600")
    with ledger.transaction():
        ledger.reclaim(a_claim(HOUR, attempt=2), OTHER, 9)

    assert (waiting.replaced, ledger.open_run("run-3600").replaced) == (True, False)


def test_the_time_of_all_attempts_is_occupied_by_them(ledger):
    claimed(ledger, HOUR)
    key = JobKey("job")
    under_way = ledger.occupied(key, 0)
    wait_for_retry(ledger, HOUR)
    ended = ledger.occupied(key, 0)

    assert [span[1] for span in under_way] == [None]
    assert ended
    assert all(until is not None for _, until in ended)
    assert ledger.occupied(key, 1 + max(until for _, until in ended)) == []
    assert ledger.occupied(JobKey("other"), 0) == []


@pytest.mark.parametrize("end", ["ended", "close_run", "fail_run"])
def test_a_run_that_has_ended_names_no_tick_and_a_chain_stays_one(ledger, end):
    with ledger.transaction():
        for slot, run_id in ((HOUR, "run"), (2 * HOUR, "chain")):
            ledger.claim(a_claim(slot, run_id=run_id), CLAIMANT, 5.5)
            if run_id == "chain":
                ledger.begin_chain(run_id, {})
            ledger.ended(an_attempt_result(run_id, "failed"), "waiting_retry", 9, None)
        waiting = [ledger.run(run_id).tick for run_id in ("run", "chain")]
        for run_id in ("run", "chain"):
            if end == "ended":
                ledger.ended(an_attempt_result(run_id), "success", None, None)
            elif end == "close_run":
                ledger.close_run(run_id, "skipped", "edited")
            else:
                ledger.fail_run(run_id, "superseded")

    assert waiting == [CLAIMANT.tick, CHAIN]
    assert [ledger.run(run_id).tick for run_id in ("run", "chain")] == ["", CHAIN]
