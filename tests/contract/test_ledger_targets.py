"""What every ledger must do where a job runs for many targets: none is in the way of another."""

import pytest

from scheduled.core.keys import JobKey
from scheduled.core.runs import Span, slot_run_id
from tests.fixtures.ledgers import HOLDER, HOUR, OTHER, a_claim, an_ending, end


def of_target(target, slot=HOUR, **values):
    return a_claim(slot, run_id=slot_run_id(JobKey("job", target), slot), target=target, **values)


@pytest.fixture
def both(ledger):
    """A ledger in which the same slot of two targets of one job is claimed."""
    with ledger.transaction():
        assert [ledger.claim(of_target(target), HOLDER, 1) for target in ("a", "b")] == [True, True]
    return ledger


def open_by_target(ledger):
    return {run.target: (run.run_id, run.status, run.attempt) for run in ledger.open_runs()}


def test_the_same_slot_of_another_target_is_another_slot(both):
    with both.transaction():
        again = [both.claim(of_target(target), OTHER, 2) for target in ("a", "b")]
        third = both.claim(a_claim(HOUR), OTHER, 2)

    assert (again, third) == ([False, False], True)
    assert [(row.target, row.run_id) for row in both.slot_rows()] == [
        ("", "run-3600"), ("a", "job@a-19700101T010000Z"), ("b", "job@b-19700101T010000Z"),
    ]  # fmt: skip
    assert both.run("job@a-19700101T010000Z").target == "a"


def test_a_slot_inside_another_targets_span_can_be_claimed(ledger):
    with ledger.transaction():
        ledger.record_verdict(JobKey("job", "a"), Span(2 * HOUR, 5 * HOUR, 4), "coalesced", "", "run-x", 9)
        taken = [ledger.claim(of_target(target, 3 * HOUR), HOLDER, 1) for target in ("a", "b")]

    assert taken == [False, True]


def test_a_retry_of_one_target_is_not_the_others(both):
    for target in ("a", "b"):
        end(both, an_ending(slot_run_id(JobKey("job", target), HOUR), "failed"), "waiting_retry", 500)
    with both.transaction():
        taken = [both.reclaim(of_target("a", attempt=2), claimant, 6) for claimant in (OTHER, HOLDER)]

    assert taken == [True, False]
    assert open_by_target(both) == {
        "a": ("job@a-19700101T010000Z", "claimed", 2), "b": ("job@b-19700101T010000Z", "waiting_retry", 1),
    }  # fmt: skip


def test_undoing_the_claim_of_one_target_leaves_the_others(both):
    with both.transaction():
        both.unclaim(slot_run_id(JobKey("job", "a"), HOUR))

    assert {target: status for target, (_, status, _) in open_by_target(both).items()} == {
        "a": "waiting_retry", "b": "claimed",
    }  # fmt: skip


def test_a_verdict_on_one_targets_slot_leaves_the_others_open(both):
    run_id = slot_run_id(JobKey("job", "b"), HOUR)
    end(both, an_ending(run_id), "success")
    with both.transaction():
        both.record_verdict(JobKey("job", "b"), Span(HOUR, HOUR, 1), "success", "", run_id, 9)

    assert [(row.target, row.verdict) for row in both.slot_rows()] == [("a", None), ("b", "success")]
    assert list(open_by_target(both)) == ["a"]
    assert [(row.target, row.run_count, row.last_run_id) for row in both.job_rows()] == [
        ("", 0, None), ("a", 0, None), ("b", 1, run_id),
    ]  # fmt: skip


def test_the_runs_of_its_targets_do_not_keep_a_job_without_one_busy(both):
    job_state = both.job_states()[JobKey("job")]

    assert (job_state.target, job_state.busy, job_state.open_run) == ("", False, None)
