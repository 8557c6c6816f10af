"""The contract of every ledger for epochs, positions, slots and verdicts."""

import pytest

from scheduled.core.keys import JobKey
from scheduled.core.records import Epoch
from scheduled.core.runs import FormerEpoch, Span
from scheduled.state.sqlite import positions
from tests.fixtures.ledgers import DAILY, HOUR, HOURLY, an_attempt_result, claimed, end, rows, the_job


def test_a_new_epoch_sets_the_position_of_its_job(ledger):
    job_state = ledger.job_states()[JobKey("job")]

    assert (job_state.position, job_state.epoch, job_state.schedules) == (0, 0, HOURLY)
    assert (job_state.open_run, job_state.busy, job_state.window_start, job_state.last_status) == (
        None, False, None, None,
    )  # fmt: skip
    assert ledger.epochs() == [Epoch(job="job", starts_at=0, ends_at=None, schedules=HOURLY)]


def test_epochs_follow_each_other_and_only_the_open_one_is_a_job_state(ledger):
    with ledger.transaction():
        ledger.end_epoch(JobKey("job"), 50)
        between = ledger.job_states()
        ledger.begin_epoch(JobKey("job"), DAILY, 70)

    assert (between, ledger.job_states()[JobKey("job")].schedules) == ({}, DAILY)
    assert ledger.epochs() == [
        Epoch(job="job", starts_at=0, ends_at=50, schedules=HOURLY),
        Epoch(job="job", starts_at=70, ends_at=None, schedules=DAILY),
    ]


def test_an_epoch_that_continues_another_keeps_the_position_and_the_open_slots(ledger):
    with ledger.transaction():
        ledger.advance(JobKey("job"), 40)
        ledger.wait(JobKey("job"), "paused", 45)
        ledger.continue_epoch(JobKey("job"), DAILY, 50)

    job_state = ledger.job_states()[JobKey("job")]
    assert (job_state.position, job_state.epoch, job_state.schedules) == (40, 50, DAILY)
    assert job_state.former == (FormerEpoch(HOURLY, 0, 50),)
    assert (the_job(ledger).open_reason, the_job(ledger).next_due) == ("paused", 45)
    with ledger.transaction():
        ledger.advance(JobKey("job"), 50)
    assert ledger.job_states()[JobKey("job")].former == ()


def test_the_last_epoch_of_a_job_without_an_open_one_ends_at_its_position_or_later(ledger):
    with ledger.transaction():
        ledger.end_epoch(JobKey("job"), 30)
        ledger.begin_epoch(JobKey("job"), DAILY, 30)
        open_epoch = ledger.ended_epochs()
        ledger.end_epoch(JobKey("job"), 50)
        ledger.advance(JobKey("job"), 60)

    assert open_epoch == {}
    assert ledger.ended_epochs() == {
        JobKey("job"): Epoch(job="job", starts_at=30, ends_at=60, schedules=DAILY)
    }
    with ledger.transaction():
        ledger.begin_epoch(JobKey("other"), DAILY, 5)
    assert list(ledger.ended_epochs()) == [JobKey("job")]


def test_the_ends_of_epochs_between_two_slots(ledger):
    with ledger.transaction():
        for instant in (30, 50, 70):
            ledger.continue_epoch(JobKey("job"), DAILY, instant)
            ledger.begin_epoch(JobKey(f"other{instant}"), DAILY, instant)

    assert ledger.epoch_ends(JobKey("job"), 30, 70) == [30, 50]
    assert ledger.epoch_ends(JobKey("job"), 31, 50) == []


def test_the_summary_of_a_job_without_an_open_epoch_is_kept(ledger):
    with ledger.transaction():
        ledger.advance(JobKey("job"), 50)
        ledger.end_epoch(JobKey("job"), 50)

    assert (the_job(ledger).job, the_job(ledger).position, the_job(ledger).schedules) == ("job", 50, ())


def test_ending_an_epoch_that_is_not_open_does_nothing(ledger):
    with ledger.transaction():
        ledger.end_epoch(JobKey("job"), 50)
        ledger.end_epoch(JobKey("job"), 60)
        ledger.end_epoch(JobKey("unknown"), 60)

    assert [epoch.ends_at for epoch in ledger.epochs()] == [50]


@pytest.mark.parametrize("change", ["advance", "begin_epoch"])
def test_the_position_never_moves_backwards(ledger, change):
    with ledger.transaction():
        ledger.advance(JobKey("job"), 100)
        if change == "advance":
            ledger.advance(JobKey("job"), 50)
        else:
            ledger.end_epoch(JobKey("job"), 100)
            ledger.begin_epoch(JobKey("job"), HOURLY, 50)

    assert (the_job(ledger).position, ledger.job_states()[JobKey("job")].position) == (100, 100)


def test_an_open_reason_is_recorded_and_cleared(ledger):
    seen = []
    for reason, due in (("waiting_retry", 70), (None, None)):
        with ledger.transaction():
            ledger.wait(JobKey("job"), reason, due)
        seen.append((the_job(ledger).open_reason, the_job(ledger).next_due))

    assert seen == [("waiting_retry", 70), (None, None)]


def test_only_a_later_successful_slot_moves_window_start(ledger):
    seen = []
    for slot in (2 * HOUR, HOUR, None, 3 * HOUR):
        with ledger.transaction():
            ledger.succeeded(JobKey("job"), slot)
        seen.append(ledger.job_states()[JobKey("job")].window_start)

    assert seen == [2 * HOUR, 2 * HOUR, 2 * HOUR, 3 * HOUR]


def test_an_open_slot_gets_one_verdict_and_keeps_it(ledger):
    claimed(ledger, HOUR)
    for verdict in ("success", "failed"):
        with ledger.transaction():
            ledger.record_verdict(JobKey("job"), Span(HOUR, HOUR, 1), verdict, "why", "run-3600", 9)

    assert rows(ledger) == [(Span(HOUR, HOUR, 1), "success", "why", "run-3600")]


def test_slot_rows_are_sorted_by_job_and_time(ledger):
    with ledger.transaction():
        for job, slot in (("b", 1), ("a", 3), ("a", 2)):
            ledger.record_verdict(JobKey(job), Span(slot, slot, 1), "skipped", "edited", None, 9)

    assert [(row.job, row.span.first) for row in ledger.slot_rows()] == [("a", 2), ("a", 3), ("b", 1)]


# Which keys


def test_the_keys_to_plan_are_due_or_have_an_open_reason(ledger):
    with ledger.transaction():
        for name, reason, due in (("a", None, 50), ("b", None, 51), ("c", "paused", None), ("d", None, None)):
            ledger.begin_epoch(JobKey(name), HOURLY, 0)
            ledger.wait(JobKey(name), reason, due)

    assert ledger.keys_to_plan(50, ledger.generation()) == {JobKey("a"), JobKey("c")}
    assert ledger.keys_to_plan(0, ledger.generation() - 1) == {JobKey(name) for name in "abcd"}
    assert (ledger.next_due(), ledger.keys_waiting(["paused", "gate"])) == (50, {JobKey("c"): "paused"})


def test_without_a_due_instant_none_is_next(ledger):
    assert (ledger.next_due(), ledger.keys_to_plan(10**10, 10)) == (None, set())


def test_the_keys_ahead_have_a_position_or_an_open_run_after_an_instant(ledger):
    with ledger.transaction():
        ledger.begin_epoch(JobKey("other"), HOURLY, 100)
    claimed(ledger, 2 * HOUR)

    assert ledger.keys_ahead(99) == {JobKey("job"), JobKey("other")}
    assert ledger.keys_ahead(100) == {JobKey("job")}
    assert ledger.keys_ahead(2 * HOUR) == set()


def test_the_keys_without_success_are_those_of_which_the_last_run_did_not_succeed(ledger):
    with ledger.transaction():
        ledger.begin_epoch(JobKey("other"), HOURLY, 0)
    before = ledger.keys_without_success()
    claimed(ledger, HOUR)
    end(ledger, an_attempt_result(f"run-{HOUR}", "failed"), "failed")
    claimed(ledger, HOUR, job="other", run_id="other-1")
    end(ledger, an_attempt_result("other-1"), "success")

    assert (before, ledger.keys_without_success()) == (set(), {JobKey("job")})


@pytest.mark.parametrize(
    "change",
    [
        lambda ledger: ledger.advance(JobKey("job"), HOUR),
        lambda ledger: ledger.wait(JobKey("job"), None, 7),
        lambda ledger: ledger.succeeded(JobKey("job"), HOUR),
        lambda ledger: ledger.end_epoch(JobKey("job"), HOUR),
        lambda ledger: ledger.continue_epoch(JobKey("job"), DAILY, 50),
        lambda ledger: ledger.ended(an_attempt_result(f"run-{HOUR}", "failed"), "failed", None, None),
        lambda ledger: ledger.rewind(JobKey("job"), -5),
    ],
)
def test_the_changed_rows_are_those_of_which_the_snapshot_shows_something_else(ledger, change):
    claimed(ledger, HOUR)
    with ledger.transaction():
        ledger.begin_epoch(JobKey("other"), HOURLY, 0)
    with ledger.transaction():
        ledger.remember("planned", "1")
    generation = ledger.generation()
    before = ledger.changed_rows(generation)
    with ledger.transaction():
        change(ledger)
    with ledger.transaction():
        ledger.begin_epoch(JobKey("third"), HOURLY, 0)

    assert before == []
    assert ledger.changed_rows(generation) == ledger.job_rows([JobKey("job"), JobKey("third")])
    assert ledger.changed_rows(generation + 1) == ledger.job_rows([JobKey("third")])


def test_many_decided_slots_beyond_the_position_are_copied_once(ledger, monkeypatch):
    with ledger.transaction():
        for slot in range(2, 302):
            ledger.record_verdict(
                JobKey("job"), Span(slot * HOUR, slot * HOUR, 1), "skipped", "by hand", None, 0
            )
    copied = []
    monkeypatch.setattr(
        positions, "tuple", lambda of_key: copied.append(len(of_key)) or tuple(of_key), raising=False
    )

    decided = ledger.job_states()[JobKey("job")].decided

    assert decided == tuple(slot * HOUR for slot in range(2, 302))
    assert sum(copied) == 300


def test_the_states_of_a_set_of_keys_are_sorted(ledger):
    keys = [JobKey("a"), JobKey("b", "x"), JobKey("b", "y"), JobKey("c")]
    with ledger.transaction():
        for key in reversed(keys):
            ledger.begin_epoch(key, HOURLY, 0)

    assert [list(ledger.job_states(order)) for order in (keys[::-1], keys[2:] + keys[:2])] == [keys, keys]
