"""A run that answered "not now" is given up at its deadline, also while quiet hours hold it back."""

from datetime import UTC, datetime

import msgspec
import pytest

from scheduled.core import deferrals, job_plan
from scheduled.core.holds import Holds
from scheduled.core.jobs import Action, Job, Window
from scheduled.core.keys import ALL_JOBS, JobKey
from scheduled.core.runs import JobState, OpenRun
from scheduled.schedules.schedule import Schedule

DAILY = (Schedule("cron", "0 8 * * *"),)
QUIET = Window(8 * 60 + 30, 12 * 60)


def at(text):
    hour, minute, second = map(int, f"{text}:00".split(":")[:3])
    return int(datetime(2026, 3, 10, hour, minute, second, tzinfo=UTC).timestamp())


def a_job(**values):
    values = {"schedules": DAILY, "not_between": QUIET, **values}
    return Job(name="job", action=Action("command", words=("x",)), **values)


def deferred(slot="08:00", **values):
    fixed = {"tick": "t", "boot": "b", "trigger": "schedule", "slots": 1, "attempt": 6, "deferrals": 6}
    values = {"status": "waiting_retry", "retry_at": at("08:30"), "reason": "not now", **values}
    return OpenRun(
        run_id="job-1",
        job="job",
        slot=slot and at(slot),
        first_started_at=at("08:00") + 0.5,
        **fixed,
        **values,
    )


def state(run, schedules=DAILY):
    own = {"open_run": run} if run.slot is not None else {"others": (run,)}
    return JobState(job="job", position=at("08:00") - 1, epoch=at("00:00"), schedules=schedules, **own)


def given_up(job, run, now, pauses=None):
    return [
        (one.run.run_id, one.reason) for one in deferrals.given_up(job, state(run), pauses or {}, at(now))
    ]


@pytest.mark.parametrize(
    ("job", "ends", "why"),
    [
        ({"gate_deadline": 3600}, "09:00", "its `gate_deadline` has passed"),
        ({"grace": 3600}, "09:00", "its `grace` has passed"),
        ({"gate_deadline": 7200, "grace": 60}, "10:00", "its `gate_deadline` has passed"),
    ],
)
@pytest.mark.parametrize("slot", ["08:00", None])
def test_the_bound_counts_by_the_clock_also_in_quiet_hours(job, ends, why, slot):
    job, run = a_job(**job), deferred(slot)

    before, after = given_up(job, run, ends), given_up(job, run, f"{ends}:01")

    assert (before, after) == ([], [("job-1", f"not now; {why}")])
    assert job_plan.plan_job(job, state(run, job.schedules), at("08:40")).next_due == at(f"{ends}:01")


def test_a_newer_slot_replaces_a_run_that_has_no_other_bound_unless_the_older_one_goes_first():
    hourly = {"schedules": (Schedule("cron", "0 * * * *"),)}
    replaced, first = a_job(not_between=None, **hourly), a_job(catch_up="all", **hourly)

    assert given_up(replaced, deferred(), "11:00") == given_up(first, deferred(), "09:00") == []
    assert given_up(first, deferred(), "09:00:01") == [
        ("job-1", "not now; it was deferred until its next slot")
    ]


def test_a_run_with_a_newer_slot_that_quiet_hours_hold_back_is_given_up_after_one_period():
    hourly = a_job(schedules=(Schedule("cron", "0 * * * *"),))

    found = [given_up(hourly, deferred(), now) for now in ("09:00", "09:00:01", "12:00")]

    # at 12:00 the newer slot may start, and replaces it
    assert found == [[], [("job-1", "not now; it was deferred until its next slot")], []]
    assert job_plan.plan_job(hourly, state(deferred(), hourly.schedules), at("08:40")).next_due == at(
        "09:00:01"
    )


def test_a_run_that_is_replaced_at_its_bound_is_given_up_in_the_quiet_hours_after_it():
    slots = a_job(schedules=(Schedule("cron", "0,20 * * * *"),))

    assert given_up(slots, deferred(), "08:25") == []
    assert given_up(slots, deferred(), "08:30") == [("job-1", "not now; it was deferred until its next slot")]


@pytest.mark.parametrize("paused", [ALL_JOBS, JobKey("job")])
def test_a_pause_defers_it_and_the_first_tick_after_the_pause_gives_it_up(paused):
    job, pauses = a_job(gate_deadline=3600), {paused: None}

    assert given_up(job, deferred(), "09:30", pauses) == []
    assert job_plan.plan_job(job, state(deferred()), at("09:30"), holds=Holds(pauses=pauses)).next_due is None
    assert len(given_up(job, deferred(), "09:30")) == 1


@pytest.mark.parametrize("change", [{"status": "running", "retry_at": None}, {"reason": "exit code 3"}])
def test_only_a_run_that_waits_after_not_now_is_given_up(change):
    run = msgspec.structs.replace(deferred(), **change)

    assert given_up(a_job(gate_deadline=3600), run, "13:00") == []


def test_the_slot_of_a_run_that_is_given_up_is_decided():
    before = state(deferred())
    (one,) = deferrals.given_up(a_job(gate_deadline=60), before, {}, at("09:00"))

    after = deferrals.without(before, [one])

    assert (after.open_run, after.position) == (None, at("08:00"))
    assert deferrals.without(before, []) is before
