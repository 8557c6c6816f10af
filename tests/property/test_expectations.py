"""Compare the rules for `by` and `within` with a naive walk through every minute, and the next instant with what happens then."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduled.core import expectations
from scheduled.core.epochs import slots_of
from scheduled.core.expectations import Known, Success
from scheduled.core.jobs import Action, Expect, Job
from scheduled.core.runs import JobState
from scheduled.schedules.schedule import Schedule

MINUTE, HOUR, DAY = 60, 3600, 86400
EXPRESSIONS = [
    "0 3 * * *",
    "30 22 * * *",
    "0 9 * * *",
    "0 */5 * * *",
    "15 6,18 * * MON-FRI",
    "0 4 * * SUN",
    "7 * * * *",
]
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]
# Around the changes of the clocks of these zones, too.
BEGINNINGS = [
    int(datetime(*day, tzinfo=UTC).timestamp())
    for day in [(2026, 3, 26), (2026, 10, 23), (2026, 10, 30), (2026, 6, 1)]
]


def naive_deadlines(zone, by, begin, end):
    """Return, for each local day, its first minute at or after *by* that is not before it on the clock."""
    here, found, days = ZoneInfo(zone), [], set()
    for instant in range(begin, end, MINUTE):
        local = datetime.fromtimestamp(instant, here)
        if local.date() not in days and local.hour * 60 + local.minute >= by:
            days.add(local.date())
            found.append(instant)
    return found


def naive_late(slots, deadlines, successes, now):
    """Return the newest slot of which the deadline has passed if nothing for it or a later one has succeeded."""
    until = {slot: next((at for at in deadlines if at > slot), None) for slot in slots}
    passed = [slot for slot, at in until.items() if at is not None and at <= now]
    if not passed or any((one if done is None else done) >= passed[-1] for done, one in successes):
        return None
    return passed[-1]


@st.composite
def cases(draw):
    begin, zone = draw(st.sampled_from(BEGINNINGS)), draw(st.sampled_from(ZONES))
    by, within = draw(st.sampled_from([9 * 60, 6 * 60, 23 * 60 + 30, 12 * 60 + 1])), draw(st.integers(1, 90))
    schedules = (Schedule("cron", draw(st.sampled_from(EXPRESSIONS)), zone),)
    job = Job(
        name="job",
        schedules=schedules,
        action=Action("command", words=("x",)),
        expect=Expect(by=by, within=within * HOUR),
    )
    epoch = begin + draw(st.integers(0, 3 * DAY // MINUTE)) * MINUTE
    now = epoch + draw(st.integers(0, 4 * DAY // MINUTE)) * MINUTE
    slots = list(slots_of(schedules, epoch).between(epoch, now))
    done = draw(
        st.lists(st.tuples(st.sampled_from([None, *slots]), st.integers(epoch, max(epoch, now))), max_size=4)
    )
    successes = [
        Success(scheduled_for=slot, began=float(max(slot or 0, at)), ended=float(max(slot or 0, at)))
        for slot, at in done
    ]
    successes = sorted(
        (one for one in successes if one.ended <= now), key=lambda one: one.began, reverse=True
    )
    state = JobState(job="job", position=now, epoch=epoch, schedules=schedules)
    return job, Known(state=state, successes=successes), now, slots, begin


@settings(max_examples=150, deadline=None)
@given(cases())
def test_a_slot_is_late_as_a_naive_search_finds_it(case):
    job, known, now, slots, begin = case
    deadlines = naive_deadlines(job.zone, job.expect.by, begin - DAY, now + 2 * DAY)
    successes = [(one.scheduled_for, one.began) for one in known.successes]
    found = expectations.late(job, known, now)

    assert (found and found.slot) == naive_late(slots, deadlines, successes, now)
    assert found is None or found.deadline == next(at for at in deadlines if at > found.slot)


@settings(max_examples=150, deadline=None)
@given(cases())
def test_an_expectation_breaks_at_the_next_instant_and_not_before(case):
    job, known, now, _, _ = case
    nothing_more = (
        slots_of(job.schedules, now).next_after(now) or now + 9 * DAY
    )  # a tick comes at the next slot
    coming = expectations.next_late(job, known, now)
    until = min(nothing_more, now + 3 * DAY)
    was = expectations.late(job, known, now)
    changes = [
        at
        for at in range(now + MINUTE, until, MINUTE)
        if expectations.late(job, known, at) not in (was, None)
    ]

    assert next(iter(changes), None) == (coming if coming is not None and coming < until else None)


@settings(max_examples=50, deadline=None)
@given(cases(), st.integers(0, 3 * DAY))
def test_a_newer_success_ends_both(case, later):
    job, known, now, _, _ = case
    at = now + later
    ended = Success(scheduled_for=None, began=float(at), ended=float(at))
    known = msgspec.structs.replace(known, successes=[ended, *known.successes])

    assert expectations.late(job, known, at) is None
    silent = expectations.next_silent(job, known)
    assert silent is not None
    assert silent > at
