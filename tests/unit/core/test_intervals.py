"""An interval that counts from the end of the last run has one slot at a time."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduled.config import no_effect
from scheduled.config.values import kill_after
from scheduled.core import intervals
from scheduled.core.epochs import open_slots_of, slots_of
from scheduled.core.job_plan import plan_job
from scheduled.core.jobs import Action, Job
from scheduled.core.keys import JobKey
from scheduled.core.runs import JobState, OpenRun
from scheduled.schedules.schedule import Schedule, same

HOUR, START = 3600, 1_780_000_000
FROM_END = (Schedule("every", str(HOUR), from_end=True),)
JOB = Job(name="job", schedules=FROM_END, action=Action("command", words=("true",)))


def state(epoch=START, **values):
    return JobState(**{"job": "job", "position": epoch, "epoch": epoch, "schedules": FROM_END, **values})


def next_slot(found):
    return open_slots_of(found).next_after(found.position)


def a_run(slot):
    return OpenRun(
        run_id="r", job="job", slot=slot, status="waiting_retry", attempt=1, slots=1, trigger="schedule", tick="", boot=""
    )  # fmt: skip


def test_an_epoch_has_one_slot():
    times = slots_of(FROM_END, START)

    assert list(times.between(START, START + 99 * HOUR)) == [START + 1 + HOUR]


def test_the_end_of_a_run_begins_the_next_interval():
    slot = next_slot(state())
    ended = intervals.renewed(state(position=slot), slot + 5000)

    assert (ended.epoch, ended.position, next_slot(ended)) == (slot + 5000, slot + 5000, slot + 5000 + HOUR)


def test_a_slot_that_is_due_at_the_end_of_an_older_run_stays():
    assert intervals.renewal(state(), START + 2 * HOUR) is None


def test_nothing_begins_while_a_run_waits_for_its_retry():
    slot = next_slot(state())

    assert intervals.renewal(state(open_run=a_run(slot)), slot + 60) is None
    assert intervals.overdue({JobKey("job"): state(open_run=a_run(slot))}, slot + 60) == []


def test_a_slot_that_was_skipped_counts_from_then():
    slot = next_slot(state())
    (change,) = intervals.overdue({JobKey("job"): state(position=slot)}, slot + 700)

    assert (change.boundary, change.continues) == (slot + 700, True)
    assert change.begins[0].phase == slot + 700


def test_a_slot_that_was_skipped_in_advance_moves_the_next_one_by_an_interval():
    slot = next_slot(state())
    skipped = state(decided=(slot,))

    assert next_slot(skipped) == slot + HOUR
    assert intervals.overdue({JobKey("job"): skipped}, slot - 1) == []
    assert (
        next_slot(intervals.overdue_renewed({JobKey("job"): skipped}, slot + 5)[JobKey("job")]) == slot + HOUR
    )


def test_an_end_in_the_future_moves_no_slot_away_by_more_than_one_interval():
    began = intervals.begins_at(FROM_END, START + 365 * 86400)

    assert START < slots_of(began, START).next_after(START) <= START + HOUR


def test_another_interval_is_another_schedule_and_another_end_is_not():
    plain = (Schedule("every", str(HOUR)),)

    assert same(intervals.begins_at(FROM_END, START), FROM_END)
    assert not same(plain, FROM_END)


@given(
    st.lists(st.tuples(st.integers(0, 3 * HOUR), st.integers(0, 5)), min_size=1, max_size=12),
    st.sampled_from([60, 300, 1800]),
)
def test_runs_are_an_interval_apart_with_any_duration(runs, cadence):
    """Compare with the naive rule: the first tick, when the machine is on, an interval after the last end."""
    found, expected = state(), START + 1 + HOUR
    for duration, ticks_off in runs:
        tick = -(-expected // cadence) * cadence + ticks_off * cadence
        if tick - cadence >= expected - 1 and tick > expected:
            assert plan_job(JOB, found, expected - 1).start is None
        start = plan_job(JOB, found, tick).start
        assert (start.claim.slot, start.claim.slots, start.coalesced) == (expected, 1, ())
        found = msgspec.structs.replace(found, position=start.claim.slot)
        found = intervals.renewed(found, tick + duration)
        expected = tick + duration + HOUR
        assert plan_job(JOB, found, tick + duration).next_due == expected


def test_overlap_has_no_effect_with_an_interval_that_counts_from_the_end():
    job = msgspec.structs.replace(JOB, overlap="skip")

    assert [text.partition(":")[0] for text in no_effect.warnings(job, {})] == ["overlap"]
    assert list(no_effect.warnings(JOB, {})) == []


@pytest.mark.parametrize("written", ["0", "0s", 0])
def test_a_run_that_has_to_end_gets_kill_at_once_if_kill_after_is_zero(written):
    assert kill_after(written) == 0
