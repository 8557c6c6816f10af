"""`catch_up`, `catch_up_limit` and `grace` decide which missed slots run and which are skipped."""

from datetime import UTC, datetime

import msgspec
import pytest

from scheduled.core import job_plan
from scheduled.core.holds import Holds
from scheduled.core.jobs import Action, Gate, Job, Window
from scheduled.core.keys import JobKey
from scheduled.core.planner import Skip
from scheduled.core.runs import JobState, OpenRun, Span
from scheduled.schedules.schedule import Schedule


def at(text):
    return int(datetime.fromisoformat(f"2026-02-03T{text}+00:00").timestamp())


def hours(first, last):
    return Span(at(f"{first:02}:00"), at(f"{last:02}:00"), last - first + 1)


HOURLY = Schedule("cron", "0 * * * *")


def planned(
    position,
    now,
    *,
    open_run=None,
    busy=False,
    until=None,
    delay=0,
    seen="00:00",
    closed=False,
    refused=False,
    holds=None,
    **values,
):
    schedule = msgspec.structs.replace(HOURLY, delay=delay)
    if refused:
        values["only_if"] = Gate(path="/mnt/x", skips=True)
    job = Job(name="job", schedules=(schedule,), action=Action("command", words=("true",)), **values)
    job_state = JobState(
        job="job",
        position=at(position),
        epoch=at("00:00"),
        schedules=(schedule,),
        open_run=open_run,
        busy=busy,
    )
    holds = Holds(
        planned=at(seen),
        closed=frozenset(["job"] if closed or refused else []),
        refused=frozenset(["job"] if refused else []),
        **holds or {},
    )
    return job_plan.plan_job(job, job_state, at(now), until=until and at(until), holds=holds)


def slot(plan):
    return plan.start and datetime.fromtimestamp(plan.start.claim.slot, UTC).strftime("%H:%M")


def a_retry(when, retry_at):
    return OpenRun(
        run_id="r", job="job", slot=at(when), status="waiting_retry", attempt=1, slots=1, trigger="schedule",
        tick="", boot="", retry_at=at(retry_at),
    )  # fmt: skip


def test_with_all_the_oldest_slot_runs_first_and_covers_no_other_slot():
    found = planned("09:00", "14:05", catch_up="all")

    assert (slot(found), found.start.claim.slots, found.start.coalesced, found.skips) == ("10:00", 1, (), ())


@pytest.mark.parametrize(
    ("now", "values", "leads"),
    [
        ("14:05", {"catch_up": "all"}, True),
        ("10:59", {"catch_up": "all"}, False),
        ("11:00", {"catch_up": "all"}, True),
        ("11:00", {"catch_up": "all", "delay": 60}, False),
        ("14:05", {"catch_up": "all", "open_run": a_retry("10:00", "14:00")}, True),
        ("14:30", {"catch_up": "none", "open_run": a_retry("10:00", "14:00")}, True),
        ("14:05", {"catch_up": "latest"}, False),
        ("14:05", {"catch_up": "latest", "until": "13:05"}, True),
    ],
)
def test_a_start_leads_the_slots_that_are_due_after_it(now, values, leads):
    assert planned("09:00", now, **values).start.leads is leads


def test_with_all_an_open_retry_runs_before_newer_slots():
    waiting = planned("09:00", "14:05", catch_up="all", open_run=a_retry("10:00", "15:00"))
    due = planned("09:00", "14:05", catch_up="all", open_run=a_retry("10:00", "14:00"))

    assert (waiting.start, waiting.waits) == (None, "waiting_retry")
    assert (slot(due), due.start.again) == ("10:00", True)


def test_with_all_slots_beyond_the_limit_are_skipped_with_a_reason():
    found = planned("09:00", "14:05", catch_up="all", catch_up_limit=2)

    assert (slot(found), found.skips) == ("13:00", (Skip(hours(10, 12), "catch_up_limit"),))


def test_with_all_a_limit_that_is_not_reached_skips_nothing():
    found = planned("09:00", "14:05", catch_up="all", catch_up_limit=5)

    assert (slot(found), found.skips) == ("10:00", ())


def test_with_none_a_slot_on_time_runs_and_missed_ones_are_skipped():
    found = planned("09:00", "14:05", catch_up="none")

    assert (slot(found), found.start.claim.slots, found.skips) == (
        "14:00",
        1,
        (Skip(hours(10, 13), "missed"),),
    )


def test_with_none_nothing_runs_when_even_the_newest_slot_is_missed():
    found = planned("09:00", "14:30", catch_up="none")

    assert (found.start, found.waits, found.next_due) == (None, None, at("15:00"))
    assert found.skips == (Skip(hours(10, 14), "missed"),)


def test_grace_limits_how_late_a_slot_may_run():
    at_its_end = planned("12:00", "14:00", grace=3600)
    over = planned("12:00", "14:01", grace=3600)

    assert (slot(at_its_end), at_its_end.start.claim.slots, at_its_end.skips) == ("14:00", 2, ())
    assert (slot(over), over.start.claim.slots, over.skips) == ("14:00", 1, (Skip(hours(13, 13), "late"),))


def test_with_zero_grace_only_the_exact_second_is_on_time():
    on_time, late = (planned("13:00", "14:00", grace=0), planned("13:00", "14:30", grace=0))

    assert (slot(on_time), on_time.skips) == ("14:00", ())
    assert (late.start, late.skips) == (None, (Skip(hours(14, 14), "late"),))


def test_grace_skips_nothing_while_a_run_waits_for_its_retry():
    found = planned("09:00", "14:30", grace=60, open_run=a_retry("10:00", "14:00"))

    assert found.skips == ()


def test_while_a_run_is_in_progress_nothing_is_skipped():
    found = planned("09:00", "14:30", catch_up="none", busy=True)

    assert (found.start, found.waits, found.skips) == (None, "queued", ())


def test_slots_after_the_end_of_the_plan_belong_to_later_ticks():
    found = planned("09:00", "14:05", until="12:59", catch_up="all", catch_up_limit=1)

    assert (slot(found), found.skips) == ("12:00", (Skip(hours(10, 11), "catch_up_limit"),))


@pytest.mark.parametrize("policy", [{"catch_up": "none"}, {"grace": 300}])
def test_lateness_counts_from_the_end_of_the_jitter(policy):
    found = planned("08:00", "09:57", delay=56 * 60, **policy)

    assert (slot(found), found.skips) == ("09:00", ())


def superseded(first, last):
    return (Skip(hours(first, last), "superseded"),)


@pytest.mark.parametrize(
    ("policy", "skips"), [({"catch_up": "none"}, superseded(10, 12)), ({"grace": 300}, ())]
)
def test_a_slot_that_a_quiet_window_holds_back_is_not_late_at_its_end(policy, skips):
    night = Window(9 * 60 + 50, 13 * 60 + 30)

    waits = planned("09:00", "13:20", not_between=night, **policy)
    runs = planned("09:00", "13:30", not_between=night, **policy)

    assert (waits.start, waits.waits, waits.skips) == (None, "quiet", skips)
    assert (slot(runs), runs.skips) == ("13:00", skips)


@pytest.mark.parametrize(
    ("policy", "skips"), [({"catch_up": "none"}, superseded(9, 11)), ({"grace": 300}, ())]
)
def test_a_slot_that_jitter_moved_into_the_quiet_window_is_not_late_at_its_end(policy, skips):
    night = Window(9 * 60 + 50, 13 * 60 + 30)

    found = planned("08:00", "13:30", not_between=night, delay=55 * 60, **policy)

    assert (slot(found), found.skips) == ("12:00", skips)


@pytest.mark.parametrize("policy", [{"catch_up": "none"}, {"grace": 300}])
def test_slots_that_could_run_before_or_after_the_quiet_window_become_late(policy):
    found = planned("09:00", "14:15", not_between=Window(11 * 60 + 50, 12 * 60 + 30), **policy)

    (skip,) = found.skips
    assert (found.start, skip.span) == (None, hours(10, 14))


def test_with_none_a_slot_that_a_tick_put_off_still_runs():
    put_off = planned("09:00", "10:25", seen="10:20", catch_up="none")
    missed = planned("09:00", "10:25", seen="09:59", catch_up="none")

    assert (slot(put_off), put_off.skips) == ("10:00", ())
    assert (missed.start, missed.skips) == (None, (Skip(hours(10, 10), "missed"),))


def test_with_none_a_slot_that_a_newer_one_replaces_at_a_closed_gate_has_this_reason():
    closed = planned("09:00", "11:00", seen="10:55", catch_up="none", closed=True)
    opened = planned("09:00", "11:00", seen="10:55", catch_up="none")

    assert closed.skips == (Skip(hours(10, 10), "superseded: its gate was closed"),)
    assert (slot(opened), opened.skips) == ("11:00", superseded(10, 10))


def test_with_none_a_slot_waits_for_a_closed_gate_until_the_deadline():
    waits = planned("09:00", "10:25", seen="10:20", catch_up="none", closed=True, gate_deadline=3600)
    gives_up = planned("09:00", "11:01", seen="10:55", catch_up="none", closed=True, gate_deadline=3600)

    assert (waits.waits, waits.skips) == ("gate", ())
    assert gives_up.skips == (Skip(hours(10, 10), "gate"),)


REFUSED = "its gate was closed (it requires: /mnt/x exists)"


@pytest.mark.parametrize("catch_up", ["latest", "all"])
def test_a_closed_gate_with_else_skip_skips_all_slots_that_are_due(catch_up):
    found = planned("09:00", "12:25", refused=True, catch_up=catch_up)

    assert (found.start, found.waits, found.skips) == (None, None, (Skip(hours(10, 12), REFUSED),))
    assert found.next_due == at("13:00")


def test_with_none_a_closed_gate_with_else_skip_skips_the_newest_slot_and_the_others_were_missed():
    found = planned("09:00", "12:05", seen="11:50", refused=True, catch_up="none")

    assert found.start is None
    assert found.skips[-1].span.last == at("12:00")
    assert found.skips[-1].reason == REFUSED


def test_with_else_skip_a_pause_and_quiet_hours_still_keep_the_slot_open():
    paused = planned("09:00", "10:25", refused=True, holds={"pauses": {JobKey("job"): None}})
    quiet = planned("09:00", "10:25", refused=True, not_between=Window(600, 660))

    assert [(found.waits, found.skips) for found in (paused, quiet)] == [("paused", ()), ("quiet", ())]


@pytest.mark.parametrize(("retry_at", "waits"), [("10:30", "gate"), ("15:00", "waiting_retry")])
@pytest.mark.parametrize("catch_up", ["latest", "all", "none"])
def test_with_else_skip_a_retry_waits_and_later_slots_are_skipped(catch_up, retry_at, waits):
    retry = a_retry("10:00", retry_at)
    found = planned("09:00", "12:05", seen="12:02", refused=True, catch_up=catch_up, open_run=retry)

    skipped = (found.skips[0].span.first, found.skips[-1].span.last, {skip.reason for skip in found.skips})
    assert (found.start, found.waits, skipped) == (None, waits, (at("11:00"), at("12:00"), {REFUSED}))


@pytest.mark.parametrize("policy", [{"catch_up": "none"}, {"grace": 300}])
def test_no_slot_that_is_too_late_runs_after_a_waiting_run(policy):
    waits = planned("09:00", "14:30", open_run=a_retry("10:00", "15:00"), **policy)
    tried = planned("09:00", "14:30", open_run=a_retry("10:00", "14:00"), **policy)

    assert (waits.start, waits.waits, waits.skips) == (None, "waiting_retry", ())
    assert (slot(tried), tried.start.again, tried.skips) == ("10:00", True, ())


def test_a_newer_slot_that_replaces_a_waiting_run_covers_the_slots_between_them():
    newest = planned("09:00", "14:04", open_run=a_retry("10:00", "15:00"), grace=300)

    assert (slot(newest), newest.start.coalesced) == ("14:00", (hours(11, 13),))


def test_with_none_a_newer_slot_that_replaces_a_waiting_run_covers_no_other_slot():
    found = planned("09:00", "14:04", open_run=a_retry("10:00", "15:00"), catch_up="none", seen="12:20")

    start = found.start
    assert (slot(found), start.claim.slots, start.coalesced, start.coalesces) == ("14:00", 1, (), False)
    assert (start.superseded.run_id, found.skips) == ("r", ())
    assert start.skips == (*superseded(11, 12), Skip(hours(13, 13), "missed"))


@pytest.mark.parametrize(("now", "runs"), [("14:05", "14:00"), ("13:50", None)])
def test_with_none_a_slot_that_was_held_before_an_outage_does_not_catch_it_up(now, runs):
    found = planned(
        "09:00", now, catch_up="none", seen="10:00", not_between=Window(9 * 60 + 30, 10 * 60 + 30)
    )

    assert (slot(found), found.start and found.start.claim.slots) == (runs, runs and 1)
    assert found.skips == (*superseded(10, 10), Skip(hours(11, 13), "missed"))


def test_with_none_a_slot_counts_as_seen_if_a_tick_came_in_time():
    seen = planned(
        "09:00", "13:30", catch_up="none", seen="13:00", holds={"gaps": ((at("10:30"), at("12:30")),)}
    )

    missed = (Skip(hours(11, 12), "missed"),)
    assert (slot(seen), seen.skips) == ("13:00", (*superseded(10, 10), *missed))


@pytest.mark.parametrize(("on_time", "runs"), [(600, None), (1800, "10:00")])
def test_with_none_the_time_for_a_tick_to_see_a_slot_grows_with_the_cadence(on_time, runs):
    found = planned("09:00", "10:20", catch_up="none", seen="09:50", holds={"on_time": on_time})

    assert slot(found) == runs


def test_with_none_a_tick_sees_every_slot_also_while_one_is_held_back():
    found = planned("09:00", "10:00", catch_up="none", seen="09:55", holds={"pauses": {JobKey("job"): None}})

    assert (found.waits, found.next_due) == ("paused", at("11:00"))


def test_with_none_a_grace_applies_to_the_slots_that_a_tick_saw():
    found = planned("09:00", "14:30", catch_up="none", seen="14:25", grace=5400)

    assert (slot(found), found.skips) == ("14:00", (Skip(hours(10, 12), "late"), *superseded(13, 13)))


def test_a_slot_in_its_jitter_is_due_before_the_retry_that_it_replaces():
    plan = planned("04:00", "05:01", open_run=a_retry("04:00", "05:30"), delay=240)

    assert (plan.waits, plan.next_due) == ("waiting_retry", at("05:04"))
