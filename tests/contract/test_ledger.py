"""What every ledger must do with epochs, slots and claims; tests/fixtures/ledgers.py names the implementations."""

import msgspec
import pytest

from scheduled.core.records import Epoch
from scheduled.core.runs import Span, slot_run_id
from tests.fixtures.ledgers import (
    DAILY,
    HOLDER,
    HOUR,
    HOURLY,
    OTHER,
    a_claim,
    an_ending,
    by_hand,
    claimed,
    end,
    rows,
    the_job,
    wait_for_retry,
)

# Where jobs stand


def test_a_new_epoch_is_where_its_job_stands(ledger):
    job_state = ledger.job_states()["job"]

    assert (job_state.position, job_state.epoch, job_state.schedules) == (0, 0, HOURLY)
    assert (job_state.open_run, job_state.busy, job_state.window_start, job_state.last_status) == (
        None, False, None, None,
    )  # fmt: skip
    assert ledger.epochs() == [Epoch(job="job", starts_at=0, ends_at=None, schedules=HOURLY)]


def test_epochs_follow_each_other_and_only_the_open_one_stands(ledger):
    with ledger.transaction():
        ledger.end_epoch("job", 50)
        between = ledger.job_states()
        ledger.begin_epoch("job", DAILY, 70)

    assert (between, ledger.job_states()["job"].schedules) == ({}, DAILY)
    assert ledger.epochs() == [
        Epoch(job="job", starts_at=0, ends_at=50, schedules=HOURLY),
        Epoch(job="job", starts_at=70, ends_at=None, schedules=DAILY),
    ]


def test_the_summary_of_a_job_without_an_open_epoch_is_kept(ledger):
    with ledger.transaction():
        ledger.advance("job", 50)
        ledger.end_epoch("job", 50)

    assert (the_job(ledger).job, the_job(ledger).position, the_job(ledger).schedules) == ("job", 50, ())


def test_ending_an_epoch_that_is_not_open_does_nothing(ledger):
    with ledger.transaction():
        ledger.end_epoch("job", 50)
        ledger.end_epoch("job", 60)
        ledger.end_epoch("nobody", 60)

    assert [epoch.ends_at for epoch in ledger.epochs()] == [50]


@pytest.mark.parametrize("change", ["advance", "begin_epoch"])
def test_the_position_never_moves_backwards(ledger, change):
    with ledger.transaction():
        ledger.advance("job", 100)
        if change == "advance":
            ledger.advance("job", 50)
        else:
            ledger.end_epoch("job", 100)
            ledger.begin_epoch("job", HOURLY, 50)

    assert (the_job(ledger).position, ledger.job_states()["job"].position) == (100, 100)


def test_a_reason_to_wait_is_noted_and_cleared(ledger):
    seen = []
    for reason, due in (("waiting_retry", 70), (None, None)):
        with ledger.transaction():
            ledger.wait("job", reason, due)
        seen.append((the_job(ledger).open_reason, the_job(ledger).next_due))

    assert seen == [("waiting_retry", 70), (None, None)]


# Claims


def test_a_slot_is_claimed_once(ledger):
    assert [claimed(ledger, HOUR), claimed(ledger, HOUR, OTHER), claimed(ledger, HOUR)] == [
        True,
        False,
        False,
    ]
    assert rows(ledger) == [(Span(HOUR, HOUR, 1), None, "", "run-3600")]
    assert [run.tick for run in ledger.open_runs()] == ["tick-1"]


def test_a_slot_that_has_a_run_is_not_given_to_one_of_another_name(ledger):
    claimed(ledger, HOUR)
    with ledger.transaction():
        again = ledger.claim(msgspec.structs.replace(a_claim(HOUR), run_id="another"), OTHER, 7)

    assert (again, rows(ledger)) == (False, [(Span(HOUR, HOUR, 1), None, "", "run-3600")])
    assert [run.run_id for run in ledger.open_runs()] == ["run-3600"]


def test_a_claim_is_an_open_run_that_makes_its_job_busy(ledger):
    claimed(ledger, HOUR, slots=4, window_start=17)

    (run,) = ledger.open_runs()
    job_state = ledger.job_states()["job"]
    assert (run.run_id, run.job, run.slot, run.status, run.attempt, run.slots, run.trigger, run.window_start) == (
        "run-3600", "job", HOUR, "claimed", 1, 4, "schedule", 17,
    )  # fmt: skip
    assert (run.tick, run.boot, run.retry_at, run.interruptions, run.stop_requested) == (
        "tick-1", "boot-1", None, 0, False,
    )  # fmt: skip
    assert (job_state.open_run, job_state.busy, ledger.open_run("run-3600")) == (run, True, run)


@pytest.mark.parametrize("slot", [2 * HOUR, 3 * HOUR, 5 * HOUR])
def test_no_slot_inside_a_span_with_a_verdict_can_be_claimed(ledger, slot):
    with ledger.transaction():
        ledger.record_verdict("job", Span(2 * HOUR, 5 * HOUR, 4), "coalesced", "", "run-x", 9)

    assert (claimed(ledger, slot), ledger.open_runs()) == (False, [])


@pytest.mark.parametrize("slot", [HOUR, 6 * HOUR])
def test_the_slots_beside_a_span_can_be_claimed(ledger, slot):
    with ledger.transaction():
        ledger.record_verdict("job", Span(2 * HOUR, 5 * HOUR, 4), "coalesced", "", "run-x", 9)

    assert claimed(ledger, slot)


def test_the_same_slot_of_another_job_is_another_slot(ledger):
    with ledger.transaction():
        ledger.begin_epoch("other", HOURLY, 0)
        mine = ledger.claim(a_claim(HOUR), HOLDER, 1)
        theirs = ledger.claim(a_claim(HOUR, run_id="o", job="other"), HOLDER, 1)

    assert (mine, theirs) == (True, True)


# Targets


def of_target(target, slot=HOUR, **values):
    return a_claim(slot, run_id=slot_run_id("job", slot, target), target=target, **values)


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
        ledger.record_verdict("job", Span(2 * HOUR, 5 * HOUR, 4), "coalesced", "", "run-x", 9, "a")
        taken = [ledger.claim(of_target(target, 3 * HOUR), HOLDER, 1) for target in ("a", "b")]

    assert taken == [False, True]


def test_a_retry_of_one_target_is_not_the_others(both):
    for target in ("a", "b"):
        end(both, an_ending(slot_run_id("job", HOUR, target), "failed"), "waiting_retry", 500)
    with both.transaction():
        taken = [both.reclaim(of_target("a", attempt=2), claimant, 6) for claimant in (OTHER, HOLDER)]

    assert taken == [True, False]
    assert open_by_target(both) == {
        "a": ("job@a-19700101T010000Z", "claimed", 2), "b": ("job@b-19700101T010000Z", "waiting_retry", 1),
    }  # fmt: skip


def test_undoing_the_claim_of_one_target_leaves_the_others(both):
    with both.transaction():
        both.unclaim(slot_run_id("job", HOUR, "a"))

    assert {target: status for target, (_, status, _) in open_by_target(both).items()} == {
        "a": "waiting_retry", "b": "claimed",
    }  # fmt: skip


def test_a_verdict_on_one_targets_slot_leaves_the_others_open(both):
    run_id = slot_run_id("job", HOUR, "b")
    end(both, an_ending(run_id), "success")
    with both.transaction():
        both.record_verdict("job", Span(HOUR, HOUR, 1), "success", "", run_id, 9, "b")

    assert [(row.target, row.verdict) for row in both.slot_rows()] == [("a", None), ("b", "success")]
    assert list(open_by_target(both)) == ["a"]
    assert [(row.target, row.run_count, row.last_run_id) for row in both.job_rows()] == [
        ("", 0, None), ("a", 0, None), ("b", 1, run_id),
    ]  # fmt: skip


def test_the_runs_of_its_targets_do_not_keep_a_job_without_one_busy(both):
    job_state = both.job_states()["job"]

    assert (job_state.target, job_state.busy, job_state.open_run) == ("", False, None)


# Runs by hand, retries, undone claims


def test_a_run_by_hand_takes_no_slot_but_keeps_its_job_busy(ledger):
    with ledger.transaction():
        taken = ledger.claim(by_hand(), HOLDER, 1)

    job_state = ledger.job_states()["job"]
    assert (taken, rows(ledger), job_state.busy, job_state.open_run) == (True, [], True, None)


def test_only_a_run_that_waits_can_be_claimed_again_and_only_once(ledger):
    wait_for_retry(ledger, HOUR)

    with ledger.transaction():
        taken = [ledger.reclaim(a_claim(HOUR, attempt=2), claimant, 6) for claimant in (OTHER, HOLDER)]

    run = ledger.open_run("run-3600")
    assert taken == [True, False]
    assert (run.status, run.attempt, run.retry_at, run.tick) == ("claimed", 2, None, "tick-2")


def test_an_undone_claim_of_a_slot_is_due_at_once_with_the_same_attempt(ledger):
    claimed(ledger, HOUR)
    with ledger.transaction():
        ledger.unclaim("run-3600")

    run = ledger.open_run("run-3600")
    assert (run.status, run.attempt, run.retry_at, ledger.job_states()["job"].busy) == (
        "waiting_retry", 0, 0, False,
    )  # fmt: skip
    assert rows(ledger) == [(Span(HOUR, HOUR, 1), None, "", "run-3600")]


def test_an_undone_claim_by_hand_is_gone(ledger):
    with ledger.transaction():
        ledger.claim(by_hand(), HOLDER, 1)
        ledger.unclaim("by-hand")

    assert (ledger.open_runs(), ledger.run("by-hand")) == ([], None)


def test_what_has_started_cannot_be_unclaimed(ledger):
    claimed(ledger, HOUR)
    with ledger.transaction():
        ledger.started("run-3600", 1, 6.5)
        ledger.unclaim("run-3600")

    assert (ledger.open_run("run-3600").status, ledger.run("run-3600").started_at) == ("running", 6.5)


def test_the_start_of_another_attempt_is_not_taken_for_this_ones(ledger):
    claimed(ledger, HOUR)
    with ledger.transaction():
        ledger.started("run-3600", 2, 6.5)

    assert ledger.open_run("run-3600").status == "claimed"
