"""The warning of `check` if the retries of a run can last until the next slot."""

import pytest

from scheduled.core import retry_span
from scheduled.core.jobs import Action, Job, Retry, Window
from scheduled.schedules.schedule import Schedule

NOW, MINUTE, HOUR, DAY = 1_770_112_800, 60, 3600, 86400


def warning(expression="*/10 * * * *", catch_up="latest", kind="cron", keys=(), **retry):
    schedules = (Schedule(kind, expression),)
    action = Action("command", words=("true",))
    job = Job(
        name="job", schedules=schedules, action=action, catch_up=catch_up, retry=Retry(**retry), **dict(keys)
    )
    return retry_span.warning(job, NOW)


MORNING, OTHERWISE = Window(540, 600), Window(600, 540)
IN_WINDOW = {"between": MORNING, "not_between": OTHERWISE}


@pytest.mark.parametrize(
    ("schedule", "keys", "delay", "what"),
    [
        (("day 09:00", "once_per"), IN_WINDOW, 29 * MINUTE, None),
        (("day 09:00", "once_per"), IN_WINDOW, 30 * MINUTE, "its window (`between`, 09:00 to 10:00) ends before"),
        (("week 09:00", "once_per"), IN_WINDOW, 30 * MINUTE, None),  # the window of the next day comes first
        (("0 9 * * *", "cron"), {"not_between": OTHERWISE}, 30 * MINUTE, "its quiet hours (10:00 to 09:00) begin"),
        (("0 8 * * *", "cron"), {"not_between": OTHERWISE}, 30 * MINUTE, "its quiet hours (10:00 to 09:00) begin"),
        (("0 9 * * *", "cron"), {"not_between": Window(600, 720)}, 30 * MINUTE, None),
    ],
)  # fmt: skip
def test_it_warns_if_a_retry_waits_for_hours_in_which_a_newer_slot_comes_first(schedule, keys, delay, what):
    text = warning(schedule[0], kind=schedule[1], keys=keys, max_attempts=3, delay=delay)

    assert text is None if what is None else what in text
    assert ("catch_up" in (text or "")) == (what is not None and schedule[1] == "cron")


@pytest.mark.parametrize(
    ("retry", "warns"),
    [
        ({"max_attempts": 3, "delay": 5 * MINUTE}, True),
        ({"max_attempts": 3, "delay": 5 * MINUTE - 1}, False),
        ({"max_attempts": 3, "delay": 5 * MINUTE - 1, "jitter": 1}, True),
        ({"max_attempts": 3, "delay": 200, "backoff_multiplier": 2}, True),
        ({"max_attempts": 1, "delay": DAY}, False),
    ],
)
def test_it_warns_as_soon_as_the_pauses_add_up_to_the_time_between_two_slots(retry, warns):
    assert (warning(**retry) is not None) is warns


def test_the_shortest_time_between_two_slots_counts():
    assert warning("0 9,10 * * *", max_attempts=2, delay=3600)
    assert warning("0 0 1 * *", max_attempts=2, delay=30 * DAY, max_delay=30 * DAY)
    assert not warning("0 0 1 * *", max_attempts=2, delay=29 * DAY, max_delay=30 * DAY)


def test_with_all_the_retry_goes_first_so_there_is_no_warning():
    assert warning(catch_up="all", max_attempts=3, delay=5 * MINUTE) is None


def test_it_names_the_times_and_what_to_do():
    text = warning(max_attempts=3, delay=5 * MINUTE)

    assert text.startswith(
        "the last of 3 attempts can start 10m after the first, but a newer slot comes 10m after"
    )
    assert text.endswith('shorten the delay, or set catch_up = "all"')
