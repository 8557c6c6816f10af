"""The instant that is worth waking the machine for."""

from pathlib import Path

import pytest

from scheduled.config.job_table import parse_job
from scheduled.core.configured_jobs import Jobs
from scheduled.core.job_plan import JobPlan
from scheduled.core.keys import JobKey
from scheduled.core.wake import Alarm, Wanted, wakers, wanted

NOW = 1_800_000_000  # 2027-01-15 08:00:00 UTC


def configured(**tables):
    jobs = Jobs()
    for name, table in tables.items():
        given = {"command": "true", "cron": "0 9 * * *", "wake": True, **table}
        jobs[name] = parse_job(name, given, source=Path("/x.toml"), defaults={}, timezone="UTC")
    return jobs


def test_it_is_a_minute_before_the_earliest_start():
    starts = {JobKey("a"): NOW + 500, JobKey("b"): NOW + 400}

    assert wanted(starts, NOW) == Wanted("b", NOW + 400, NOW + 340)


@pytest.mark.parametrize(("left", "before"), [(66, 60), (65, 0), (30, 0), (6, 0)])
def test_within_the_last_minute_it_is_the_instant_itself(left, before):
    assert wanted({JobKey("a"): NOW + left}, NOW) == Wanted("a", NOW + left, NOW + left - before)


@pytest.mark.parametrize("starts", [{}, {JobKey("a"): NOW + 5}])
def test_without_a_start_or_for_one_of_a_tick_now_there_is_none(starts):
    assert wanted(starts, NOW) is None


@pytest.mark.parametrize("table", [{"wake": False}, {"enabled": False}])
def test_a_job_that_does_not_want_it_or_does_not_run_wakes_nothing(table):
    assert wakers(configured(a=table), {JobKey("a"): JobPlan(next_due=NOW)}) == {}


@pytest.mark.parametrize(
    ("waits", "later"),
    [(None, False), ("quiet", False), ("start_delay", False), ("gate", True), ("group", True)],
)
def test_only_a_slot_that_waits_for_something_else_than_time_is_passed_over(waits, later):
    assert wakers(configured(a={}), {JobKey("a"): JobPlan(waits=waits)}) == {JobKey("a"): later}


def test_an_alarm_that_could_not_replace_another_is_known_as_either():
    alarm = Alarm("a", NOW + 100, 0, (NOW + 40, NOW - 10))

    assert [alarm.is_at(at, 2) for at in (NOW + 42, NOW - 10, NOW)] == [True, True, False]
    assert alarm.later(NOW) == (NOW + 40,)
