"""The cadence that the schedules need, and the warning if ticks come less often."""

import pytest

from scheduled.core import cadence
from scheduled.schedules.schedule import Schedule

NOW = 1_770_000_000  # a Monday in February 2026


def cron(expression, seed=""):
    return Schedule(kind="cron", expression=expression, zone="Europe/Berlin", seed=seed)


def every(seconds):
    return Schedule(kind="every", expression=str(seconds))


@pytest.mark.parametrize(
    ("schedule", "minutes"),
    [
        (cron("* * * * *"), 1),
        (cron("*/2 * * * *"), 2),
        (cron("0,7,10 * * * *"), 3),
        (cron("*/4 9-17 * * 1-5"), 4),
        (cron("*/5 * * * *"), 5),
        (cron("59,0 * * * *"), 1),
        (cron("58,0 3 * * 0"), 5),  # 03:58 and, a week later, 03:00
        (cron("H/2 * * * *", "a job"), 2),
        (cron("0 8 * * *"), 5),
        (every(30), 1),
        (every(150), 2),
        (every(3600), 5),
        (Schedule(kind="at", anchor=NOW + 90), 5),
        (Schedule(kind="manual"), 5),
    ],
)
def test_a_schedule_needs_ticks_as_often_as_its_slots_and_at_least_at_the_default_cadence(schedule, minutes):
    assert cadence.needed([(schedule,)], NOW) == minutes * 60


def test_the_densest_schedule_decides_and_without_schedules_the_default_applies():
    assert cadence.needed([(cron("0 8 * * *"),), (every(180),), (cron("*/5 * * * *"),)], NOW) == 180
    assert cadence.needed([], NOW) == 300


def test_too_coarse_ticks_are_reported_with_the_command_that_helps():
    assert cadence.warning((cron("*/5 * * * *"),), 300, NOW) is None
    assert "`scheduled install --every 2`" in str(cadence.warning((cron("*/2 * * * *"),), 300, NOW))
    assert "two slots are only 30 s apart, but ticks come every 1 min" in str(
        cadence.warning((every(30),), 60, NOW)
    )
    assert "cron cannot start ticks more often" in str(cadence.warning((every(30),), 60, NOW))


def test_the_slots_of_two_schedules_may_be_closer_than_those_of_each():
    both = (cron("0 * * * *"), cron("3 18 * * *"))

    assert cadence.needed([both], NOW) == 180
    assert "two slots are only 3 min" in str(cadence.warning(both, 300, NOW))
    assert cadence.needed([(schedule,) for schedule in both], NOW) == 300
