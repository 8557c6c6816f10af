"""The contract of every ledger for a job with many targets: each target is independent of the others."""

import pytest

from scheduled.core.keys import JobKey
from scheduled.core.run_ids import slot_run_id
from scheduled.core.runs import Span, StartRequest
from tests.fixtures.ledgers import (
    CLAIMANT,
    DAILY,
    HOUR,
    HOURLY,
    OTHER,
    a_claim,
    a_condition,
    an_attempt_result,
    end,
)

A, B = JobKey("job", "a"), JobKey("job", "b")


def of_target(target, slot=HOUR, **values):
    return a_claim(slot, run_id=slot_run_id(JobKey("job", target), slot), target=target, **values)


@pytest.fixture
def both(ledger):
    """A ledger in which two targets of one job have claimed the same slot."""
    with ledger.transaction():
        assert [ledger.claim(of_target(target), CLAIMANT, 1) for target in ("a", "b")] == [True, True]
    return ledger


@pytest.fixture
def two(ledger):
    """A ledger with a job and two targets of it, each with an open epoch, at the same position."""
    with ledger.transaction():
        for key in (A, B):
            ledger.begin_epoch(key, HOURLY, 0)
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
        taken = [ledger.claim(of_target(target, 3 * HOUR), CLAIMANT, 1) for target in ("a", "b")]

    assert taken == [False, True]


def test_a_retry_of_one_target_leaves_the_others(both):
    for target in ("a", "b"):
        end(both, an_attempt_result(slot_run_id(JobKey("job", target), HOUR), "failed"), "waiting_retry", 500)
    with both.transaction():
        taken = [both.reclaim(of_target("a", attempt=2), claimant, 6) for claimant in (OTHER, CLAIMANT)]

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
    end(both, an_attempt_result(run_id), "success")
    with both.transaction():
        both.record_verdict(JobKey("job", "b"), Span(HOUR, HOUR, 1), "success", "", run_id, 9)

    assert [(row.target, row.verdict) for row in both.slot_rows()] == [("a", None), ("b", "success")]
    assert list(open_by_target(both)) == ["a"]
    assert [(row.target, row.run_count, row.last_run_id) for row in both.job_rows()] == [
        ("", 0, None), ("a", 0, None), ("b", 1, run_id),
    ]  # fmt: skip


def test_a_target_is_busy_because_of_its_own_runs_only(both):
    with both.transaction():
        for target in ("a", "b", "c"):
            both.begin_epoch(JobKey("job", target), HOURLY, 0)
    end(both, an_attempt_result(slot_run_id(B, HOUR), "failed"), "waiting_retry", 500)

    states = {key: (found.key, found.busy, found.open_run) for key, found in both.job_states().items()}
    runs = {run.key: run for run in both.open_runs()}

    assert states == {
        JobKey("job"): (JobKey("job"), False, None), A: (A, True, runs[A]), B: (B, False, runs[B]),
        JobKey("job", "c"): (JobKey("job", "c"), False, None),
    }  # fmt: skip


# Positions


def test_a_change_of_one_targets_position_leaves_the_others(two):
    with two.transaction():
        two.advance(A, 2 * HOUR)
        two.succeeded(B, HOUR)
        two.wait(A, "gate", 77)

    assert {
        row.key: (row.position, row.window_start, row.open_reason, row.next_due) for row in two.job_rows()
    } == {JobKey("job"): (0, None, None, None), A: (2 * HOUR, None, "gate", 77), B: (0, HOUR, None, None)}


def test_the_epoch_of_one_target_ends_and_begins_without_the_others(two):
    with two.transaction():
        two.end_epoch(A, HOUR)
    between = set(two.job_states())
    with two.transaction():
        two.begin_epoch(A, DAILY, 2 * HOUR)

    assert between == {JobKey("job"), B}
    assert {key: (found.epoch, found.schedules) for key, found in two.job_states().items()} == {
        JobKey("job"): (0, HOURLY), A: (2 * HOUR, DAILY), B: (0, HOURLY),
    }  # fmt: skip
    assert [(epoch.key, epoch.starts_at, epoch.ends_at) for epoch in two.epochs()] == [
        (JobKey("job"), 0, None), (A, 0, HOUR), (A, 2 * HOUR, None), (B, 0, None),
    ]  # fmt: skip


def test_the_verdicts_of_each_target_are_found_and_cut_separately(two):
    with two.transaction():
        for key, reason in ((A, "late"), (B, "missed")):
            two.record_verdict(key, Span(HOUR, 3 * HOUR, 3), "skipped", reason, None, 9)
        two.cut(A, HOUR, Span(HOUR, HOUR, 1))

    assert [(row.key, row.span.last, row.reason) for row in (two.row_at(key, 2 * HOUR) for key in (A, B))] == [
        (A, HOUR, "late"), (B, 3 * HOUR, "missed"),
    ]  # fmt: skip
    assert [[row.key for row in two.rows_after(key, 2 * HOUR)] for key in (A, B, JobKey("job"))] == [
        [],
        [B],
        [],
    ]
    with two.transaction():
        two.cut(B, HOUR, None)
    assert [row.key for row in two.slot_rows()] == [A]


def test_a_slot_decided_in_advance_belongs_to_its_target(two):
    with two.transaction():
        two.record_verdict(A, Span(HOUR, HOUR, 1), "skipped", "by hand", None, 9)

    assert {key: found.decided for key, found in two.job_states().items()} == {
        JobKey("job"): (), A: (HOUR,), B: (),
    }  # fmt: skip


# Start requests, history


def test_a_start_request_is_for_one_target(two):
    with two.transaction():
        for key in (B, A):
            two.request_start(
                StartRequest(id=0, job=key.job, target=key.target, event="e", payload={}, depth=1), 1.0
            )
        two.take_start_request(two.start_requests()[0].id)

    assert [row.key for row in two.start_requests()] == [A]


def test_the_history_of_a_job_has_the_runs_of_all_its_targets(both):
    with both.transaction():
        both.claim(a_claim(HOUR, job="other", run_id="o"), CLAIMANT, 3)

    assert [run.key for run in both.history(job="job")] == [B, A]
    assert [run.key for run in both.history(job="job", target=A.target)] == [A]
    assert both.history(job="job", target="") == []
    assert [run.key for run in both.history()] == [JobKey("other"), B, A]


# Conditions, totals


def test_conditions_with_the_same_key_are_separate_for_each_target(two):
    with two.transaction():
        for since, key in enumerate((A, B, JobKey("job"))):
            two.put_condition(key, a_condition("k"), float(since))
        two.notified(A, ["k"], 7.0)
        two.drop_conditions(B, ["k"])

    assert [(item.key, item.since, item.notified_at) for item in two.conditions()] == [
        (A, 0.0, 7.0), (JobKey("job"), 2.0, None),
    ]  # fmt: skip
    assert [[item.key for item in two.conditions(key)] for key in (A, B, JobKey("job"), JobKey(""))] == [
        [A], [], [JobKey("job")], [],
    ]  # fmt: skip


def test_totals_are_counted_by_target(two):
    with two.transaction():
        for key, amount in ((A, 1), (B, 10), (A, 2), (JobKey("job"), 100)):
            two.count(key, "opened", amount)

    assert two.totals() == {A: {"opened": 3}, B: {"opened": 10}, JobKey("job"): {"opened": 100}}


# Overrides and pauses


def test_overrides_and_pauses_are_set_for_one_target(two):
    with two.transaction():
        for key in (A, B):
            two.override(key, enabled=False)
            two.pause(key, 100)
        two.override(A, enabled=None)
        two.resume(B)

    assert (two.overrides(), two.pauses(0)) == ({B: False}, {A: 100})


# The clock


def test_one_target_is_rewound_and_restored_without_the_others(two):
    for key in (A, B):
        with two.transaction():
            two.record_verdict(key, Span(5 * HOUR, 5 * HOUR, 1), "success", "", "r", 9)
            two.advance(key, 5 * HOUR)
            two.succeeded(key, 5 * HOUR)
    before = two.job_states(), two.epochs(), list(two.slot_rows())
    with two.transaction():
        two.rewind(A, 2 * HOUR)
    rewound = {key: (found.position, found.window_start) for key, found in two.job_states().items()}
    aside = two.saved_positions()
    with two.transaction():
        two.restore_positions(B, 6 * HOUR)
        two.restore_positions(A, 6 * HOUR)

    assert rewound == {JobKey("job"): (0, None), A: (2 * HOUR, None), B: (5 * HOUR, 5 * HOUR)}
    assert [(found.key, found.position, found.back_to) for found in aside] == [(A, 5 * HOUR, 2 * HOUR)]
    assert ((two.job_states(), two.epochs(), list(two.slot_rows())), two.saved_positions()) == (before, [])


def test_slots_set_aside_of_one_target_are_forgotten_without_the_others(two):
    with two.transaction():
        for key in (A, B):
            two.advance(key, 5 * HOUR)
            two.rewind(key, 2 * HOUR)
        two.delete_saved_position(two.saved_positions()[0])

    assert [found.key for found in two.saved_positions()] == [B]
