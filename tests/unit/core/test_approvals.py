"""Runs of jobs with `approve` wait for a person: until when, what a newer slot does, and what holds them back."""

import pytest
from msgspec.structs import replace

from scheduled.core import approvals, deferrals
from scheduled.core.approvals import NOT_IN_TIME
from scheduled.core.holds import Holds
from scheduled.core.job_plan import plan_job
from scheduled.core.jobs import Action, Approve, Job, Window
from scheduled.core.keys import ALL_JOBS, JobKey
from scheduled.core.planner import plan
from scheduled.core.request_queue import RequestQueue
from scheduled.core.runs import JobState, OpenRun, StartRequest
from scheduled.core.starts import asks, manual_start, sessions_left, spends
from scheduled.schedules.schedule import Schedule

HOUR, DAY = 3600, 86400
NINE = 20_000 * DAY + 9 * HOUR
KEY = JobKey("job")
ASKS = Approve()
HOURLY = Schedule("cron", "0 * * * *")
DENIES, APPROVES = Approve(2 * HOUR), Approve(2 * HOUR, "approve")


def a_job(name="job", approve=ASKS, **values):
    action = values.pop("action", Action("command", words=("true",)))
    return Job(name=name, schedules=(HOURLY,), action=action, approve=approve, **values)


def a_state(job, **values):
    return JobState(job=job.name, position=NINE - HOUR, epoch=0, schedules=job.schedules, **values)


def asked(job, at=NINE, **values):
    """Return the state of *job* after a tick *at* let the run of its slot of 09:00 wait for approval."""
    state = a_state(job, **values)
    return approvals.asked(state, plan_job(job, state, NINE).start, at)


def test_a_due_slot_asks_and_its_run_waits():
    job = a_job()
    start = plan_job(job, a_state(job), NINE).start
    found = plan_job(job, asked(job), NINE + 60)

    assert asks(job, start)
    assert (found.start, found.waits, found.next_due) == (None, "ask", NINE + HOUR)


def test_without_the_key_nothing_asks():
    job = a_job(approve=None)

    assert not asks(job, plan_job(job, a_state(job), NINE).start)


def test_a_person_who_starts_a_job_approves_it():
    assert not asks(a_job(), manual_start(KEY, None, "job-1"))


def test_the_approved_run_does_not_ask_again():
    job, state = a_job(), asked(a_job())
    run = replace(state.open_run, retry_at=NINE + 60)
    start = plan_job(job, replace(state, open_run=run), NINE + 60).start

    assert (start.again, start.claim.run_id, start.claim.attempt) == (True, run.run_id, 1)
    assert not asks(job, start)


def test_a_newer_slot_takes_the_place_of_one_that_waits():
    job, state = a_job(), asked(a_job())
    start = plan_job(job, state, NINE + HOUR).start

    assert (start.superseded, start.claim.slot, start.claim.slots) == (state.open_run, NINE + HOUR, 2)
    assert asks(job, start)


def test_with_none_the_older_slot_is_not_covered():
    job = a_job(catch_up="none")
    start = plan_job(job, asked(job), NINE + HOUR, holds=Holds(planned=NINE, on_time=120)).start

    assert (start.claim.slots, start.coalesces, start.superseded.slot) == (1, False, NINE)


def test_with_all_each_slot_asks_in_its_turn():
    job = a_job(catch_up="all")

    assert plan_job(job, asked(job), NINE + 2 * HOUR).waits == "ask"


def test_a_run_that_was_interrupted_keeps_its_place():
    job = a_job(on_interrupted="ask")
    run = replace(asked(job).open_run, attempt=1, interrupted=True)

    assert plan_job(job, a_state(job, open_run=run), NINE + HOUR).waits == "ask"


@pytest.mark.parametrize("approve", [DENIES, APPROVES])
def test_the_job_is_due_when_its_default_answer_decides(approve):
    job = a_job(approve=approve, catch_up="all")
    state = asked(job, at=NINE + 60)
    found = plan_job(job, state, NINE + 120)

    assert (found.waits, found.next_due) == ("ask", NINE + HOUR)
    assert plan_job(job, state, NINE + HOUR + 120).next_due == NINE + 2 * HOUR
    assert approvals.next_answer(job, state) == NINE + 60 + 2 * HOUR


def test_a_daily_job_is_due_at_its_deadline_before_its_next_slot():
    job = a_job(approve=DENIES)
    daily = replace(job, schedules=(Schedule("cron", "0 9 * * *"),))

    assert plan_job(daily, asked(daily, at=NINE + 60), NINE + 120).next_due == NINE + 60 + 2 * HOUR


def test_after_the_deadline_the_run_is_given_up():
    job = a_job(approve=DENIES, catch_up="all")
    state = asked(job, at=NINE + 60)
    ends = NINE + 60 + 2 * HOUR

    assert deferrals.given_up(job, state, {}, ends - 1) == ()
    assert deferrals.given_up(job, state, {}, ends) == ((state.open_run, NOT_IN_TIME),)
    assert deferrals.given_up(job, state, {ALL_JOBS: None}, ends) == ()


def test_after_the_deadline_the_run_starts_if_that_is_the_default():
    job = a_job(approve=APPROVES, catch_up="all")
    state = asked(job, at=NINE + 60)
    ends = NINE + 60 + 2 * HOUR

    assert deferrals.given_up(job, state, {}, ends) == ()
    assert plan_job(job, state, ends - 1).waits == "ask"
    assert plan_job(job, state, ends).start.claim.run_id == state.open_run.run_id


def test_a_pause_defers_the_default_answer():
    job = a_job(approve=DENIES, catch_up="all")
    state, late = asked(job), NINE + 3 * HOUR

    until = Holds(pauses={KEY: late + 60})
    assert plan_job(job, state, late, holds=until).next_due == late + 60
    found = plan_job(job, state, late, holds=Holds(pauses={KEY: None}))
    assert (found.waits, found.next_due) == ("ask", NINE + 4 * HOUR)


def test_a_newer_slot_that_is_held_back_leaves_the_older_one_waiting():
    job = a_job(not_between=Window(10 * 60, 11 * 60))
    found = plan_job(job, asked(job), NINE + HOUR)

    assert (found.start, found.waits, found.next_due) == (None, "ask", NINE + 2 * HOUR)


def test_no_run_is_stopped_for_a_slot_that_only_asks():
    job = a_job(overlap="replace")
    run = OpenRun(run_id="job-1", job="job", slot=NINE, status="running", attempt=1, slots=1, trigger="schedule",
                  tick="", boot="", started_at=NINE)  # fmt: skip
    found = plan_job(job, a_state(job, open_run=run, busy=True), NINE + HOUR)

    assert (found.start, found.waits) == (None, "queued")
    assert plan_job(
        replace(job, approve=None), a_state(job, open_run=run, busy=True), NINE + HOUR
    ).start.replaces


def test_a_slot_does_not_ask_in_quiet_hours():
    job = a_job(not_between=Window(9 * 60, 11 * 60))

    assert plan_job(job, a_state(job), NINE).waits == "quiet"


def test_each_event_asks_on_its_own_and_slots_go_on():
    job = a_job()
    row = StartRequest(id=1, job="job", event="boom", payload={}, depth=1, at=NINE - 60)
    holds = Holds(start_requests=RequestQueue([row]))
    state = a_state(job)
    start = plan_job(job, state, NINE - 60, holds=holds).start
    waiting = approvals.asked(state, start, NINE - 60)

    assert asks(job, start)
    assert plan_job(job, waiting, NINE - 30).waits == "ask"
    assert plan_job(job, waiting, NINE).start.claim.slot == NINE
    later = approvals.asked(waiting, plan_job(job, waiting, NINE - 30, holds=holds).start, NINE - 30)
    assert len(later.others) == 2


def test_a_start_that_asks_takes_nothing_of_the_limits_of_a_tick():
    session = Action("command", words=("true",), session=True)
    jobs = {"job": a_job(action=session), "other": a_job("other", approve=None, action=session)}
    states = {JobKey(name): a_state(job) for name, job in jobs.items()}
    found = plan(jobs, states, NINE, holds=Holds(budget=1, sessions=1))

    assert [start.claim.job for start in found.starts] == ["job", "other"]
    assert [spends(jobs, start) for start in found.starts] == [False, True]
    assert sessions_left(jobs, 1, found.starts) == 0


@pytest.mark.parametrize(
    ("job", "lasts"),
    [(a_job(), False), (a_job(catch_up="all"), True), (a_job(approve=DENIES, catch_up="all"), False)],
)
def test_a_wait_lasts_if_neither_a_newer_slot_nor_a_deadline_ends_it(job, lasts):
    assert approvals.lasts(job, asked(job)) is lasts


def test_a_run_that_was_interrupted_waits_until_a_person_decides():
    job = a_job(on_interrupted="ask", approve=DENIES)
    run = OpenRun(run_id="job-1", job="job", slot=None, status="waiting_retry", attempt=1, slots=0, trigger="event",
                  tick="", boot="", interrupted=True)  # fmt: skip

    assert approvals.lasts(job, a_state(job, others=(run,)))
    assert approvals.denied_at(job, run) is None
