"""A `once_per` job runs once in its period, whenever the machine is on."""

from datetime import datetime

import pytest

from scheduled.config.check import check
from scheduled.config.files import load_config
from scheduled.core.epochs import minute_before
from scheduled.core.holds import Holds
from scheduled.core.job_plan import plan_job
from scheduled.core.runs import JobState, OpenRun
from scheduled.schedules.kinds.once_per import lint


def at(text):
    """Return an instant of March 2026 in UTC: `02T09:00`; the 2nd is a Monday. A text with a year is the instant itself."""
    date = text if text.startswith("20") and "-" in text else f"2026-03-{text}"
    return int(datetime.fromisoformat(f"{date}+00:00").timestamp())


@pytest.fixture
def path(tmp_path):
    (tmp_path / "scheduled.toml").touch(mode=0o600)
    return tmp_path / "scheduled.toml"


def job(path, text='once_per = "day"', top=""):
    path.write_text(f'timezone = "UTC"\n{top}\n[jobs.x]\ncommand = "true"\n{text}\n')
    config = load_config(path)
    assert config.problems == []
    return config.jobs["x"]


def planned(found, position, now, holds=Holds(), **values):  # noqa: B008 - immutable
    state = JobState(
        job="x", position=at(position), epoch=at("01T00:00"), schedules=found.schedules, **values
    )
    return plan_job(found, state, at(now), holds=holds)


def test_it_runs_at_the_first_tick_of_a_day(path):
    start = planned(job(path), "02T00:00", "03T11:40").start

    assert (start.claim.slot, start.claim.slots) == (at("03T00:00"), 1)
    assert planned(job(path), "03T00:00", "03T23:59").next_due == at("04T00:00")


@pytest.mark.parametrize("catch_up", ["latest", "all"])
def test_missed_days_become_one_run(path, catch_up):
    start = planned(job(path, f'once_per = "day"\ncatch_up = "{catch_up}"'), "02T00:00", "06T08:00").start

    assert (start.claim.slot, start.claim.slots) == (at("06T00:00"), 4)


def test_a_week_begins_on_monday_and_a_month_on_its_first(path):
    assert planned(job(path, 'once_per = "week"'), "02T00:00", "05T08:00").next_due == at("09T00:00")
    assert planned(job(path, 'once_per = "month"'), "02T00:00", "05T08:00").next_due == at("31T00:00") + 86400


def test_outside_of_its_window_it_waits_for_the_next_one(path):
    found = job(path, 'once_per = "day"\nbetween = ["09:00", "17:00"]')

    assert planned(found, "02T09:00", "03T09:00").start.claim.slot == at("03T09:00")
    late = planned(found, "02T09:00", "03T20:00")
    assert (late.waits, late.next_due) == ("quiet", at("04T09:00"))
    both = planned(found, "02T09:00", "04T09:05").start
    assert (both.claim.slot, both.claim.slots) == (at("04T09:00"), 2)


def test_a_window_may_go_past_midnight(path):
    found = job(path, 'once_per = "day"\nbetween = ["22:00", "06:00"]')

    assert planned(found, "02T22:00", "03T21:00").start is None
    assert planned(found, "02T22:00", "04T03:00").start.claim.slot == at("03T22:00")
    assert planned(found, "02T22:00", "04T07:00").waits == "quiet"


def test_without_catch_up_a_period_is_missed_only_if_no_tick_came_in_it(path):
    found = job(path, 'once_per = "day"\ncatch_up = "none"')
    last = Holds(planned=at("02T08:00"))

    later_that_day = planned(found, "02T00:00", "03T11:40", last)
    assert (later_that_day.start.claim.slot, later_that_day.skips) == (at("03T00:00"), ())
    after_days = planned(found, "02T00:00", "06T00:02", last)
    assert after_days.start.claim.slot == at("06T00:00")
    assert [(skip.span.first, skip.span.last, skip.reason) for skip in after_days.skips] == [
        (at("03T00:00"), at("05T00:00"), "missed")
    ]
    seen = planned(found, "02T00:00", "04T00:02", Holds(planned=at("03T20:00")))
    assert [skip.reason for skip in seen.skips] == ["superseded"]


def test_a_retry_of_yesterday_is_replaced_by_today(path):
    run = OpenRun(
        run_id="r", job="x", slot=at("02T00:00"), status="waiting_retry", attempt=1, slots=1, trigger="schedule",
        tick="", boot="", retry_at=at("03T00:10"),
    )  # fmt: skip
    start = planned(job(path), "01T00:00", "03T00:01", open_run=run).start

    assert (start.claim.slot, start.superseded) == (at("03T00:00"), run)


def test_the_first_period_of_a_new_job_is_the_next_one(path):
    found = job(path)
    state = JobState(
        job="x", position=minute_before(at("02T15:00")), epoch=minute_before(at("02T15:00")), schedules=found.schedules
    )  # fmt: skip

    assert plan_job(found, state, at("02T15:00")).next_due == at("03T00:00")


def test_its_window_takes_the_place_of_default_quiet_hours(path):
    found = job(
        path, 'once_per = "day"\nbetween = ["23:00", "23:30"]', '[defaults]\nnot_between = ["22:00", "06:00"]'
    )

    assert planned(found, "02T23:00", "03T23:05").start is not None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('once_per = "year"', "once_per: must be day, week or month, got 'year'"),
        ('once_per = ["day"]', "once_per: takes one value, got a list"),
        ('once_per = "day"\ncron = "@daily"', "cron and once_per: only one of "),
        ('once_per = "day"\nbetween = "9-17"', "between: must be two times of day, got '9-17'"),
        ('once_per = "day"\nbetween = ["09:00", "09:00"]', "between: both times are the same"),
        ('cron = "@daily"\nbetween = ["09:00", "17:00"]', "between: only valid with `once_per`"),
        (
            'once_per = "day"\nbetween = ["09:00", "17:00"]\nnot_between = ["22:00", "06:00"]',
            "between and not_between: only one of them may be given",
        ),
    ],
)
def test_a_contradiction_is_refused_and_named(path, text, expected):
    path.write_text(f'timezone = "UTC"\n[jobs.x]\ncommand = "true"\n{text}\n')

    (problem,) = load_config(path).problems
    assert expected in problem


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('once_per = "day"\ncatch_up = "all"', 'catch_up: "all" has no effect with `once_per`'),
        ('once_per = "day"\ngrace = "2h"', "grace: a machine that is off longer than 2h"),
        ('once_per = "day"\nbetween = ["09:01", "09:02"]', "between: no tick comes in this window"),
        ('every = "1h"\nfrom = "end"\ncatch_up = "all"', 'catch_up: "all" has no effect with from = "end"'),
        (
            'cron = "@daily"\napprove = {default = "deny"}',
            "approve.default: has no effect without a deadline",
        ),
        ('start_delay = "5m"', "start_delay: has no effect without a schedule"),
        ('cron = "@daily"\nstart_delay = "5m"\ngrace = "1m"', "grace: 1m is shorter than the `start_delay`"),
    ],
)
def test_check_warns_about_keys_without_effect(path, text, expected):
    job(path, text)

    assert [one for one in check(path)["warnings"] if f"jobs.x: {expected}" in one], check(path)


BERLIN = 'once_per = "day"\nbetween = ["02:15", "{}"]\ntimezone = "Europe/Berlin"'


@pytest.mark.parametrize("end", ["02:45", "04:00"])
def test_a_window_that_begins_in_the_gap_of_a_clock_change_begins_after_it(path, end):
    found = job(path, BERLIN.format(end))  # 02:15 is 01:15 in UTC, and the clocks go forward at 01:00 in UTC

    before = planned(found, "2025-03-29T01:15", "2025-03-30T00:59")
    start = planned(found, "2025-03-29T01:15", "2025-03-30T01:00").start

    assert (before.waits, before.next_due) == (None, at("2025-03-30T01:00"))
    assert start.claim.slot == at("2025-03-30T01:00")


@pytest.mark.parametrize(
    ("now", "waits"),
    [("2025-03-30T01:29", None), ("2025-03-30T01:30", "quiet"), ("2025-03-31T00:14", "quiet")],
)
def test_a_window_that_a_clock_change_skips_as_a_whole_keeps_its_length(path, now, waits):
    found = job(path, BERLIN.format("02:45"))

    plan = planned(found, "2025-03-29T01:15", now)

    assert plan.waits == waits
    assert (plan.start is None) == (waits is not None)
    assert planned(found, "2025-03-29T00:14", "2025-03-30T00:30").next_due == at("2025-03-30T01:00")


def test_check_warns_about_a_beginning_that_a_clock_change_skips(path):
    (schedule,) = job(path, BERLIN.format("02:45")).schedules

    (warning,) = lint(schedule, at("2025-03-01T00:00"))

    assert "02:15 does not exist on that day, so the job runs once at 03:00 instead" in warning
    assert lint(job(path).schedules[0], at("2025-03-01T00:00")) == []
