"""The gaps between ticks are recorded as long as missed slots in them have no verdict."""

from types import SimpleNamespace

import pytest

from scheduled.core.configured_jobs import Jobs
from scheduled.core.jobs import Action, Job
from scheduled.core.keys import JobKey
from scheduled.core.runs import Span
from scheduled.engine import claims, gaps, planning
from tests.fixtures.ledgers import (
    CLAIMANT,
    HOUR,
    HOURLY,
    LEDGERS,
    an_attempt_result,
    claimed,
    end,
    rows,
    wait_for_retry,
)

DAY = 24 * HOUR


def jobs(catch_up="none"):
    action = Action("command", words=("true",))
    return Jobs({"job": Job(name="job", schedules=HOURLY, action=action, catch_up=catch_up)})


@pytest.fixture
def ledger(tmp_path):
    ledger = LEDGERS["sqlite"](tmp_path)
    with ledger.transaction():
        ledger.begin_epoch(JobKey("job"), HOURLY, 0)
    yield ledger
    ledger.close()


def ticks(ledger, *instants, catch_up="none"):
    for now in instants:
        with ledger.transaction():
            gaps.remember_tick(ledger, jobs(catch_up), now)
    return gaps.recorded(ledger)


def test_a_gap_is_recorded_while_a_run_keeps_its_slots_without_a_verdict(ledger):
    wait_for_retry(ledger, HOUR)

    assert ticks(ledger, HOUR + 5, 4 * HOUR, 4 * HOUR + 300) == ((0, HOUR + 5), (HOUR + 5, 4 * HOUR))
    assert gaps.last_planned(ledger, DAY) == 4 * HOUR + 300


def test_gaps_are_forgotten_once_the_run_has_ended(ledger):
    wait_for_retry(ledger, HOUR)
    ticks(ledger, HOUR + 5, 4 * HOUR)
    end(ledger, an_attempt_result(f"run-{HOUR}"), "success")

    assert ticks(ledger, 4 * HOUR + 300) == ()


def test_gaps_before_the_slot_of_the_run_are_not_recorded(ledger):
    wait_for_retry(ledger, 4 * HOUR)

    assert ticks(ledger, HOUR, 4 * HOUR) == ()


@pytest.mark.parametrize("catch_up", ["latest", "all"])
def test_no_gap_is_recorded_for_jobs_that_catch_up(ledger, catch_up):
    wait_for_retry(ledger, HOUR)

    assert ticks(ledger, HOUR + 5, 4 * HOUR, catch_up=catch_up) == ()


def test_ticks_within_ten_minutes_or_two_cadences_leave_no_gap(ledger):
    claimed(ledger, HOUR)
    with ledger.transaction():
        ledger.remember("cadence", "1800")

    assert ticks(ledger, HOUR, 2 * HOUR, 3 * HOUR + 1) == ((2 * HOUR, 3 * HOUR + 1),)


def test_slots_of_an_outage_are_missed_also_when_a_retry_of_an_older_slot_succeeds_after_it(ledger):
    config = SimpleNamespace(jobs=jobs(), problems=[], max_runs=None, timezone="UTC")
    wait_for_retry(ledger, HOUR, retry_at=4 * HOUR)

    def tick(now):
        with ledger.transaction():
            plan = planning.plan_and_record(ledger, config, now)
            gaps.remember_tick(ledger, config.jobs, now)
            claims.take(ledger, plan.starts, CLAIMANT, now)
        return [(start.claim.slot, start.again) for start in plan.starts]

    assert (tick(HOUR + 5), tick(4 * HOUR - 60), tick(4 * HOUR - 30)) == ([], [], [])
    with ledger.transaction():
        ledger.record_verdict(JobKey("job"), Span(HOUR, HOUR, 1), "success", "", f"run-{HOUR}", 9)
        ledger.advance(JobKey("job"), HOUR)
    end(ledger, an_attempt_result(f"run-{HOUR}"), "success")

    assert tick(4 * HOUR - 20) == []
    assert rows(ledger)[1:] == [(Span(2 * HOUR, 3 * HOUR, 2), "skipped", "missed", None)]


def test_a_planning_in_the_future_counts_as_now_because_the_clock_was_wrong(ledger):
    ticks(ledger, DAY)

    assert gaps.last_planned(ledger, HOUR) == HOUR


@pytest.mark.parametrize(("clock", "planned"), [(HOUR + 7, HOUR + 5), (HOUR + 1, HOUR)])
def test_a_tick_that_waited_for_a_later_one_does_not_take_back_what_that_one_has_seen(ledger, clock, planned):
    ticks(ledger, HOUR + 5)
    with ledger.transaction():
        gaps.remember_tick(ledger, jobs(), HOUR, clock)  # with the clock at HOUR + 1, it was set back

    assert gaps.last_planned(ledger, DAY) == planned


def test_a_gap_that_ends_in_the_future_is_forgotten_because_the_clock_was_set_back(ledger):
    wait_for_retry(ledger, HOUR)
    ticks(ledger, HOUR + 5, 4 * HOUR)

    assert ticks(ledger, 2 * HOUR) == ((0, HOUR + 5),)
