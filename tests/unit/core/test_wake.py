"""The instant that is worth waking the machine for."""

from pathlib import Path

import pytest

from scheduled.config.job_table import parse_job
from scheduled.core.jobs import Jobs
from scheduled.core.keys import ALL_JOBS, JobKey
from scheduled.core.planner import JobPlan
from scheduled.core.wake import Wanted, wanted

NOW = 1_800_000_000  # 2027-01-15 08:00:00 UTC
HOUR = 3600


def asked(plans, pauses=None, now=NOW, **tables):
    tables = {"a": {}, "b": {}} | tables
    jobs = Jobs()
    for name, table in tables.items():
        given = {"command": "true", "cron": "0 9 * * *", "wake": True, **table}
        jobs[name] = parse_job(name, given, source=Path("/x.toml"), defaults={}, timezone="UTC")
    return wanted(jobs, {JobKey(name): plan for name, plan in plans.items()}, pauses or {}, now)


def test_it_is_a_minute_before_the_earliest_instant_at_which_a_job_is_due():
    plans = {"a": JobPlan(next_due=NOW + 500), "b": JobPlan(next_due=NOW + 400, waits="waiting_retry")}

    assert asked(plans) == Wanted("b", NOW + 400, NOW + 340)


@pytest.mark.parametrize(("left", "before"), [(66, 60), (65, 0), (30, 0), (6, 0)])
def test_within_the_last_minute_it_is_the_instant_itself(left, before):
    assert asked({"a": JobPlan(next_due=NOW + left)}) == Wanted("a", NOW + left, NOW + left - before)


@pytest.mark.parametrize(
    ("table", "pauses"),
    [({"wake": False}, {}), ({"enabled": False}, {}), ({}, {JobKey("a"): None}), ({}, {ALL_JOBS: NOW + 100})],
)
def test_there_is_no_alarm_for_a_job_that_does_not_want_it_or_does_not_run(table, pauses):
    assert asked({"a": JobPlan(next_due=NOW + 500)}, pauses, a=table) is None


def test_for_an_open_slot_that_waits_without_an_end_it_is_the_next_slot():
    found = asked({"a": JobPlan(waits="gate", next_due=NOW)})

    assert found == Wanted("a", NOW + HOUR, NOW + HOUR - 60)


def test_without_a_further_slot_there_is_none():
    assert asked({"a": JobPlan()}, a={"cron": None, "at": "2026-01-01 00:00"}) is None
