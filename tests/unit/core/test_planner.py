from datetime import datetime

import msgspec
import pytest

from scheduled.core import job_plan, planner, starts
from scheduled.core.holds import Holds
from scheduled.core.job_plan import JobPlan
from scheduled.core.jobs import Action, Job
from scheduled.core.keys import JobKey
from scheduled.core.request_queue import RequestQueue
from scheduled.core.run_ids import slot_run_id
from scheduled.core.runs import JobState, OpenRun, Span, StartRequest
from scheduled.schedules.schedule import Schedule


def at(text):
    """Return the instant of a UTC time on 3 February 2026, or of an ISO date and time."""
    return int(datetime.fromisoformat(f"{text if 'T' in text else '2026-02-03T' + text}+00:00").timestamp())


HOURLY = Schedule("cron", "0 * * * *")
ACTION = Action("command", words=("true",))


def a_job(name="job", schedule=HOURLY, **values):
    return Job(name=name, schedules=(schedule,), action=ACTION, **values)


def a_state(position, job="job", schedule=HOURLY, **values):
    return JobState(job=job, position=position, epoch=at("00:00") - 1, schedules=(schedule,), **values)


def a_run(slot, status="waiting_retry", **values):
    run_id = slot_run_id(JobKey("job"), slot) if slot is not None else "job-manual"
    values = {"attempt": 1, "slots": 1, "trigger": "schedule", "tick": "t", "boot": "b", **values}
    return OpenRun(run_id=run_id, job="job", slot=slot, status=status, **values)


def planned(position, now, job=None, **values):
    return job_plan.plan_job(job or a_job(), a_state(position, **values), now)


# Catching up


def test_missed_slots_become_one_run_for_the_newest_that_counts_them_all():
    start = planned(at("09:00"), at("14:05"), window_start=at("08:00")).start

    assert (at("14:00"), 5, 1, "schedule", at("08:00"), "job-20260203T140000Z") == (
        start.claim.slot,
        start.claim.slots,
        start.claim.attempt,
        start.claim.trigger,
        start.claim.window_start,
        start.claim.run_id,
    )
    assert (Span(at("10:00"), at("13:00"), 4),) == start.coalesced
    assert (start.superseded, start.again) == (None, False)


def test_a_slot_on_time_covers_no_other_slot():
    start = planned(at("13:00"), at("14:00")).start

    assert (at("14:00"), 1, ()) == (start.claim.slot, start.claim.slots, start.coalesced)


@pytest.mark.parametrize("position", ["14:00", "14:30"])
def test_a_slot_at_or_before_the_position_is_not_due_again(position):
    assert JobPlan(next_due=at("15:00")) == planned(at(position), at("14:59:59"))


def test_a_slot_one_second_after_the_position_is_due():
    assert at("14:00") == planned(at("14:00") - 1, at("14:00")).start.claim.slot


def test_a_slot_is_not_due_a_second_early():
    assert JobPlan(next_due=at("15:00")) == planned(at("14:00"), at("15:00") - 1)


def test_a_manual_job_is_never_due():
    manual = Schedule("manual")

    assert JobPlan() == planned(at("00:00"), at("14:00"), a_job(schedule=manual), schedule=manual)


# Waiting


def test_a_due_slot_of_a_busy_job_waits_for_the_run_in_progress():
    found = planned(at("13:00"), at("14:00"), busy=True, open_run=a_run(at("13:00"), "running"))

    assert JobPlan(waits="queued", next_due=at("14:00")) == found


def test_a_busy_job_without_a_due_slot_has_no_open_reason():
    found = planned(at("13:00"), at("13:30"), busy=True, open_run=a_run(at("13:00"), "running"))

    assert JobPlan(next_due=at("13:30")) == found


def test_a_job_waits_while_another_of_its_group_is_running():
    jobs = {
        name: a_job(name, group="disk" if name != "free" else "") for name in ("holder", "waiter", "free")
    }
    job_states = {JobKey(name): a_state(at("13:00"), name, busy=name == "holder") for name in jobs}

    found = planner.plan(jobs, job_states, at("14:00"))

    assert [start.claim.job for start in found.starts] == ["free"]
    assert {key.job: job.waits for key, job in found.jobs.items()} == {
        "holder": "queued",
        "waiter": "group",
        "free": None,
    }


def test_a_slot_that_jitter_delays_has_this_reason_until_it_is_due():
    job = a_job(schedule=Schedule("cron", "0 * * * *", delay=600))

    waits, due, before = (planned(at("13:00"), at(when), job) for when in ("14:09", "14:10", "13:59"))

    assert (waits.start, waits.waits, waits.next_due) == (None, "jitter", at("14:10"))
    assert (due.start.claim.slot, due.waits, before.waits) == (at("14:00"), None, None)


# Retries


def test_a_retry_waits_for_its_instant_or_for_the_next_slot():
    soon, late = (a_run(at("13:00"), retry_at=at(when)) for when in ("13:20", "14:20"))

    assert JobPlan(waits="waiting_retry", next_due=at("13:20")) == planned(
        at("12:00"), at("13:10"), open_run=soon
    )
    assert JobPlan(waits="waiting_retry", next_due=at("14:00")) == planned(
        at("12:00"), at("13:10"), open_run=late
    )


def test_a_due_retry_is_the_next_attempt_of_the_same_run():
    run = a_run(at("13:00"), attempt=2, slots=4, retry_at=at("13:20"), window_start=at("09:00"))

    start = planned(at("12:00"), at("13:20"), open_run=run).start

    assert ("job-20260203T130000Z", at("13:00"), 3, 4, at("09:00"), True) == (
        start.claim.run_id,
        start.claim.slot,
        start.claim.attempt,
        start.claim.slots,
        start.claim.window_start,
        start.again,
    )


def test_a_newer_slot_supersedes_an_open_retry_and_covers_its_slots():
    run = a_run(at("10:00"), attempt=2, slots=3, retry_at=at("18:00"))

    start = planned(at("09:00"), at("13:00"), open_run=run).start

    assert (run, (Span(at("11:00"), at("12:00"), 2),)) == (start.superseded, start.coalesced)
    assert (at("13:00"), 1, 1 + 2 + 3) == (start.claim.slot, start.claim.attempt, start.claim.slots)


# Order


def test_starts_are_ordered_by_priority_then_slot_then_configuration():
    half_past = Schedule("cron", "30 * * * *")
    jobs = {
        "b": a_job("b"),
        "a": a_job("a"),
        "older": a_job("older", half_past),
        "low": a_job("low", priority="low"),
        "high": a_job("high", priority="high"),
        "critical": a_job("critical", priority="critical"),
    }
    job_states = {JobKey(name): a_state(at("13:00"), name, job.schedules[0]) for name, job in jobs.items()}

    found = planner.plan(jobs, job_states, at("14:00"))

    assert [start.claim.job for start in found.starts] == ["critical", "high", "older", "b", "a", "low"]


def test_only_limits_the_starts_but_not_the_plans():
    jobs = {name: a_job(name) for name in ("a", "b")}
    job_states = {JobKey(name): a_state(at("13:00"), name) for name in jobs}

    found = planner.plan(jobs, job_states, at("14:00"), only=["b"])

    assert ([start.claim.job for start in found.starts], list(found.jobs)) == (
        ["b"],
        [JobKey("a"), JobKey("b")],
    )


def test_the_next_due_instant_is_the_earliest_of_all():
    plans = [JobPlan(next_due=30), JobPlan(), JobPlan(next_due=20)]

    assert (
        planner.next_due(plans, [25]),
        planner.next_due(plans, [10]),
        planner.next_due([], []),
    ) == (20, 10, None)


# Words


def test_why_names_the_attempt_and_the_covered_slots():
    again = planned(at("12:00"), at("13:20"), open_run=a_run(at("13:00"), retry_at=0)).start

    assert (
        starts.why(planned(at("13:00"), at("14:00")).start),
        starts.why(planned(at("09:00"), at("14:00")).start),
        starts.why(again),
    ) == ("due", "due; also covers 4 missed slots", "attempt 2 of job-20260203T130000Z")


@pytest.mark.parametrize(
    ("event", "parent", "expected"),
    [
        ("disk_full", "", "on disk_full"),
        ("after", "", "the jobs it comes after have succeeded"),
        ("chain", "nightly-1", "a step of nightly-1"),
    ],
)
def test_why_names_what_requested_a_start(event, parent, expected):
    row = StartRequest(id=1, job="job", event=event, payload={}, depth=1, parent=parent)

    holds = Holds(start_requests=RequestQueue([row]))
    start = job_plan.plan_job(a_job(), a_state(at("13:30")), at("13:40"), holds=holds).start

    assert starts.why(start) == expected


@pytest.mark.parametrize("open_run", [None, a_run(at("13:00"), retry_at=at("13:45"))], ids=["due", "retry"])
def test_a_tick_by_hand_starts_what_was_requested_and_leaves_the_slots_of_the_job(open_run):
    row = StartRequest(id=1, job="job", event="chain", payload={}, depth=1, parent="all-1")
    state = a_state(at("12:30"), open_run=open_run)

    def starting(now, slots_of):
        holds = Holds(start_requests=RequestQueue([row]), slots_of=slots_of)
        start = job_plan.plan_job(a_job(), state, at(now), holds=holds).start
        return start and (start.claim.trigger, start.claim.slot)

    assert starting("13:40", frozenset()) == ("chain", None)
    assert starting("13:40", None) == (None if open_run else ("schedule", at("13:00")))
    assert starting("13:50", frozenset()) == ("chain", None)


def asked_by_events(name, events, *others):
    """Return the state of a job without slots, and start requests for it: *events*, then those with the keys *others*."""
    rows = [
        StartRequest(id=number, job=name, event=event, payload={}, depth=1, parent=parent)
        for number, (event, parent) in enumerate([*[("disk_full", "")] * events, *others])
    ]
    return JobState(job=name, position=at("12:30"), epoch=at("12:30"), schedules=()), rows


@pytest.mark.parametrize(
    ("events", "started"),
    [(None, "abcd"), (9, "abcd"), (2, "abcd"), (1, "acd"), (0, "cd")],
)
def test_a_tick_starts_a_limited_number_of_runs_for_events_and_any_number_of_others(events, started):
    others = {"c": ("chain", "nightly-1"), "d": ("after", "")}
    asked = [asked_by_events(name, *((0, others[name]) if name in others else (2,))) for name in "abcd"]
    queue = RequestQueue(row for _, rows in asked for row in rows)
    jobs = {name: a_job(name=name) for name in "abcd"}
    states = {state.key: state for state, _ in asked}

    found = planner.plan(jobs, states, at("13:40"), holds=Holds(start_requests=queue, events=events))

    assert "".join(start.claim.job for start in found.starts) == started
    left = {key.job for key, job in found.jobs.items() if job.waits == "budget"}
    assert left == set("abcd") - set(started)
    assert {job.next_due for key, job in found.jobs.items() if key.job in left} <= {at("13:40")}


# Sessions of agents


def test_max_sessions_holds_back_sessions_and_nothing_else():
    session = msgspec.structs.replace(ACTION, session=True)
    jobs = {name: msgspec.structs.replace(a_job(name), action=session) for name in ("a", "b", "c")}
    jobs["plain"] = a_job("plain", priority="low")
    states = {JobKey(name): a_state(at("13:00"), job=name) for name in jobs}

    found = planner.plan(jobs, states, at("14:00"), holds=Holds(sessions=1, budget=2))

    assert [start.claim.job for start in found.starts] == ["a", "plain"]
    assert {key.job for key, one in found.jobs.items() if one.waits == "budget"} == {"b", "c"}
    assert starts.sessions_left(jobs, 3, found.starts) == 2


def test_a_job_that_a_limit_held_back_starts_before_one_that_ran_since():
    jobs = {name: a_job(name) for name in ("a", "b")}
    states = {JobKey("a"): a_state(at("13:30"), job="a"), JobKey("b"): a_state(at("12:30"), job="b")}

    found = planner.plan(jobs, states, at("14:00"), holds=Holds(budget=1))

    assert [(start.claim.job, start.claim.slot) for start in found.starts] == [("b", at("14:00"))]
