"""The warning of `check` if a bound on waiting is never reached, because the next slot always comes first."""

import pytest

from scheduled.core import wait_span
from scheduled.core.jobs import Action, Gate, Job, Window
from scheduled.schedules.schedule import Schedule

NOW, MINUTE, HOUR = 1_770_112_800, 60, 3600


def warnings(expression="*/10 * * * *", **values):
    action = Action("command", words=("true",))
    job = Job(name="job", schedules=(Schedule("cron", expression),), action=action, **values)
    return list(wait_span.warnings(job, NOW))


@pytest.mark.parametrize("key", ["gate_deadline", "grace"])
@pytest.mark.parametrize(("minutes", "warns"), [(9, False), (10, False), (11, True)])
def test_it_warns_if_a_slot_may_wait_longer_than_until_the_next(key, minutes, warns):
    assert bool(warnings(**{key: minutes * MINUTE})) is warns


@pytest.mark.parametrize("key", ["gate_deadline", "grace"])
def test_the_longest_time_between_two_slots_counts(key):
    assert not warnings("0 9-17 * * *", **{key: 2 * HOUR})


@pytest.mark.parametrize(
    "values",
    [
        {"gate_deadline": HOUR, "catch_up": "all"},
        {"gate_deadline": HOUR, "only_if": Gate(ac_power=True)},
        {"grace": HOUR, "not_between": Window(start=0, end=600)},
        {"grace": HOUR, "catch_up": "none"},
    ],
)
def test_a_bound_that_can_be_reached_is_no_warning(values):
    assert warnings(**values) == []


def test_it_names_the_times_and_what_to_do():
    (text,) = warnings("0 * * * *", gate_deadline=3 * HOUR)

    assert text == (
        "gate_deadline: 3h is never reached, because a newer slot comes at most 1h after a slot, and replaces it if it "
        'still waits; write a shorter time, or set catch_up = "all"'
    )
