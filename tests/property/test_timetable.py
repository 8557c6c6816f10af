"""Compare the slots of random schedules with two oracles: cronsim, and a simulation of Debian's cron.c."""

import re
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise, takewhile
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduled.schedules.clock_changes import changes
from scheduled.schedules.cron import parse
from scheduled.schedules.cron_lint import lint
from scheduled.schedules.cron_timetable import _Cron, cron
from scheduled.schedules.durations import parse_interval
from scheduled.schedules.schedule import ScheduleError
from scheduled.schedules.timetable import every, never, once, union, without

MINUTE, HOUR, DAY = 60, 3600, 86400
EPOCH = datetime(1970, 1, 1)
RANGES = {"minute": (0, 59), "hour": (0, 23), "day": (1, 31), "month": (1, 12), "weekday": (0, 7)}
NAMES = {
    "month": ["JAN", "feb", "MAR", "apr", "MAY", "jun", "JUL", "aug", "SEP", "oct", "NOV", "dec"],
    "weekday": ["SUN", "mon", "TUE", "wed", "THU", "fri", "SAT"],
}
EXTENSIONS = {"day": ["L", "LW"], "weekday": ["5L", "7L", "5#2", "MON#5"]}
# Shifts by half an hour, two and three hours, a day; at midnight; twice in a Ramadan; at odd minutes; none.
ZONES = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "Antarctica/Troll",
    "Antarctica/Casey",
    "Pacific/Apia",
    "Pacific/Kwajalein",
    "America/St_Johns",
    "Asia/Gaza",
    "Africa/Cairo",
    "America/Sao_Paulo",
    "Asia/Tehran",
    "Antarctica/Vostok",
    "Europe/Dublin",
    "Asia/Pyongyang",
    "America/Caracas",
    "Asia/Kolkata",
    "UTC",
]
# Zones in which cronsim 2.8 agrees with Debian's cron from 2024 on: changes by full hours, neither at
# midnight nor around noon UTC. They come from one release of the time zone data, because a later release may
# change the rules.
CRONSIM_ZONES = [
    "2025b/Europe/Berlin",
    "2025b/America/New_York",
    "2025b/Africa/Casablanca",
    "2025b/Antarctica/Troll",
    "2025b/America/St_Johns",
    "2025b/Asia/Kolkata",
    "UTC",
]


def instant(year, month=1, day=1):
    return int(datetime(year, month, day, tzinfo=UTC).timestamp())


@st.composite
def terms(draw, field):
    least, most = RANGES[field]
    low = draw(st.integers(least, most))
    kind = draw(st.sampled_from(["number", "range", "step", "star/step", "name"]))
    if kind == "name" and field in NAMES:
        return draw(st.sampled_from(NAMES[field] + EXTENSIONS.get(field, [])))
    if kind in {"range", "step"}:
        span = f"{low}-{draw(st.integers(low, most))}"
        return span if kind == "range" else f"{span}/{draw(st.integers(1, most))}"
    return f"*/{draw(st.integers(1, most))}" if kind == "star/step" else str(low)


def fields(name):
    return st.just("*") | st.lists(terms(name), min_size=1, max_size=3).map(",".join)


@st.composite
def expressions(draw):
    # Mostly every day, so that a window of a few days contains slots.
    days = [draw(st.just("*") | fields(name)) for name in ("day", "month", "weekday")]
    return " ".join([draw(fields("minute")), draw(fields("hour")), *days])


def refused(expression):
    try:
        cron(expression, "UTC")
    except ScheduleError:
        return True
    return False


possible = expressions().filter(lambda expression: not refused(expression))


@st.composite
def around_a_change(draw, year_range=(1965, 2040)):
    """Draw a zone and an instant, up to three days before a clock change if that year has one."""
    zone, year = draw(st.sampled_from(ZONES)), draw(st.integers(*year_range))
    found = changes(zone, instant(year), instant(year + 1))
    middle = draw(st.sampled_from(found)).at if found else instant(year) + draw(st.integers(0, 365)) * DAY
    return zone, middle - draw(st.integers(0, 3 * DAY)) // MINUTE * MINUTE


@st.composite
def timetables(draw):
    return draw(single() | st.lists(single(), max_size=3).map(union))


@st.composite
def single(draw):
    return draw(
        st.builds(cron, possible, st.sampled_from(ZONES))
        | st.builds(every, st.integers(1, 10 * DAY), st.integers(0, instant(2030)))
        | st.builds(once, st.integers(instant(2024), instant(2025)))
        | st.builds(never)
    )


def for_cronsim(expression):
    """Return the expression with each N-N/step as N, which it means for Debian's cron; cronsim reads N-59/step."""
    return re.sub(r"\b(\d+)-\1/\d+", r"\1", expression)


class DebianCron:
    """The main loop of Debian's cron.c, minute by minute.

    `_virtual` is the last local minute that was processed.
    """

    def __init__(self, expression, zone, start):
        self._zone = ZoneInfo(zone)
        self._sim = CronSim(for_cronsim(expression), EPOCH)
        self._wild = any(field.startswith("*") for field in expression.split()[:2])
        self._virtual = self._local(start) - 1

    def _local(self, now):
        offset = datetime.fromtimestamp(now, self._zone).utcoffset()
        return (now + int(offset.total_seconds())) // MINUTE

    def _matches(self, minute):
        local, sim = EPOCH + timedelta(minutes=minute), self._sim
        times = local.minute in sim.minutes and local.hour in sim.hours
        return times and local.month in sim.months and sim.match_day(local.date())

    def wakes(self, now):
        """Return whether cron starts the job when it wakes up at *now*."""
        running, virtual = self._local(now), self._virtual
        ahead = running - virtual
        if -180 < ahead <= 0:
            return self._wild and self._matches(running)
        self._virtual = running
        if ahead == 1 or ahead > 180 or ahead <= -180 or self._wild:
            return self._matches(running)
        return any(self._matches(minute) for minute in range(virtual + 1, running + 1))


@settings(max_examples=300, deadline=None)
@given(around_a_change(), possible, st.integers(1, 4))
def test_slots_equal_the_starts_of_debians_main_loop(place, expression, days):
    zone, start = place
    # The simulation begins a day earlier, so that a clock change before *start* has no more effect.
    loop = DebianCron(expression, zone, start - DAY)
    expected = [
        now for now in range(start - DAY, start + days * DAY, MINUTE) if loop.wakes(now) and now >= start
    ]

    assert expected == list(cron(expression, zone).between(start - 1, start + days * DAY - 1))


# cronsim cannot begin within a repeated hour.
NOONS = st.integers(instant(2024) // DAY, instant(2026) // DAY).map(lambda day: day * DAY + 12 * HOUR)


@settings(max_examples=300, deadline=None)
@given(possible, st.sampled_from(CRONSIM_ZONES), NOONS, st.integers(1, 400))
def test_cronsim_agrees(expression, zone, noon, days):
    oracle, limit = CronSim(for_cronsim(expression), datetime.fromtimestamp(noon, ZoneInfo(zone))), 60
    end = noon + days * DAY
    upcoming = (int(moment.timestamp()) for moment in islice(oracle, limit))
    expected = list(takewhile(lambda slot: slot <= end, upcoming))

    assert expected == list(islice(cron(expression, zone).between(noon, end), limit))


@settings(deadline=None)
@given(possible, st.sampled_from(CRONSIM_ZONES), NOONS)
def test_the_next_slot_is_found_however_far_away(expression, zone, noon):
    oracle = CronSim(for_cronsim(expression), datetime.fromtimestamp(noon, ZoneInfo(zone)))

    assert int(next(oracle).timestamp()) == cron(expression, zone).next_after(noon)


@settings(deadline=None)
@given(
    timetables(), st.integers(instant(2024), instant(2025)), st.integers(0, 3 * DAY), st.integers(0, 3 * DAY)
)
def test_all_methods_of_a_timetable_agree(timetable, after, length, rest):
    until = after + length
    slots = list(timetable.between(after, until))

    assert len(slots) == timetable.count(after, until)
    assert all(early < late for early, late in pairwise([after, *slots, until + 1]))
    assert timetable.count(after, until + rest) == len(slots) + timetable.count(until, until + rest)
    upcoming, last = timetable.next_after(after), timetable.last_until(until)
    if slots:
        assert (slots[0], slots[-1]) == (upcoming, last)
    else:
        assert upcoming is None or upcoming > until
        assert last is None or last <= after


@settings(deadline=None)
@given(
    st.sampled_from(["0 * * * *", "30 2 * * *", "*/7 1-3 * * *", "0 3 29 2 *"]),
    st.sampled_from(["UTC", "Europe/Berlin", "Australia/Lord_Howe"]),
    st.integers(instant(2024), instant(2026)),
    st.lists(st.tuples(st.booleans(), st.integers(-2 * DAY, 2 * DAY)), max_size=12),
)
def test_earlier_questions_do_not_change_the_answers_of_a_cron_timetable(expression, zone, begin, questions):
    asked = cron(expression, zone)
    for is_next, later in questions:
        new = _Cron(parse(expression), zone)
        at = begin + later
        if is_next:
            assert asked.next_after(at) == new.next_after(at)
        else:
            assert asked.last_until(at) == new.last_until(at)


@settings(deadline=None)
@given(timetables(), st.integers(instant(1990), instant(2035)))
def test_next_after_and_last_until_lead_to_each_other(timetable, now):
    last, upcoming = timetable.last_until(now), timetable.next_after(now)

    if last is not None:
        assert timetable.next_after(last) == upcoming
        assert timetable.last_until(last) == last
        assert timetable.next_after(last - 1) == last
        assert timetable.count(last, now) == 0
    if upcoming is not None:
        assert timetable.last_until(upcoming - 1) == last
        assert timetable.count(now, upcoming) == 1


STARS = st.sampled_from(["* * * * *", "*/5 * * * *", "0 * * * *", "30 2 * * *", "0 0 1 * *"])
# Close in time and in their intervals, so that they share slots.
OVERLAPPING = st.lists(
    st.builds(cron, possible | STARS, st.sampled_from(ZONES))
    | st.builds(
        every,
        st.sampled_from([60, 90, 3600, 5400, DAY]),
        st.sampled_from([instant(2024), instant(2024) + 30]),
    )
    | st.builds(once, st.integers(0, 48).map(lambda hours: instant(2024, 3, 30) + hours * HOUR)),
    max_size=4,
)


@settings(max_examples=300, deadline=None)
@given(OVERLAPPING, st.integers(0, 3 * DAY), st.integers(0, 2 * DAY), st.integers(0, 2 * DAY), st.data())
def test_a_union_has_the_slots_of_its_members(members, begin, length, rest, data):
    begin += instant(2024, 3, 29)  # clocks in Berlin change on the 31st
    until = begin + length
    naive = sorted({slot for member in members for slot in member.between(begin, until + rest)})
    expected = [slot for slot in naive if slot <= until]
    times = union(members)

    assert list(times.between(begin, until)) == expected
    assert times.count(begin, until) == len(expected)
    assert times.span(begin, until) == ((expected[0], expected[-1], len(expected)) if expected else None)
    earlier = [slot for member in members if (slot := member.last_until(begin)) is not None]
    later = [slot for member in members if (slot := member.next_after(until + rest)) is not None]
    assert times.last_until(until) == (expected[-1] if expected else max(earlier, default=None))
    upcoming = [slot for slot in naive if slot > until]
    assert times.next_after(until) == (upcoming[0] if upcoming else min(later, default=None))
    gone = data.draw(st.lists(st.sampled_from(expected), max_size=5)) if expected else []
    assert list(without(times, gone).between(begin, until)) == [slot for slot in expected if slot not in gone]


@settings(deadline=None)
@given(OVERLAPPING, st.randoms(use_true_random=False), st.integers(0, 3 * DAY))
def test_neither_order_nor_repetition_matters_to_a_union(members, random, length):
    begin, shuffled = instant(2024, 3, 29), [*members, *members[:1]]
    random.shuffle(shuffled)

    assert union(shuffled).count(begin, begin + length) == union(members).count(begin, begin + length)


@settings(deadline=None)
@given(possible, around_a_change(year_range=(1975, 2040)))
def test_slots_fall_on_full_minutes(expression, place):
    zone, start = place

    assert {0} >= {slot % MINUTE for slot in cron(expression, zone).between(start, start + 2 * DAY)}


@settings(deadline=None)
@given(possible, around_a_change(), st.integers(1, 12 * 366))
def test_the_count_of_years_is_the_sum_of_the_counts_of_their_parts(expression, place, days):
    zone, start = place
    timetable, end = cron(expression, zone), start + days * DAY
    cuts = [*range(start, end, 30 * DAY), end]

    assert timetable.count(start, end) == sum(timetable.count(low, high) for low, high in pairwise(cuts))


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(sorted(available_timezones())), st.integers(1970, 2025))
def test_no_change_of_any_zone_is_missed(key, year):
    zone = ZoneInfo(key)
    found = changes(key, instant(year), instant(year + 1))
    hours = range(instant(year), instant(year + 1) + 1, HOUR)
    offsets = [int(datetime.fromtimestamp(now, zone).utcoffset().total_seconds()) for now in hours]

    assert [(low, high) for low, high in pairwise(offsets) if low != high] == [
        (change.before, change.after) for change in found
    ]
    assert [change.after for change in found] == [
        int(datetime.fromtimestamp(change.at, zone).utcoffset().total_seconds()) for change in found
    ]
    assert [change.before for change in found] == [
        int(datetime.fromtimestamp(change.at - 1, zone).utcoffset().total_seconds()) for change in found
    ]


SCRAPS = st.sampled_from(
    [*"*/-,#LWH()0123456789 ", "MON", "jan", "60", "@daily", "@", "H(0-9)", "²", "٣", "\0"]
)


def result_of(function, *arguments):
    """Return the result of the function, or the ScheduleError that it raises.

    Any other error fails the test.
    """
    try:
        return function(*arguments)
    except ScheduleError as error:
        return error


@given(
    st.text()
    | st.lists(SCRAPS).map("".join)
    | st.lists(st.lists(SCRAPS, min_size=1, max_size=4).map("".join), min_size=5, max_size=5).map(" ".join),
    st.sampled_from(["", "job"]),
)
def test_any_text_is_a_schedule_or_an_error_with_advice(text, seed):
    found = result_of(cron, text, "UTC", seed)

    if isinstance(found, ScheduleError):
        assert "write" in str(found)
    else:
        assert found.next_after(instant(2026)) is not None
        assert isinstance(lint(text, "Europe/Berlin", instant(2026), seed), list)


@given(st.text() | st.from_regex(r"\A[0-9]{1,3}[smhdx ][0-9smhd ]*\Z"))
def test_any_text_is_an_interval_or_an_error_with_advice(text):
    found = result_of(parse_interval, text)

    assert "write" in str(found) if isinstance(found, ScheduleError) else found > 0
