"""What was due before the first tick of a boot starts no earlier than the `start_delay` after the boot."""

import pytest

from scheduled.core.holds import Holds
from scheduled.core.job_plan import plan_job
from scheduled.core.jobs import Action, Job
from scheduled.core.keys import JobKey
from scheduled.core.planner import plan
from scheduled.core.request_queue import RequestQueue
from scheduled.core.runs import JobState, OpenRun, StartRequest
from scheduled.schedules.schedule import Schedule

DAY, MINUTE = 86400, 60
BOOT = 20_000 * DAY + 8 * 3600  # at 08:00 UTC
FIRST = BOOT + 40  # the first tick
HOLDS = Holds(booted=BOOT, first_tick=FIRST)
DAILY, EVERY_MINUTE = Schedule("cron", "0 0 * * *"), Schedule("cron", "* * * * *")


def a_job(name="job", schedule=DAILY, delay=5 * MINUTE, **values):
    action = Action("command", words=("true",))
    return Job(name=name, schedules=(schedule,), action=action, start_delay=delay, **values)


def a_state(job, position=BOOT - DAY, **values):
    return JobState(job=job.name, position=position, epoch=0, schedules=job.schedules, **values)


def planned(now, job=None, holds=HOLDS, **values):
    job = job or a_job()
    return plan_job(job, a_state(job, **values), now, holds=holds)


def test_a_slot_of_the_time_when_the_machine_was_off_waits():
    found = planned(FIRST)

    assert (found.start, found.waits, found.next_due) == (None, "start_delay", BOOT + 5 * MINUTE)
    assert planned(BOOT + 5 * MINUTE).start.claim.slot == 20_000 * DAY


def test_without_the_key_it_starts_at_the_first_tick():
    assert planned(FIRST, a_job(delay=0)).start is not None


def test_the_slot_of_the_first_tick_waits_and_a_later_one_does_not():
    job = a_job(schedule=EVERY_MINUTE)

    first = planned(FIRST, job, position=BOOT - 1)
    assert (first.waits, first.next_due) == ("start_delay", BOOT + MINUTE)
    later = planned(BOOT + MINUTE, job, position=BOOT - 1).start
    assert (later.claim.slot, later.claim.slots) == (BOOT + MINUTE, 2)


def test_with_all_slots_the_oldest_one_waits():
    job = a_job(schedule=EVERY_MINUTE, catch_up="all")

    assert planned(BOOT + 2 * MINUTE, job, position=BOOT - 1).waits == "start_delay"
    assert planned(BOOT + 5 * MINUTE, job, position=BOOT - 1).start.claim.slot == BOOT


def test_without_catch_up_a_missed_slot_is_skipped_at_once():
    job = a_job(catch_up="none")
    found = planned(FIRST, job, Holds(booted=BOOT, first_tick=FIRST, planned=BOOT - DAY))

    assert [skip.reason for skip in found.skips] == ["missed"]


def test_a_run_that_the_shutdown_interrupted_waits_too():
    run = OpenRun(
        run_id="r", job="job", slot=20_000 * DAY, status="waiting_retry", attempt=1, slots=1, trigger="schedule",
        tick="", boot="", retry_at=FIRST, interrupted=True,
    )  # fmt: skip

    assert planned(FIRST, open_run=run).waits == "start_delay"
    assert planned(BOOT + 5 * MINUTE, open_run=run).start.again


@pytest.mark.parametrize(("event", "waits"), [("machine_booted", "start_delay"), ("other", None)])
def test_what_the_boot_starts_waits_and_another_event_does_not(event, waits):
    job = a_job(schedule=Schedule("manual"), on=event)
    row = StartRequest(id=1, job="job", event=event, payload={}, depth=1, at=FIRST)
    holds = Holds(booted=BOOT, first_tick=FIRST, start_requests=RequestQueue([row]))

    assert planned(FIRST, job, holds).waits == waits
    assert planned(BOOT + 5 * MINUTE, job, holds).start is not None


def test_a_pause_is_the_reason_while_it_lasts():
    holds = Holds(booted=BOOT, first_tick=FIRST, pauses={JobKey("job"): None})

    assert planned(FIRST, holds=holds).waits == "paused"


def test_jobs_start_in_the_order_of_their_delays():
    jobs = {
        job.name: job
        for job in (a_job("c", delay=120), a_job("a", delay=30), a_job("b", delay=60), a_job("d", delay=0))
    }
    states = {JobKey(name): a_state(job) for name, job in jobs.items()}

    found = plan(jobs, states, BOOT + 5 * MINUTE, holds=HOLDS)

    assert [start.claim.job for start in found.starts] == ["d", "a", "b", "c"]
    early = plan(jobs, states, BOOT + 60, holds=HOLDS)
    assert [start.claim.job for start in early.starts] == ["d", "a", "b"]
