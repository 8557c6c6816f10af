"""The rules for `by`, `within` and `duration` of `expect`."""

from datetime import UTC, datetime

import msgspec
import pytest

from scheduled.core import expectations
from scheduled.core.expectations import Known, Late, Success
from scheduled.core.jobs import Action, Expect, Job, Window
from scheduled.core.runs import JobState
from scheduled.schedules.schedule import Schedule

DAY, HOUR = 86400, 3600


def at(text):
    """Return the instant of `DAY HH:MM` in December 2026, UTC."""
    day, time = text.split()
    hour, minute = time.split(":")
    return int(datetime(2026, 12, int(day), int(hour), int(minute), tzinfo=UTC).timestamp())


def success(slot, began=None, took=10.0):
    began = at(began or slot)
    return Success(scheduled_for=at(slot) if slot else None, began=began, ended=began + took, took=took)


def case(expression, expect, *successes, zone="UTC", epoch="1 00:00", **known):
    kind = "manual" if expression is None else "cron"
    schedules = (Schedule(kind, expression or "", zone),)
    job = Job(name="job", schedules=schedules, action=Action("command", words=("x",)), expect=expect)
    state = JobState(job="job", position=at(epoch), epoch=at(epoch), schedules=schedules)
    return job, Known(state=state, successes=successes, **known)


NINE = Expect(by=9 * 60)


@pytest.mark.parametrize(
    ("expression", "successes", "now", "slot", "coming"),
    [
        # a daily job
        ("0 3 * * *", [], "2 02:59", None, None),
        ("0 3 * * *", [], "2 03:00", None, "2 09:00"),
        ("0 3 * * *", [], "2 08:59", None, "2 09:00"),
        ("0 3 * * *", [], "2 09:00", "2 03:00", None),
        ("0 3 * * *", [], "3 02:00", "2 03:00", None),
        ("0 3 * * *", [], "3 03:00", "2 03:00", "3 09:00"),
        ("0 3 * * *", [("2 03:00", "2 03:01")], "2 09:00", None, None),
        ("0 3 * * *", [("2 03:00", "2 09:30")], "2 10:00", None, None),  # late, and then it ends
        ("0 3 * * *", [("2 03:00", "2 03:01")], "3 09:00", "3 03:00", None),
        ("0 3 * * *", [("", "2 08:00")], "2 09:00", None, None),  # by hand
        ("0 3 * * *", [("", "2 02:00")], "2 09:00", "2 03:00", None),  # by hand, before the slot
        ("0 3 * * *", [("1 03:00", "2 08:00")], "2 09:00", "2 03:00", None),  # of yesterday, today
        # the next morning
        ("0 22 * * *", [], "2 23:00", "1 22:00", "3 09:00"),
        ("0 22 * * *", [("1 22:00", "1 22:00")], "2 23:00", None, "3 09:00"),
        # exactly at the time: the next day
        ("0 9 * * *", [], "2 09:00", None, "3 09:00"),
        # a weekly job, on Mondays
        ("0 3 * * MON", [], "7 08:00", None, "7 09:00"),
        ("0 3 * * MON", [], "10 12:00", "7 03:00", None),
        ("0 3 * * MON", [("7 03:00", "10 13:00")], "13 12:00", None, None),
        # several slots a day: the newest before the time has to succeed
        ("0 */4 * * *", [("2 04:00", "2 04:00")], "2 09:00", "2 08:00", None),
        ("0 */4 * * *", [("2 08:00", "2 08:00")], "2 09:00", None, None),
        ("0 */4 * * *", [("2 08:00", "2 08:00")], "2 21:00", None, "3 09:00"),
        # before the job came into force
        ("0 3 * * *", [], "1 13:00", None, None),
    ],
)
def test_by(expression, successes, now, slot, coming):
    job, known = case(expression, NINE, *(success(*one) for one in successes), epoch="1 12:00")
    found = expectations.late(job, known, at(now))

    assert (found and found.slot) == (slot and at(slot))
    assert expectations.next_late(job, known, at(now)) == (coming and at(coming))


@pytest.mark.parametrize(("ends", "coming"), [(10, "2 09:00"), (8, None)])
def test_the_deadline_of_a_slot_that_can_not_start_before_it_is_known_in_advance(ends, coming):
    job, known = case("0 3 * * *", NINE, epoch="1 12:00")
    job = msgspec.structs.replace(job, not_between=Window(2 * 60, ends * 60))

    assert expectations.next_late(job, known, at("1 13:00")) == (coming and at(coming))
    assert expectations.late(job, known, at("2 09:00")) == Late(slot=at("2 03:00"), deadline=at("2 09:00"))


def test_by_is_a_local_time_also_when_the_clocks_change():
    zone = "America/New_York"  # they go back on 2026-11-01 at 06:00 UTC, and the deadline has the new offset
    job, known = case("0 3 * * *", NINE, zone=zone)
    summer = int(datetime(2026, 10, 31, 12, tzinfo=UTC).timestamp())
    known = Known(state=JobState(job="job", position=summer, epoch=summer, schedules=job.schedules))
    deadline = int(datetime(2026, 11, 1, 14, tzinfo=UTC).timestamp())

    assert expectations.late(job, known, deadline - 1) is None
    assert expectations.late(job, known, deadline) == Late(slot=deadline - 6 * HOUR, deadline=deadline)


def test_a_success_that_was_pruned_is_known_by_its_slot():
    job, known = case("0 3 * * *", NINE, window_start=at("2 03:00"))

    assert expectations.late(job, known, at("2 10:00")) is None
    assert expectations.silent_since(known) == at("2 03:00")


def test_an_excused_slot_leaves_the_one_before_it():
    excused = {at("3 03:00")}
    job, known = case("0 3 * * *", NINE, is_excused=excused.__contains__)
    found = expectations.late(job, known, at("3 10:00"))

    assert found == Late(slot=at("2 03:00"), deadline=at("2 09:00"))
    job, known = case("0 3 * * *", NINE, is_excused=lambda _: True)
    assert expectations.late(job, known, at("3 10:00")) is None


@pytest.mark.parametrize("schedule", [Schedule("manual", ""), Schedule("every", "86400", from_end=True)])
def test_a_job_without_fixed_slots_has_no_deadline(schedule):
    job, known = case("0 3 * * *", NINE)
    job = Job(name="job", schedules=(schedule,), action=job.action, expect=NINE)

    assert expectations.deadlines(job) is None
    assert expectations.late(job, known, at("2 10:00")) is None
    assert expectations.next_late(job, known, at("2 04:00")) is None


def test_within_counts_from_the_last_success_or_from_when_the_job_came_into_force():
    two_days = Expect(within=2 * DAY)
    never, _ = (known for _, known in [case(None, two_days)] * 2)
    job, once = case(None, two_days, success("2 03:00", "2 03:00", took=60.0))
    _, enabled = case(None, two_days, success("2 03:00"), epoch="8 00:00")

    assert expectations.next_silent(job, never) == at("3 00:00")
    assert expectations.next_silent(job, once) == at("4 03:01")
    assert expectations.next_silent(job, enabled) == at("10 00:00")


def test_after_the_last_slot_nothing_is_expected():
    job, known = case("0 3 * * *", Expect(within=DAY), success("2 03:00"))
    last = Schedule("at", "2026-12-02T03:00", "UTC", anchor=at("2 03:00"))
    job = Job(name="job", schedules=(last,), action=job.action, expect=job.expect)
    state = JobState(job="job", position=at("2 03:00"), epoch=at("1 00:00"), schedules=(last,))

    assert expectations.next_silent(job, Known(state=state, successes=known.successes)) is None
    assert expectations.next_silent(job, Known(state=state)) == at("2 00:00")


def took(*seconds):
    return [success("2 03:00", took=float(one)) for one in seconds]


@pytest.mark.parametrize(
    ("expect", "seconds", "limit"),
    [
        (Expect(duration=7200), [], 7200),
        (Expect(times=3.0), [10, 10, 10, 10], None),  # too few for a median
        (Expect(times=3.0), [10, 20, 30, 40, 1000], 90),
        (Expect(times=1.5), [10] * 20 + [1000] * 30, 15),  # the newest 20 only
        (Expect(by=1), [10] * 9, None),
    ],
)
def test_the_longest_time_of_a_run(expect, seconds, limit):
    assert expectations.limit(expect, took(*seconds)) == limit


@pytest.mark.parametrize(
    ("expect", "seconds", "limit"),
    [
        (Expect(times=3.0), [31, 10, 10, 10, 10, 10], 30),
        (Expect(times=3.0), [30, 10, 10, 10, 10, 10], None),
        (Expect(times=3.0), [31, 10, 10, 10, 10], None),
        (Expect(times=3.0), [], None),
        (Expect(duration=60), [61], 60),
        (Expect(duration=60), [10, 61], None),  # a success since then
    ],
)
def test_a_success_that_took_too_long(expect, seconds, limit):
    _, known = case(None, expect, *took(*seconds))

    assert expectations.exceeded(expect, known) == limit
