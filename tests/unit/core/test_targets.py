"""Each target of a job is planned separately: it has its own position, retries and verdicts."""

from datetime import datetime

import pytest

from scheduled.core import epochs, planner
from scheduled.core.audit import audit
from scheduled.core.epochs import EpochChange
from scheduled.core.holds import Holds
from scheduled.core.job_plan import JobPlan
from scheduled.core.jobs import Action, Job
from scheduled.core.keys import JobKey
from scheduled.core.manual import ManualRequest, start_for
from scheduled.core.planner import Skip
from scheduled.core.records import Epoch, JobRow, SlotRow
from scheduled.core.request_queue import RequestQueue
from scheduled.core.run_ids import slot_run_id
from scheduled.core.runs import JobState, OpenRun, Span, StartRequest
from scheduled.schedules.schedule import Schedule

HOURLY = Schedule("cron", "0 * * * *")
X, Y = JobKey("a", "x"), JobKey("a", "y")


def at(text):
    return int(datetime.fromisoformat(f"2026-02-03T{text}+00:00").timestamp())


NOW = at("14:10")


def a_job(name="a", **values):
    return Job(name=name, schedules=(HOURLY,), action=Action("command", words=("true",)), **values)


def states(*found):
    return {job_state.key: job_state for job_state in found}


def a_state(key, position, **values):
    return JobState(
        job=key.job,
        target=key.target,
        position=at(position),
        epoch=at("00:00"),
        schedules=(HOURLY,),
        **values,
    )


def a_run(key, slot, status="waiting_retry", **values):
    values = {"attempt": 1, "slots": 1, "trigger": "schedule", "tick": "t", "boot": "b", **values}
    run_id = slot_run_id(key, at(slot))
    return OpenRun(run_id=run_id, job=key.job, target=key.target, slot=at(slot), status=status, **values)


def started(found):
    return [(start.claim.key, start.claim.run_id, start.claim.slots) for start in found.starts]


def test_each_target_has_a_position_of_its_own():
    found = planner.plan({"a": a_job()}, states(a_state(Y, "13:00"), a_state(X, "11:00")), NOW)

    assert started(found) == [(X, "a@x-20260203T140000Z", 3), (Y, "a@y-20260203T140000Z", 1)]
    assert set(found.jobs) == {X, Y}


def test_each_target_has_retries_of_its_own():
    waiting, due = (a_run(key, "14:00", retry_at=at(when)) for key, when in ((X, "14:20"), (Y, "14:05")))

    found = planner.plan(
        {"a": a_job()}, states(a_state(X, "13:00", open_run=waiting), a_state(Y, "13:00", open_run=due)), NOW
    )

    assert [(start.claim.key, start.claim.attempt, start.again) for start in found.starts] == [(Y, 2, True)]
    assert found.jobs[X] == JobPlan(waits="waiting_retry", next_due=at("14:20"))


def test_each_target_has_verdicts_of_its_own():
    found = planner.plan({"a": a_job(grace=1800)}, states(a_state(X, "11:00"), a_state(Y, "13:00")), NOW)

    assert {key: plan.skips for key, plan in found.jobs.items()} == {
        X: (Skip(Span(at("12:00"), at("13:00"), 2), "late"),), Y: (),
    }  # fmt: skip
    assert [start.claim.key for start in found.starts] == [X, Y]


def test_a_target_waits_for_its_own_run_only():
    found = planner.plan({"a": a_job()}, states(a_state(X, "13:00", busy=True), a_state(Y, "13:00")), NOW)

    assert [start.claim.key for start in found.starts] == [Y]
    assert (found.jobs[X].waits, found.jobs[Y].waits) == ("queued", None)


def test_targets_of_a_group_run_one_after_the_other():
    found = planner.plan(
        {"a": a_job(group="disk")}, states(a_state(X, "13:00", busy=True), a_state(Y, "13:00")), NOW
    )

    assert (found.starts, found.jobs[Y].waits) == ([], "group")


@pytest.mark.parametrize(
    ("paused", "expected"),
    [(JobKey(""), []), (JobKey("a"), []), (X, [Y]), (JobKey("a", "z"), [X, Y]), (JobKey("b"), [X, Y])],
)
def test_a_pause_holds_only_its_own_job_or_target(paused, expected):
    found = planner.plan(
        {"a": a_job()},
        states(a_state(X, "13:00"), a_state(Y, "13:00")),
        NOW,
        holds=Holds(pauses={paused: None}),
    )

    assert [start.claim.key for start in found.starts] == expected


def test_a_start_request_starts_its_target():
    row = StartRequest(id=7, job="a", target="y", event="disk_full", payload={}, depth=1, at=90.5)

    found = planner.plan(
        {"a": a_job()},
        states(a_state(X, "14:00"), a_state(Y, "14:00")),
        NOW,
        holds=Holds(start_requests=RequestQueue([row])),
    )

    assert started(found) == [(Y, "a@y-19700101T000130Z-disk_full-7", 0)]


def test_a_budget_is_spent_target_by_target():
    found = planner.plan(
        {"a": a_job()}, states(a_state(X, "13:00"), a_state(Y, "13:00")), NOW, holds=Holds(budget=1)
    )

    assert ([start.claim.key for start in found.starts], found.jobs[Y].waits) == ([X], "budget")


@pytest.fixture
def of_two_targets(monkeypatch):
    """Give the job `a` the targets x and y, which no configuration can define yet."""

    def keys_of(job):
        return (X, Y) if job.name == "a" else (JobKey(job.name),)

    monkeypatch.setattr(planner, "keys_of", keys_of)
    monkeypatch.setattr(epochs, "keys_of", keys_of)


@pytest.mark.usefixtures("of_two_targets")
@pytest.mark.parametrize(
    ("values", "waits", "reasons"),
    [
        ({}, None, []),
        ({"busy": True}, "after", []),
        ({"last_status": "failed"}, None, ["after a@y, which failed"]),
    ],
)
def test_a_job_comes_after_all_targets_of_another(values, waits, reasons):
    jobs, b = {"a": a_job(), "b": a_job("b", after=("a",))}, JobKey("b")

    found = planner.plan(
        jobs, states(a_state(X, "14:00"), a_state(Y, "14:00", **values), a_state(b, "13:00")), NOW
    )

    assert (found.jobs[b].waits, [skip.reason for skip in found.jobs[b].skips]) == (waits, reasons)


@pytest.mark.usefixtures("of_two_targets")
@pytest.mark.parametrize("unknown", [False, True])
def test_the_epoch_of_each_target_begins_and_ends_separately(unknown):
    gone = a_state(JobKey("a", "gone"), "14:05")

    changes = epochs.epoch_changes({"a": a_job()}, states(a_state(Y, "14:05"), gone), unknown, NOW)

    assert changes == [
        EpochChange(job="a", target="x", boundary=NOW - 1, begins=(HOURLY,), ends=False),
        EpochChange(job="a", target="gone", boundary=NOW - 1, begins=(), ends=True, reason="removed"),
    ]
    assert set(epochs.after(states(a_state(Y, "14:05"), gone), changes)) == {X, Y}


def test_a_manual_run_is_for_the_requested_target():
    job_state = a_state(Y, "13:00")

    outside = start_for(ManualRequest("a", target="y"), a_job(), job_state, None, "tick", NOW).claim
    own = start_for(
        ManualRequest("a", slot=at("14:00"), target="y"), a_job(), job_state, None, "tick", NOW
    ).claim

    assert (outside.key, outside.run_id) == (Y, "a@y-manual-tick")
    assert (own.key, own.run_id, own.slot) == (Y, "a@y-20260203T140000Z", at("14:00"))


def test_the_audit_names_the_target_of_a_missing_slot():
    all_epochs = [
        Epoch(job="a", target=target, starts_at=at("12:00"), ends_at=None, schedules=(HOURLY,))
        for target in "xy"
    ]
    rows = [
        SlotRow(
            job="a", target=target, span=Span(at(slot), at(slot), 1), verdict="success", reason="", run_id="r"
        )
        for target, slot in (("x", "13:00"), ("x", "14:00"), ("y", "13:00"))
    ]
    jobs = [
        JobRow(
            job="a", target=target, position=at("14:00"), open_reason=None, next_due=None, window_start=None, last_run_id=None,
            last_run_at=None, last_status=None, last_result=None, run_count=0, failure_count=0, schedules=(HOURLY,),
        )
        for target in "xy"
    ]  # fmt: skip

    found = audit(all_epochs, rows, jobs, [], NOW)

    assert (found.slots, [(problem.key, problem.slot) for problem in found.problems]) == (
        4,
        [(Y, at("14:00"))],
    )
