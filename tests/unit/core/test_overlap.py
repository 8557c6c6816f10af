"""Slots that come due while a run of the job is under way, with each value of `overlap`."""

from datetime import UTC, datetime

import msgspec
import pytest

from scheduled.core import job_plan, overlap, planner
from scheduled.core.epochs import slots_of
from scheduled.core.holds import Holds
from scheduled.core.jobs import Action, Job
from scheduled.core.judgement import REPLACED, judge, judge_superseded
from scheduled.core.keys import JobKey
from scheduled.core.run_ids import slot_run_id
from scheduled.core.runs import AttemptResult, JobState, OpenRun, Skip, Span
from scheduled.core.starts import plans_again
from scheduled.schedules.schedule import Schedule

ACTION = Action("command", words=("true",))


def at(text):
    """Return the instant of a UTC time on 3 February 2026."""
    return int(datetime.fromisoformat(f"2026-02-03T{text}+00:00").timestamp())


MINUTELY = Schedule("cron", "* * * * *")
# A tick has seen every slot in time.
HOLDS = Holds(planned=at("11:30"))


def a_job(overlap="wait", **values):
    return Job(name="job", schedules=(MINUTELY,), action=ACTION, overlap=overlap, **values)


def a_run(slot, status="running", **values):
    values = {"attempt": 1, "slots": 1, "trigger": "schedule", "tick": "t", "boot": "b", **values}
    return OpenRun(
        run_id=slot_run_id(JobKey("job"), at(slot)), job="job", slot=at(slot), status=status, **values
    )


def a_state(position, *occupied, **values):
    spans = tuple((at(began), at(ended)) for began, ended in occupied)
    values = {"position": at(position), "epoch": at("00:00") - 1, "schedules": (MINUTELY,), **values}
    return JobState(job="job", occupied=spans, **values)


def planned(job, job_state, now, until=None, holds=HOLDS):
    until = None if until is None else at(until)
    return job_plan.plan_job(job, job_state, at(now), until=until, holds=holds)


def span(first, last):
    return Span(at(first), at(last), (at(last) - at(first)) // 60 + 1)


def busy(slot, **values):
    return a_state("09:59", open_run=a_run(slot, started_at=at(slot), **values), busy=True)


# Without the key: one run after the end covers what came due


@pytest.mark.parametrize("catch_up", ["latest", "all", "none"])
def test_while_a_run_is_under_way_later_slots_are_queued(catch_up):
    found = planned(a_job(catch_up=catch_up), busy("10:00"), "10:05")

    assert (found.start, found.skips, found.waits, found.next_due) == (None, (), "queued", at("10:05"))


@pytest.mark.parametrize(
    ("catch_up", "slot", "coalesced", "skips"),
    [
        ("latest", "10:05", [("10:01", "10:04")], []),
        ("all", "10:01", [], []),
        ("none", "10:05", [], [Skip(span("10:01", "10:04"), "superseded")]),
    ],
)
def test_with_wait_what_came_due_is_caught_up_after_the_end(catch_up, slot, coalesced, skips):
    found = planned(a_job(catch_up=catch_up), a_state("10:00", ("10:00", "10:05")), "10:05")

    assert found.start.claim.slot == at(slot)
    assert found.start.coalesced == tuple(span(*one) for one in coalesced)
    assert list(found.skips) == skips


# "queue"


@pytest.mark.parametrize("catch_up", ["latest", "all", "none"])
def test_queued_slots_run_one_by_one_the_oldest_first(catch_up):
    job, position, ran = a_job("queue", catch_up=catch_up), "10:00", []
    while (found := planned(job, a_state(position, ("10:00", "10:03")), "10:03")).start:
        assert (found.start.coalesced, found.start.claim.slots, found.skips) == ((), 1, ())
        assert plans_again(job, found.start.claim, succeeded=True)  # in the same tick
        position = f"{datetime.fromtimestamp(found.start.claim.slot, UTC):%H:%M}"
        ran.append(found.start.claim.slot)

    assert ran == [at("10:01"), at("10:02"), at("10:03")]


def test_slots_after_the_end_of_the_run_follow_catch_up():
    state = a_state("10:00", ("10:00", "10:02"))

    assert planned(a_job("queue"), state, "10:06").start.claim.slot == at("10:01")
    last = planned(a_job("queue"), msgspec.structs.replace(state, position=at("10:02")), "10:06").start
    assert (last.claim.slot, last.coalesced) == (at("10:06"), (span("10:03", "10:05"),))


def test_slots_before_the_run_are_covered_by_the_first_queued_one():
    """They were held back, and a run by hand was under way after them."""
    found = planned(a_job("queue"), a_state("09:57", ("10:00", "10:02")), "10:05").start

    assert (found.claim.slot, found.claim.slots, found.coalesced) == (
        at("10:01"),
        4,
        (span("09:58", "10:00"),),
    )


def test_slots_that_no_tick_saw_are_missed_also_during_a_run():
    """The machine slept from 10:02 to 11:00, and the run went on."""
    holds = Holds(planned=at("11:00"), gaps=((at("10:02"), at("11:00")),))
    state = a_state("10:00", ("10:00", "11:05"))

    assert planned(a_job("queue"), state, "11:05", holds=holds).start.claim.slot == at("10:01")
    state = msgspec.structs.replace(state, position=at("10:02"))
    found = planned(a_job("queue"), state, "11:05", holds=holds).start
    assert (found.claim.slot, found.coalesced) == (at("10:50"), (span("10:03", "10:49"),))


def test_with_a_queue_the_retry_goes_first_as_with_all():
    run = a_run("10:00", "waiting_retry", retry_at=at("10:03"))
    state = a_state("09:59", ("10:00", "10:02"), open_run=run)

    assert planned(a_job("queue"), state, "10:02").waits == "waiting_retry"
    assert planned(a_job("queue"), state, "10:03").start.again
    later = msgspec.structs.replace(state, occupied=())
    assert planned(a_job("queue"), later, "10:04").start.superseded == run


def test_at_most_catch_up_limit_slots_are_queued():
    found = planned(a_job("queue", catch_up_limit=2), a_state("10:00", ("10:00", "10:05")), "10:05").start

    assert (found.claim.slot, found.coalesced) == (at("10:04"), ())
    assert found.skips == (Skip(span("10:01", "10:03"), "catch_up_limit"),)


def test_with_none_the_slots_beyond_the_limit_of_the_queue_are_skipped():
    job = a_job("queue", catch_up="none", catch_up_limit=2)

    during = planned(job, a_state("10:00", ("10:00", "10:04")), "10:04")
    mixed = planned(job, a_state("10:00", ("10:01", "10:03"), ("10:04", "10:06")), "10:06")

    assert (during.start.claim.slot, during.skips) == (
        at("10:03"),
        (Skip(span("10:01", "10:02"), "catch_up_limit"),),
    )
    assert (mixed.start.claim.slot, mixed.start.coalesced) == (at("10:05"), ())
    assert mixed.skips == (
        Skip(span("10:01", "10:01"), "superseded"),
        Skip(span("10:02", "10:03"), "catch_up_limit"),
        Skip(span("10:04", "10:04"), "superseded"),
    )


def test_grace_holds_for_queued_slots():
    found = planned(a_job("queue", grace=120), a_state("10:00", ("10:00", "10:05")), "10:05")

    assert (found.start.claim.slot, found.skips) == (at("10:03"), (Skip(span("10:01", "10:02"), "late"),))


# "skip"


@pytest.mark.parametrize("catch_up", ["latest", "all", "none"])
def test_with_skip_the_slots_of_the_time_of_the_run_are_skipped(catch_up):
    state = a_state("10:00", ("10:00", "10:03"))
    found = planned(a_job("skip", catch_up=catch_up), state, "10:03")

    assert found.start is None
    skipped = sorted((skip.span.first, skip.span.last, skip.reason) for skip in found.skips)
    assert {reason for *_, reason in skipped} == {"overlap"}
    assert (skipped[0][0], skipped[-1][1]) == (at("10:01"), at("10:03"))


def test_with_skip_the_limit_of_all_counts_only_slots_that_would_run():
    job = a_job("skip", catch_up="all", catch_up_limit=1)

    during = planned(job, a_state("10:00", ("10:00", "10:03")), "10:03")
    mixed = planned(job, a_state("10:00", ("10:02", "10:04")), "10:06")

    assert (during.start, during.skips) == (None, (Skip(span("10:01", "10:03"), "overlap"),))
    # 10:01 and 10:05 are beyond the limit: only the newest slot that came due without a run has one.
    assert mixed.start.claim.slot == at("10:06")
    assert mixed.skips == (
        Skip(span("10:01", "10:02"), "catch_up_limit"),
        Skip(span("10:03", "10:04"), "overlap"),
        Skip(span("10:05", "10:05"), "catch_up_limit"),
    )


def test_with_skip_a_slot_before_the_run_is_within_the_limit_of_all():
    found = planned(
        a_job("skip", catch_up="all", catch_up_limit=1), a_state("10:00", ("10:01", "10:04")), "10:04"
    )

    assert (found.start.claim.slot, found.skips) == (at("10:01"), ())


def test_with_skip_a_slot_after_the_end_runs():
    found = planned(a_job("skip"), a_state("10:00", ("10:00", "10:03")), "10:05")

    assert found.skips == (Skip(span("10:01", "10:03"), "overlap"),)
    assert (found.start.claim.slot, found.start.coalesced) == (at("10:05"), (span("10:04", "10:04"),))


def test_with_skip_no_slot_of_its_own_time_replaces_a_retry():
    run = a_run("10:00", "waiting_retry", retry_at=at("10:03"))
    state = a_state("09:59", ("10:00", "10:02"), open_run=run)

    assert (planned(a_job("skip"), state, "10:02").waits, planned(a_job("skip"), state, "10:02").skips) == (
        "waiting_retry", (),
    )  # fmt: skip
    newer = planned(a_job("skip"), state, "10:04").start
    assert (newer.claim.slot, newer.superseded, newer.coalesced, newer.skips) == (
        at("10:04"), run, (span("10:03", "10:03"),), (Skip(span("10:01", "10:02"), "overlap"),),
    )  # fmt: skip


def test_a_slot_before_the_run_is_not_skipped_with_it():
    found = planned(a_job("skip"), a_state("09:58", ("10:00", "10:02")), "10:05").start

    assert (found.claim.slot, found.coalesced, found.skips) == (
        at("10:05"),
        (span("09:59", "10:00"), span("10:03", "10:04")),
        (Skip(span("10:01", "10:02"), "overlap"),),
    )


# "replace"


def test_a_due_slot_replaces_the_run_under_way():
    state = busy("10:00")
    found = planned(a_job("replace"), state, "10:02")

    assert (found.start.replaces, found.start.superseded, found.waits) == (True, state.open_run, None)
    assert (found.start.claim.slot, found.start.claim.slots) == (at("10:02"), 3)


@pytest.mark.parametrize(
    "values",
    [{"trigger": "manual"}, {"status": "claimed"}, {"stop_requested": True}, {"tick": "chain"}, {"started_at": at("10:02")}],
)  # fmt: skip
def test_what_a_slot_does_not_replace(values):
    """A run by hand, one that has not started, one that the user ends, a chain, and one that began after the slot was due."""
    run = msgspec.structs.replace(a_run("10:00", started_at=at("10:00")), **values)
    state = a_state("09:59", open_run=run, busy=True)

    assert planned(a_job("replace"), state, "10:02").waits == "queued"


@pytest.mark.parametrize(
    ("job", "holds"),
    [
        ({}, Holds(pauses={JobKey("job"): None})),
        ({}, Holds(slots_of=frozenset())),
        ({"only_if": object()}, Holds(closed=frozenset({"job"}))),
    ],
)
def test_a_run_is_not_stopped_for_a_slot_that_may_not_start(job, holds):
    found = planned(a_job("replace", **job), busy("10:00"), "10:02", holds=holds)

    assert (found.start, found.waits) == (None, "queued")


def test_a_run_is_not_stopped_for_a_slot_beyond_the_budget():
    jobs, states = {"job": a_job("replace")}, {JobKey("job"): busy("10:00")}
    found = planner.plan(jobs, states, at("10:02"), holds=Holds(budget=0))

    assert (found.starts, found.jobs[JobKey("job")].waits) == ([], "budget")


def test_a_run_is_not_stopped_while_its_group_has_another_claimed_run():
    mate = Job(name="mate", schedules=(MINUTELY,), action=ACTION, group="g")
    jobs = {"job": a_job("replace", group="g"), "mate": mate}
    queued = a_state("10:00", busy=True, claimed=True)
    states = {JobKey("job"): busy("10:00"), JobKey("mate"): msgspec.structs.replace(queued, job="mate")}

    assert planner.plan(jobs, states, at("10:02")).starts == []
    assert planner.plan(jobs, {JobKey("job"): busy("10:00")}, at("10:02")).starts[0].replaces


@pytest.mark.parametrize(("catch_up", "slot"), [("latest", "10:02"), ("all", "10:01"), ("none", "10:02")])
def test_the_slot_takes_the_place_of_the_stopped_run(catch_up, slot):
    run = a_run("10:00", "waiting_retry", retry_at=at("10:02"), replaced=True)
    start = planned(a_job("replace", catch_up=catch_up), a_state("09:59", open_run=run), "10:02").start

    assert (start.claim.slot, start.superseded, start.replaces, start.again) == (at(slot), run, False, False)


def test_a_tick_that_does_not_plan_the_newer_slot_does_not_repeat_the_stopped_run():
    """It began before the slot was due; the tick that stopped the run starts the slot."""
    run = a_run("10:00", "waiting_retry", retry_at=at("10:02"), replaced=True)
    state = a_state("09:59", open_run=run)

    assert planned(a_job("replace"), state, "10:02", until="10:00").waits == "queued"


def test_a_stopped_run_goes_on_if_no_newer_slot_is_open():
    run = a_run("10:00", "waiting_retry", retry_at=at("10:02"), replaced=True)
    state = a_state("09:59", open_run=run, decided=(at("10:01"), at("10:02")))

    assert planned(a_job("replace"), state, "10:02").start.again


def result(status):
    return AttemptResult(
        run_id="r", attempt=1, status=status, started_at=0.0, finished_at=1.0, duration_ms=1000, reason="why"
    )


@pytest.mark.parametrize("status", ["failed", "stopped", "interrupted", "timed_out", "deferred"])
def test_a_replaced_run_has_not_failed(status):
    run = a_run("10:00", replaced=True)
    found = judge(a_job("replace"), run, result(status), at("10:02"))

    assert (found.status, found.verdict, found.reason) == ("waiting_retry", None, REPLACED)
    ended = judge_superseded(run, "job-new", coalesced=True)
    assert (ended.status, ended.verdict, ended.reason) == ("stopped", "coalesced", "replaced by job-new")
    assert judge_superseded(run, "job-new", coalesced=False).verdict == "skipped"


def test_a_run_that_succeeded_in_the_same_moment_has_succeeded():
    assert judge(a_job("replace"), a_run("10:00", replaced=True), result("success"), 0).verdict == "success"


def test_slots_after_the_last_one_are_in_no_part_also_if_spans_begin_later():
    times = slots_of((MINUTELY,), at("10:00"))
    spans = ((at("10:00") + 1, at("10:01")), (at("10:03") - 1, at("10:03")), (at("10:05") - 1, at("10:06")))

    assert overlap.parts(times, at("10:00"), at("10:02"), spans, "overlap") == (
        (Span(at("10:02"), at("10:02"), 1),),
        (Skip(Span(at("10:01"), at("10:01"), 1), "overlap"),),
    )
