import json
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from scheduled.schedules import clock_changes, cron_days
from scheduled.schedules import cron as dialect
from scheduled.schedules.cron_lint import lint
from scheduled.schedules.cron_timetable import cron
from scheduled.schedules.durations import parse_interval
from scheduled.schedules.kinds import every as every_kind
from scheduled.schedules.schedule import ScheduleError
from scheduled.schedules.timetable import every, never, once

DATA = Path(__file__).parents[2] / "data"
HOUR, DAY = 3600, 86400


def at(text, zone="UTC"):
    """Return the instant of an ISO time, which is in *zone* unless it has an offset."""
    moment = datetime.fromisoformat(text)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))).timestamp())


def utc(*slots):
    return [f"{datetime.fromtimestamp(slot, UTC):%Y-%m-%dT%H:%M}" for slot in slots]


def fired(expression, zone, first, until):
    """Return the UTC times of the slots from *first* to *until*, both inclusive and in UTC."""
    return utc(*cron(expression, zone).between(at(first) - 1, at(until)))


def golden_cases():
    for case in json.loads((DATA / "cron_at_clock_changes.json").read_text()):
        for vector in case["vectors"]:
            yield pytest.param(case, vector, id=f"{case['name']}: {vector['expr']}")


@pytest.mark.parametrize(("case", "vector"), list(golden_cases()))
def test_slots_are_the_minutes_in_which_the_real_debian_cron_fired(case, vector):
    expected = sorted({at(stamp) for stamp in vector["fired_utc"]})
    # The recording stopped before its last minute began.
    start, end = at(case["start_utc"]) - 1, at(case["end_utc"]) - 1
    timetable = cron(vector["expr"], f"{case['tzdata']}/{case['zone']}")

    assert expected == list(timetable.between(start, end))
    assert len(expected) == timetable.count(start, end)


def test_a_jump_of_exactly_three_hours_is_treated_as_a_clock_that_was_set():
    # Casey went from 00:01 to 03:01: 181 minutes from one wake-up of cron to the next.
    during = ("2020-10-03T15:00", "2020-10-03T18:00")

    assert fired("30 0-4 * * *", "Antarctica/Casey", *during) == ["2020-10-03T16:30", "2020-10-03T17:30"]


def test_three_hours_turned_back_do_not_run_again():
    during = ("2021-03-13T10:00", "2021-03-13T17:00")

    assert fired("30 21-23 * * *", "Antarctica/Casey", *during) == [
        "2021-03-13T10:30",
        "2021-03-13T11:30",
        "2021-03-13T12:30",
    ]
    assert len(fired("30 * * * *", "Antarctica/Casey", *during)) == 7


def test_a_day_that_a_zone_skips_has_no_slots():
    # Samoa had no December 30 in 2011.
    assert fired("0 12 30 12 *", "Pacific/Apia", "2011-12-01T00:00", "2012-01-31T00:00") == []
    assert fired("0 12 28-31 12 *", "Pacific/Apia", "2011-12-01T00:00", "2012-01-31T00:00") == [
        "2011-12-28T22:00",
        "2011-12-29T22:00",
        "2011-12-30T22:00",
    ]


def test_a_day_that_a_zone_has_twice_has_its_slots_twice(make_zone):
    # Like 30 September 1969 in Kwajalein: a change of 23 hours is not daylight saving time.
    zone = make_zone(11 * HOUR, [(at("2019-09-30T13:00"), -12 * HOUR)])
    span = ("2019-09-29T12:00", "2019-10-01T12:00")

    assert fired("0 20 30 9 *", zone, *span) == ["2019-09-30T09:00", "2019-10-01T08:00"]


def test_wildcards_do_not_run_in_a_gap_at_midnight():
    # cronsim 2.8 returns a midnight that did not exist: Cairo went from 00:00 to 01:00.
    before = at("2026-04-23T21:59")

    assert utc(cron("* 0 * * *", "2025b/Africa/Cairo").next_after(before)) == ["2026-04-24T21:00"]
    assert utc(cron("0 0 * * *", "2025b/Africa/Cairo").next_after(before)) == ["2026-04-23T22:00"]


def test_local_times_repeated_at_new_year_belong_to_the_old_year(make_zone):
    # Like Palmer Station in 1965: the clock was set back by three hours at the beginning of the UTC year.
    zone = make_zone(0, [(at("2019-01-01T00:00"), -3 * HOUR)])

    assert fired("30 21-23 * * *", zone, "2018-12-31T21:00", "2019-01-01T12:00") == [
        "2018-12-31T21:30",
        "2018-12-31T22:30",
        "2018-12-31T23:30",
    ]


@pytest.mark.parametrize("offset", [1172, -2670, -57360])
def test_offsets_with_odd_seconds_are_supported(make_zone, offset):
    # Amsterdam, Monrovia and Manila formerly had offsets like these.
    changes = [
        (at(f"{year}-0{month}-01T02:00"), change)
        for year in range(1990, 2000)
        for month, change in ((4, offset + HOUR), (9, offset))
    ]
    timetable = cron("*/7 3 * * *", make_zone(offset, changes))
    slots = list(timetable.between(at("1990-01-01T00:00"), at("2000-01-01T00:00")))

    assert all(early < late for early, late in pairwise(slots))
    assert len(slots) == timetable.count(at("1990-01-01T00:00"), slots[-1])
    assert {0 if offset == -57360 else 60 - offset % 60} == {slot % 60 for slot in slots}


def test_february_29_comes_every_four_years():
    assert fired("0 0 29 2 *", "UTC", "2020-01-01T00:00", "2030-01-01T00:00") == [
        "2020-02-29T00:00",
        "2024-02-29T00:00",
        "2028-02-29T00:00",
    ]


def test_the_rarest_day_is_found_across_a_century_without_leap_day():
    sundays = cron("0 0 29 2 */7", "UTC")

    assert utc(sundays.next_after(at("2088-03-01T00:00"))) == ["2128-02-29T00:00"]
    assert utc(sundays.last_until(at("2128-02-28T00:00"))) == ["2088-02-29T00:00"]


def test_counting_a_century_of_minutes_does_not_enumerate_them():
    after, until = at("2000-01-01T00:00"), at("2100-01-01T00:00")

    assert cron("* * * * *", "Europe/Berlin").count(after, until) == (until - after) // 60


def test_instants_beyond_the_calendar_have_no_slots():
    timetable = cron("@daily", "Europe/Berlin")

    assert (timetable.next_after(10**15), timetable.last_until(-(10**15))) == (None, None)
    assert timetable.count(10**15, 10**15 + DAY) == 0


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0 0 L * *", ["2026-01-31T00:00", "2026-02-28T00:00"]),
        ("0 0 LW * *", ["2026-01-30T00:00", "2026-02-27T00:00"]),
        ("0 0 * * 5L", ["2026-01-30T00:00", "2026-02-27T00:00"]),
        ("0 0 * * 7L", ["2026-01-25T00:00", "2026-02-22T00:00"]),
        ("0 0 * * MON#2", ["2026-01-12T00:00", "2026-02-09T00:00"]),
        ("0 0 */10 * 0", ["2026-01-11T00:00", "2026-02-01T00:00"]),
        ("0 0 1,30 * 0#1", ["2026-01-01T00:00", "2026-01-04T00:00", "2026-01-30T00:00", "2026-02-01T00:00"]),
    ],
)
def test_days_match_as_documented(expression, expected):
    assert expected == fired(expression, "UTC", "2026-01-01T00:00", "2026-02-28T23:59")


def test_the_last_weekday_is_a_friday_where_the_month_ends_with_a_sunday():
    assert fired("0 0 LW 5 *", "UTC", "2026-05-01T00:00", "2026-05-31T00:00") == ["2026-05-29T00:00"]


@pytest.mark.parametrize("weekday", range(7))
def test_february_29_on_any_weekday_is_accepted(weekday):
    assert cron(f"0 0 * 2 {weekday}#5", "UTC").next_after(0) is not None


def test_constants_equal_those_of_cronsim():
    from cronsim import CronSim

    assert (CronSim.LAST, CronSim.LAST_WEEKDAY) == (cron_days.LAST, cron_days.LAST_WEEKDAY)


@pytest.mark.parametrize(
    "field", ["*", *map(str, range(-1, 101)), "00", "07", "007", "+1", "1_0", "\u0663", "\u00b2"]
)
@pytest.mark.parametrize("place", [0, 1])
def test_simple_fields_are_parsed_as_cronsim_parses_them(field, place):
    from cronsim import CronSim, CronSimError

    fields = ["*"] * 5
    fields[place] = field
    try:
        sim = CronSim(" ".join(fields), dialect.EPOCH)
    except (CronSimError, ValueError):
        with pytest.raises(dialect.ScheduleError):
            dialect.parse(" ".join(fields))
        return
    read = dialect.parse(" ".join(fields))
    assert (read.minutes, read.hours) == (tuple(sorted(sim.minutes)), tuple(sorted(sim.hours)))
    assert read.rule == dialect.DayRule(
        frozenset(sim.days), frozenset(sim.months), frozenset(sim.weekdays), sim.day_and
    )


@pytest.mark.parametrize(
    ("macro", "expression"),
    [
        ("@hourly", "0 * * * *"),
        ("@daily", "0 0 * * *"),
        ("@midnight", "0 0 * * *"),
        ("@weekly", "0 0 * * 0"),
        ("@monthly", "0 0 1 * *"),
        ("@yearly", "0 0 1 1 *"),
        (" @annually ", "0 0 1 1 *"),
    ],
)
def test_a_macro_is_what_debian_expands_it_to(macro, expression):
    span = (at("2026-01-01T00:00"), at("2028-01-01T00:00"))

    assert list(cron(expression, "Europe/Berlin").between(*span)) == list(
        cron(macro, "Europe/Berlin").between(*span)
    )


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("", "'' has 0 fields: write five"),
        ("5", "'5' has 1 field: write five"),
        ("0 3 * * *;0 4 * * *", "holds several schedules: write one job for each of them"),
        ("0 3 * * * | 0 4 * * *", "holds several schedules: write one job for each of them"),
        (
            "0 30 4 * * *",
            'has 6 fields, and cron has none for seconds or years: write "30 4 * * *" if',
        ),
        ("@reboot", "@reboot is not a time"),
        ("@fortnightly", "write five fields or one of @hourly, "),
        ("60 * * * *", "minute: '60' is not valid: write numbers from 0 to 59"),
        ("0 24 * * *", "hour: '24'"),
        ("0 0 ? * *", "day-of-month: '?'"),
        ("0 0 * MARCH *", "month: 'MARCH'"),
        ("0 0 * * 8", "day-of-week: '8'"),
        ("*/0 * * * *", "minute: '*/0'"),
        ("0,,5 * * * *", "minute: '0,,5'"),
        (f"{'9' * 5000} * * * *", "minute: '999"),
        (f"{'9' * 5000}-1 * * * *", "minute: '999"),
        ("5/10 * * * *", "minute: a step needs a range, and 5/10 has none: write 5-59/10"),
        ("0 0 * * MON/2", "day-of-week: a step needs a range, and MON/2 has none: write MON-7/2"),
        ("0 0 L/2 * *", "day-of-month: a step needs a range, and L/2 has none"),
        ("0 22-2 * * *", "hour: 22-2 ends before it begins: write 22-23,0-2"),
        ("0 0 30 2 *", "no day ever matches 30 2 *: write a day that the month has"),
        ("0 0 31 4,6 *", "no day ever matches 31 4,6 *"),
        ("0 0 */31 * MON#5", "no day ever matches */31 * MON#5"),
    ],
)
def test_an_error_names_the_field_and_a_valid_value(expression, message):
    with pytest.raises(ScheduleError) as error:
        cron(expression, "UTC")

    assert message in str(error.value)


@pytest.mark.parametrize("zone", ["", "Europe", "Mars/Olympus", "../etc/passwd", "\0", "tzdata.zi"])
def test_an_unknown_zone_is_refused(zone):
    with pytest.raises(ScheduleError, match=r"timezone: no such time zone: .* write a name such as"):
        cron("@daily", zone)


@pytest.mark.parametrize(
    ("hashed", "plain"),
    [
        # A change of any of these would move the slots of every existing job with H.
        ("H * * * *", "34 * * * *"),
        ("H H * * *", "34 8 * * *"),
        ("H/15 * * * *", "4-59/15 * * * *"),
        ("H(0-29) * * * *", "4 * * * *"),
        ("H(0-29)/10 * * * *", "4-29/10 * * * *"),
        ("0,H(30-39) H(1-5) H H H", "0,34 4 20 10 1"),
        ("0 0 * * THU", "0 0 * * THU"),
    ],
)
def test_the_hash_of_a_name_never_changes(hashed, plain):
    assert cron(plain, "UTC") is cron(hashed, "UTC", "backup")


def test_hashes_are_spread_evenly_and_minute_and_hour_are_independent():
    slots = {cron("H H * * *", "UTC", f"job{number}").next_after(0) for number in range(1440)}

    # Of 1440 random values out of 1440, (1 - 1/e) * 1440 = 910 +- 12 are expected to differ.
    assert 860 < len(slots) < 960


@pytest.mark.parametrize(
    ("expression", "seed", "message"),
    [
        ("H * * * *", "", "minute: H needs a job name, and there is none: write a number"),
        ("0 H(5-30) * * *", "a", "hour: H(5-30): write a range within 0-23"),
        ("H(9-1) * * * *", "a", "minute: H(9-1): write a range within 0-59, the smaller number first"),
        ("H/0 * * * *", "a", "minute: H/0: write a step from 1 to 60"),
        ("H/61 * * * *", "a", "minute: H/61: write a step from 1 to 60"),
        ("0 0 HH * *", "a", "day-of-month: 'HH' is not valid: write H, H/5, H(1-9) or H(1-9)/5"),
        ("h * * * *", "a", "minute: 'h' is not valid"),
        ("H H", "a", "has 2 fields"),
    ],
)
def test_an_error_in_a_hash_names_a_valid_value(expression, seed, message):
    with pytest.raises(ScheduleError) as error:
        cron(expression, "UTC", seed)

    assert message in str(error.value)


def test_jobs_of_the_same_schedule_share_one_timetable():
    assert cron("0 4 * * *", "Europe/Berlin", "a") is cron("0 4 * * *", "Europe/Berlin", "b")


def test_every_begins_with_its_anchor():
    timetable = every(10, 100)

    assert list(timetable.between(0, 125)) == [100, 110, 120]
    assert (timetable.next_after(0), timetable.next_after(100), timetable.next_after(109)) == (100, 110, 110)
    assert (
        timetable.last_until(99),
        timetable.last_until(100),
        timetable.last_until(109),
    ) == (None, 100, 100)
    assert (timetable.count(0, 99), timetable.count(99, 100), timetable.count(0, 125)) == (0, 1, 3)
    assert (timetable.count(125, 0), len(list(timetable.between(125, 0)))) == (0, 0)


@pytest.mark.parametrize("seconds", [0, -1])
def test_every_needs_an_interval(seconds):
    with pytest.raises(ScheduleError, match="is not a positive interval: write 1 or more seconds"):
        every(seconds, 0)


def test_once_has_one_slot_and_never_none():
    assert (once(5).next_after(4), once(5).next_after(5)) == (5, None)
    assert (once(5).last_until(4), once(5).last_until(5)) == (None, 5)
    assert (list(once(5).between(4, 5)), once(5).count(4, 5), once(5).count(5, 9)) == ([5], 1, 0)
    assert (never().next_after(0), never().last_until(0), never().count(0, 10)) == (None, None, 0)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("30m", 1800),
        ("1h", 3600),
        ("24H", DAY),
        ("7d", 7 * DAY),
        ("1h30m", 5400),
        (" 1h 30M ", 5400),
    ],
)
def test_intervals_are_parsed(text, seconds):
    assert seconds == parse_interval(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("60", "'60' has no unit: write 60s, 60m or 60h"),
        ("0s", "is not a positive interval: write 1s or more"),
        ("0h0m", "is not a positive interval"),
        ("-5m", "is not a duration: write for example 90s, 30m, 24h, 7d or 1h30m"),
        ("1.5h", "is not a duration"),
        ("5 weeks", "is not a duration"),
        ("1M", "'1M' is not clear: write 1m for minutes, or 30d for a month"),
        ("2d 1M", "is not clear"),
        ("1h30", "is not a duration"),
        ("", "is not a duration"),
        (f"{'9' * 5000}s", "is not a duration"),
    ],
)
def test_an_error_in_an_interval_names_a_valid_value(text, message):
    with pytest.raises(ScheduleError) as error:
        parse_interval(text)

    assert message in str(error.value)


NOW = at("2026-01-01T00:00")


@pytest.mark.parametrize(
    ("expression", "zone"),
    [
        ("0 4 * * *", "Europe/Berlin"),
        ("30 2 * * *", "UTC"),
        ("*/5 * * * *", "Europe/Berlin"),
        ("30 * * * *", "Europe/Berlin"),
        ("* * * * *", "Australia/Lord_Howe"),
        ("30 2 * 7 *", "Europe/Berlin"),
        ("0 0 */2 * 1", "UTC"),
    ],
)
def test_a_harmless_schedule_has_no_warnings(expression, zone):
    assert lint(expression, zone, NOW) == []


def test_lint_warns_that_either_day_is_enough():
    (doubt,) = lint("0 0 13 * FRI", "UTC", NOW)

    assert "day-of-month 13 and day-of-week FRI are both given: cron runs on days that match either" in doubt


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        (
            "* */2 * * *",
            "minute * starts 60 runs in each of the hours */2: write 0 */2 * * * for a single run in each",
        ),
        ("* 17 11 * *", "minute * starts 60 runs in hour 17: write 0 17 11 * * for a single run"),
        (
            "* 9,17 * * *",
            "minute * starts 60 runs in each of the hours 9,17: write 0 9,17 * * * for a single run",
        ),
        (
            "0 */13 * * *",
            '*/13 starts again at 0 after 13, so the last pause is only 11h: write every = "13h" ',
        ),
        ("*/7 * * * *", '*/7 starts again at 0 after 56, so the last pause is only 4m: write every = "7m" '),
        (
            "*/90 * * * *",
            "minute */90 is the value 0 alone, because the step is longer than the range: write 0",
        ),
        (
            "0 0 */40 * *",
            "day-of-month */40 is the value 1 alone, because the step is longer than the range: write 1",
        ),
        ("*/1 17 * * *", "minute */1 starts 60 runs in hour 17"),
        ("0-59 17 * * *", "minute 0-59 starts 60 runs in hour 17"),
        (
            "* * 11 * *",
            "minute * and hour * start 1440 runs on each of these days: write 0 0 11 * * for a single run",
        ),
    ],
)
def test_lint_warns_of_an_expression_that_is_rarely_meant(expression, message):
    (doubt,) = lint(expression, "UTC", NOW)

    assert doubt.startswith(message)


@pytest.mark.parametrize(
    "expression",
    ["* 9-17 * * *", "*/15 */6 * * *", "0 */23,5 * * *", "* * * * MON", "@hourly", " @daily ", "0 0 */7 * *"],
)
def test_lint_accepts_usual_steps_and_stars(expression):
    assert lint(expression, "UTC", NOW) == []


@pytest.mark.parametrize(
    ("interval", "moves"), [("24h", True), ("7d", True), ("6h", True), ("1h", False), ("5h", False)]
)
def test_an_interval_with_an_anchor_moves_when_the_clocks_change(interval, moves):
    schedule = every_kind.read(every_kind.Keys(interval, "2026-01-01T03:00"), "a", "2025b/Europe/Berlin")

    expected = "when the clocks in 2025b/Europe/Berlin change on 2026-03-29, the slot at 03:00 moves to 04:00"
    assert [expected in warning for warning in every_kind.lint(schedule, NOW)] == [True] * moves


def test_an_interval_without_an_anchor_has_no_local_time():
    assert every_kind.lint(every_kind.read(every_kind.Keys("24h"), "a", "2025b/Europe/Berlin"), NOW) == []


SKIPPED = "does not exist on that day"
TWICE = "occurs twice, and the job runs both times"


@pytest.mark.parametrize(
    ("expression", "zone", "expected"),
    [
        (
            "15,30 2 * * *",
            "2025b/Europe/Berlin",
            [
                (
                    "2026-03-29",
                    "02:00 to 03:00",
                    f"02:15 to 02:30 {SKIPPED}, so the job runs once at 03:00 instead",
                )
            ],
        ),
        (
            "0 */2 * * *",
            "2025b/Europe/Berlin",
            [
                ("2026-03-29", "02:00 to 03:00", f"02:00 {SKIPPED}, and the job does not run then"),
                ("2026-10-25", "03:00 to 02:00", f"02:00 {TWICE}"),
            ],
        ),
        (
            "15 * * * *",
            "2025b/Australia/Lord_Howe",
            [("2026-10-04", "02:00 to 02:30", f"02:15 {SKIPPED}, and the job does not run then")],
        ),
    ],
)
def test_lint_describes_the_effect_of_clock_changes(expression, zone, expected):
    assert lint(expression, zone, NOW) == [
        f"on {day} clocks in {zone} go from {times}: local time {effect}" for day, times, effect in expected
    ]


def test_lint_treats_a_large_change_as_a_clock_that_was_set():
    (doubt,) = lint("30 1 * * *", "Antarctica/Casey", at("2020-06-01T00:00"))

    assert "local time 01:30 does not exist on that day, and the job does not run then" in doubt


def test_lint_checks_hashed_times_only_if_the_name_is_known():
    assert lint("H 2 * * *", "2025b/Europe/Berlin", NOW) == []
    assert "local time 02:34 does not exist" in lint("H 2 * * *", "2025b/Europe/Berlin", NOW, "backup")[0]


def test_lint_refuses_what_cron_refuses():
    with pytest.raises(ScheduleError):
        lint("61 * * * *", "UTC", NOW)


def test_changes_of_a_zone_are_found_to_the_second():
    found = clock_changes.changes("2025b/Africa/Casablanca", at("2026-01-01T00:00"), at("2026-12-31T00:00"))

    assert [(*utc(change.at), change.before, change.after) for change in found] == [
        ("2026-02-15T02:00", 3600, 0),
        ("2026-03-22T02:00", 0, 3600),
    ]


def test_changes_that_cancel_each_other_out_within_days_are_found():
    expected = ["2000-10-08T03:00", "2000-10-15T02:00"]
    found = clock_changes.changes("America/Recife", at(expected[0]) - 50 * DAY, at(expected[1]) + 50 * DAY)

    assert expected == utc(*[change.at for change in found])


def test_changes_that_cancel_each_other_out_after_four_days_are_found(make_zone):
    expected = ["2019-09-01T01:00", "2019-09-05T00:40"]
    zone = make_zone(-HOUR, [(at(expected[0]), -40 * 60), (at(expected[1]), -HOUR)])
    found = clock_changes.changes(zone, at(expected[0]) - 50 * DAY, at(expected[1]) + 50 * DAY)

    assert expected == utc(*[change.at for change in found])


def test_the_clock_changes_of_a_zone_are_searched_once_for_all_jobs(monkeypatch):
    asked, offset_at = [], clock_changes.offset_at
    monkeypatch.setattr(clock_changes, "offset_at", lambda *given: asked.append(given) or offset_at(*given))
    now = at("2026-01-01T00:00") + 1  # a year that no other test asks for

    counts = []
    for minute in range(3):
        lint(f"{minute} 2 * * *", "2025b/Europe/Berlin", now)
        counts.append(len(asked))

    assert counts[0] > 0
    assert counts == [counts[0]] * 3
