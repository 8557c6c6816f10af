"""`catch_up = "all"` and `"none"`, `catch_up_limit` and `grace`: which missed slots run, and which are skipped."""

from datetime import UTC, datetime

from scheduled import planner
from scheduled.jobs import Action, Job, OpenRun, Schedule, Span, Standing
from scheduled.planner import Skip


def at(text):
    return int(datetime.fromisoformat(f"2026-02-03T{text}+00:00").timestamp())


def hours(first, last):
    return Span(at(f"{first}:00"), at(f"{last}:00"), last - first + 1)


HOURLY = Schedule("cron", "0 * * * *")


def planned(position, now, *, open_run=None, busy=False, until=None, **values):
    job = Job(name="job", schedule=HOURLY, action=Action("command", words=("true",)), **values)
    standing = Standing(
        job="job", position=at(position), epoch=at("00:00"), schedule=HOURLY, open_run=open_run, busy=busy
    )
    return planner.plan_job(job, standing, at(now), until=until and at(until))


def slot(plan):
    return plan.start and datetime.fromtimestamp(plan.start.claim.slot, UTC).strftime("%H:%M")


def a_retry(when, retry_at):
    return OpenRun(
        run_id="r", job="job", slot=at(when), status="waiting_retry", attempt=1, slots=1, trigger="schedule",
        tick="", boot="", retry_at=at(retry_at),
    )  # fmt: skip


def test_with_all_the_oldest_slot_runs_first_and_stands_for_itself_alone():
    found = planned("09:00", "14:05", catch_up="all")

    assert (slot(found), found.start.claim.slots, found.start.coalesced, found.skips) == ("10:00", 1, (), ())


def test_with_all_an_open_retry_goes_before_newer_slots():
    waiting = planned("09:00", "14:05", catch_up="all", open_run=a_retry("10:00", "15:00"))
    due = planned("09:00", "14:05", catch_up="all", open_run=a_retry("10:00", "14:00"))

    assert (waiting.start, waiting.waits) == (None, "waiting_retry")
    assert (slot(due), due.start.again) == ("10:00", True)


def test_with_all_what_lies_beyond_the_limit_is_skipped_with_its_reason():
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


def test_grace_says_how_late_a_slot_may_still_run():
    at_its_end = planned("12:00", "14:00", grace=3600)
    over = planned("12:00", "14:01", grace=3600)

    assert (slot(at_its_end), at_its_end.start.claim.slots, at_its_end.skips) == ("14:00", 2, ())
    assert (slot(over), over.start.claim.slots, over.skips) == ("14:00", 1, (Skip(hours(13, 13), "late"),))


def test_without_grace_only_the_very_second_is_on_time():
    on_time, late = (planned("13:00", "14:00", grace=0), planned("13:00", "14:30", grace=0))

    assert (slot(on_time), on_time.skips) == ("14:00", ())
    assert (late.start, late.skips) == (None, (Skip(hours(14, 14), "late"),))


def test_grace_takes_nothing_from_a_run_that_waits_for_its_retry():
    found = planned("09:00", "14:30", grace=60, open_run=a_retry("10:00", "14:00"))

    assert found.skips == ()


def test_while_a_run_is_under_way_nothing_is_skipped():
    found = planned("09:00", "14:30", catch_up="none", busy=True)

    assert (found.start, found.waits, found.skips) == (None, "running", ())


def test_slots_after_the_end_of_the_plan_belong_to_later_ticks():
    found = planned("09:00", "14:05", until="12:59", catch_up="all", catch_up_limit=1)

    assert (slot(found), found.skips) == ("12:00", (Skip(hours(10, 11), "catch_up_limit"),))
