"""Which notices a person gets about troubles that appear, last and end."""

import msgspec
import pytest

from scheduled.core.incidents import (
    LEAST_REST,
    WINDOW,
    Policy,
    advanced,
    noticed,
)
from scheduled.core.keys import JobKey
from scheduled.core.next_notice import next_due
from scheduled.core.notice_groups import messages
from scheduled.core.troubles import Trouble
from scheduled.schedules.zones import DAY, HOUR, MINUTE

NOON = 1_770_000_000


def trouble(name, **values):
    values = {"text": f"{name}: failed", "kind": "failed", "subject": JobKey(name), **values}
    return Trouble(**values)


class Ticks:
    """Ticks that find troubles, and remember the incidents in between."""

    def __init__(self):
        self.incidents = {}

    def tick(self, at, *found, well=True, **policy):
        """Find *found* at *at* seconds after noon; return the notices: the kind, the jobs, and those that follow."""
        troubles = {f"job:{one.subject.job}": one for one in found}
        now, policy = NOON + at, Policy(**policy)
        gone = [name for name in self.incidents if name not in troubles] if well else []
        self.incidents = advanced(self.incidents, troubles, now, gone)
        made = messages(self.incidents, policy, now)
        for message in made:
            for one in message.incidents:
                self.incidents[one.name] = noticed(one, message.kind, now)
        self.due = next_due(self.incidents.values(), policy)
        return [
            (
                message.kind,
                *(one.job for one in message.incidents),
                *(f"+{one.job}" for one in message.followers),
            )
            for message in made
        ]


@pytest.fixture
def ticks():
    return Ticks()


A = trouble("a")


def test_a_trouble_gets_a_first_notice_reminders_and_one_notice_of_recovery(ticks):
    assert [ticks.tick(at, A) for at in (0, 300, DAY - 1, DAY, DAY + 300)] == [
        [("first", "a")], [], [], [("reminder", "a")], [],
    ]  # fmt: skip
    assert [ticks.tick(2 * DAY - 1), ticks.tick(2 * DAY), ticks.tick(3 * DAY)] == [
        [("recovery", "a")],
        [],
        [],
    ]


def test_a_tick_is_due_when_a_reminder_is(ticks):
    ticks.tick(0, A, remind_every=HOUR)

    assert ticks.due == NOON + HOUR
    assert ticks.tick(HOUR, A, remind_every=HOUR) == [("reminder", "a")]
    ticks.tick(HOUR + 5)
    assert ticks.due is None


def test_an_acknowledged_incident_gets_no_reminder_but_a_recovery(ticks):
    ticks.tick(0, A)
    ticks.incidents["job:a"] = msgspec.structs.replace(ticks.incidents["job:a"], acknowledged_at=NOON + 1.0)

    assert (ticks.tick(5 * DAY, A), ticks.due) == ([], None)
    assert ticks.tick(5 * DAY + 300) == [("recovery", "a")]
    assert ticks.tick(8 * DAY, A) == [("first", "a")]


def test_a_muted_job_gets_no_notice_until_the_mute_ends(ticks):
    muted = {JobKey("a"): NOON + HOUR}

    assert (ticks.tick(0, A, muted=muted), ticks.due) == ([], NOON + HOUR)
    assert ticks.tick(HOUR, A) == [("first", "a")]


def test_a_mute_of_a_job_is_one_of_its_targets(ticks):
    target = trouble("a", subject=JobKey("a", "x"))

    assert ticks.tick(0, target, muted={JobKey("a"): None}) == []
    assert ticks.tick(1, target, muted={JobKey("a", "y"): None}) == [("first", "a")]


def test_in_the_quiet_window_only_critical_troubles_get_a_notice(ticks):
    critical = trouble("b", priority="critical")

    assert ticks.tick(0, A, critical, quiet_until=NOON + HOUR) == [("first", "b")]
    assert ticks.due == NOON + HOUR
    assert ticks.tick(HOUR, A, critical) == [("first", "a")]


def test_a_trouble_that_came_and_went_in_the_quiet_window_gets_no_notice(ticks):
    ticks.tick(0, A, quiet_until=NOON + HOUR)

    assert [ticks.tick(300, quiet_until=NOON + HOUR), ticks.tick(HOUR)] == [[], []]


def test_a_recovery_in_the_quiet_window_is_noticed_after_it_unless_the_trouble_is_back(ticks):
    ticks.tick(0, A)
    ticks.tick(300, quiet_until=NOON + HOUR)
    back = Ticks()
    back.incidents = dict(ticks.incidents)

    assert ticks.tick(HOUR) == [("recovery", "a")]
    assert [back.tick(600, A, quiet_until=NOON + HOUR), back.tick(HOUR, A)] == [[], []]


def test_a_trouble_that_appears_again_and_again_is_flapping_until_it_has_rested(ticks):
    found = []
    for count in range(12):
        found += ticks.tick(count * 10 * MINUTE, *([] if count % 2 else [A]))

    assert found == [
        ("first", "a"), ("recovery", "a"), ("first", "a"), ("recovery", "a"), ("flapping", "a"),
    ]  # fmt: skip
    last = 110 * MINUTE
    assert [ticks.tick(last + LEAST_REST - 1), ticks.tick(last + LEAST_REST)] == [[], [("recovery", "a")]]
    assert ticks.tick(last + LEAST_REST + WINDOW, A) == [("first", "a")]


def test_a_flapping_trouble_rests_for_twice_its_longest_pause(ticks):
    for at in (0, 2, 4):
        ticks.tick(at * HOUR, A)
        ticks.tick((at + 1) * HOUR)

    assert ticks.due == NOON + 5 * HOUR + 4 * HOUR
    assert [ticks.tick(9 * HOUR - 1), ticks.tick(9 * HOUR)] == [[], [("recovery", "a")]]


def test_three_troubles_with_the_same_sign_share_a_notice_and_two_do_not(ticks):
    same = [trouble(name, sign="exit code 1") for name in "abc"]

    assert ticks.tick(0, *same[:2], trouble("d", sign="exit code 2")) == [
        ("first", "a"), ("first", "b"), ("first", "d"),
    ]  # fmt: skip
    assert Ticks().tick(0, *same, trouble("d", sign="exit code 2")) == [
        ("first", "a", "b", "c"),
        ("first", "d"),
    ]


def test_a_trouble_that_follows_from_another_is_part_of_its_notice(ticks):
    chain = trouble("nightly", cause="job:a")
    after = trouble("late", cause="job:nightly")

    assert ticks.tick(0, A, chain, after) == [("first", "a", "+nightly", "+late")]
    assert ticks.tick(DAY, A, chain, after) == [("reminder", "a", "+nightly", "+late")]
    assert ticks.tick(DAY + 5) == [("recovery", "a")]


def test_a_trouble_that_outlasts_its_cause_is_noticed_once_the_cause_is_forgotten(ticks):
    chain = trouble("nightly", cause="job:a")
    ticks.tick(0, A, chain)

    assert ticks.tick(HOUR, chain) == [("recovery", "a", "+nightly")]
    assert [ticks.tick(HOUR + WINDOW - 1, chain), ticks.tick(HOUR + WINDOW, chain)] == [
        [],
        [("first", "nightly")],
    ]


def test_a_question_that_is_asked_again_for_more_slots_gets_reminders_only(ticks):
    first, again = (
        trouble("a", kind="approval", run_id="a1"),
        trouble("a", kind="approval", run_id="a2", repeats=True),
    )

    assert [ticks.tick(0, first), ticks.tick(HOUR, again), ticks.tick(DAY, again)] == [
        [("first", "a")], [], [("reminder", "a")],
    ]  # fmt: skip


def test_a_trouble_follows_from_its_cause_until_another_run_fails_without_one(ticks):
    ticks.tick(0, A, trouble("nightly", cause="job:a", run_id="n1"))

    assert ticks.tick(HOUR, trouble("nightly", run_id="n1")) == [("recovery", "a", "+nightly")]
    assert ticks.tick(2 * HOUR, trouble("nightly", run_id="n2")) == [("first", "nightly")]


def test_a_trouble_does_not_follow_from_one_that_gets_no_notice(ticks):
    chain = trouble("nightly", cause="job:a", priority="critical")
    muted = ticks.tick(0, trouble("a", priority="critical"), chain, muted={JobKey("a"): None})
    other = Ticks()

    assert muted == [("first", "nightly")]
    assert other.tick(0, A, chain, quiet_until=NOON + HOUR) == [("first", "nightly")]
    assert Ticks().tick(0, A, chain) == [("first", "a"), ("first", "nightly")]
    assert Ticks().tick(0, trouble("a", priority="critical"), chain) == [("first", "a", "+nightly")]


def test_a_question_with_a_deadline_does_not_wait_for_the_end_of_the_quiet_hours(ticks):
    asked = trouble("a", kind="approval", pressing=True)

    assert ticks.tick(0, asked, trouble("b"), quiet_until=NOON + HOUR) == [("first", "a")]


def test_a_message_that_comes_and_goes_is_flapping_and_has_no_recovery(ticks):
    one = trouble("a", kind="tick")
    found = [ticks.tick(at * 300, *[one] * (at % 2 == 0)) for at in range(12)]
    rested = [ticks.tick(DAY), ticks.tick(2 * DAY, one)]

    assert [notice for made in found for notice in made] == [
        ("first", "a"),
        ("first", "a"),
        ("flapping", "a"),
    ]
    assert rested == [[], [("first", "a")]]


def test_a_trouble_with_the_cause_that_had_ended_before_it_is_one_of_its_own(ticks):
    ticks.tick(0, A)
    ticks.tick(HOUR)

    assert ticks.tick(2 * HOUR, trouble("nightly", cause="job:a")) == [("first", "nightly")]


def test_two_troubles_that_follow_from_each_other_both_get_a_notice(ticks):
    both = trouble("a", cause="job:b"), trouble("b", cause="job:a")

    assert ticks.tick(0, *both) == [("first", "a"), ("first", "b")]


def test_a_trouble_that_becomes_critical_is_noticed_again(ticks):
    ticks.tick(0, A)

    assert ticks.tick(300, trouble("a", priority="critical")) == [("urgent", "a")]
    assert ticks.tick(600, trouble("a", priority="critical")) == []


def test_the_end_of_a_trouble_by_a_person_is_no_recovery(ticks):
    ticks.tick(0, A)

    assert ticks.tick(300, well=False) == []
    assert ticks.tick(DAY) == []


@pytest.mark.parametrize("kind", ["config", "tick", "ask"])
def test_a_sudden_trouble_has_no_recovery(ticks, kind):
    ticks.tick(0, trouble("a", kind=kind))

    assert ticks.tick(300) == []


def test_after_the_clock_was_set_back_the_reminder_comes_when_its_time_has_passed_from_then_on(ticks):
    ticks.tick(10 * DAY, A)

    assert [ticks.tick(at, A) for at in (0, DAY - 300, DAY)] == [[], [], [("reminder", "a")]]


def test_a_reminder_comes_in_the_same_minute_of_the_next_day(ticks):
    ticks.tick(57, A)

    assert (ticks.due, ticks.tick(DAY - 61, A), ticks.tick(DAY + 1, A)) == (
        NOON // MINUTE * MINUTE + DAY, [], [("reminder", "a")],
    )  # fmt: skip


def test_a_critical_trouble_gets_its_reminders_in_the_quiet_window(ticks):
    critical, window = trouble("a", priority="critical"), {"remind_every": HOUR, "quiet_until": NOON + DAY}
    ticks.tick(0, critical, **window)

    assert (ticks.due, ticks.tick(HOUR, critical, **window)) == (NOON + HOUR, [("reminder", "a")])


def test_a_tick_is_due_when_a_trouble_has_outlasted_its_cause(ticks):
    chain = trouble("nightly", cause="job:a")
    ticks.tick(0, A, chain)
    ticks.tick(HOUR, chain)

    assert ticks.due == NOON + HOUR + WINDOW


def test_no_tick_is_due_for_the_reminder_of_a_trouble_that_now_follows_from_another(ticks):
    chain = trouble("nightly", cause="job:a")
    ticks.tick(0, trouble("nightly"))
    ticks.tick(HOUR, A, chain)

    assert ticks.tick(DAY, A, chain) == []
    assert ticks.due == NOON + HOUR + DAY


def test_failed_runs_are_counted_from_the_first_one_of_the_incident(ticks):
    ticks.tick(0, trouble("a", failed=8))
    ticks.tick(300, trouble("a", failed=11))

    assert ticks.incidents["job:a"].failures == 4


def test_runs_that_failed_in_the_same_tick_are_all_counted(ticks):
    ticks.tick(0, trouble("a", failed=8, new=3))
    ticks.tick(300, trouble("a", failed=9))

    assert ticks.incidents["job:a"].failures == 4


def test_more_than_twenty_notices_of_a_kind_share_the_last_one_and_the_urgent_ones_come_first(ticks):
    many = [trouble(f"a{number:03}", sign=f"exit code {number}") for number in range(100)]
    found = ticks.tick(0, *many, trouble("z", priority="critical"))

    assert [len(notice) for notice in found] == [2] * 19 + [83]
    assert found[0] == ("first", "z")
    assert len(ticks.tick(300)) == 20


def test_another_run_that_asks_is_another_question_and_asking_often_is_not_flapping(ticks):
    asked = [trouble("a", kind="approval", run_id=f"a-{number}") for number in range(5)]
    found = [ticks.tick(at * HOUR, one) for at, one in enumerate(asked)]
    repeated = ticks.tick(4 * HOUR + 300, asked[4])
    answered = [
        ticks.tick(5 * HOUR),
        ticks.tick(6 * HOUR, asked[0]),
        ticks.tick(7 * HOUR),
        ticks.tick(8 * HOUR, asked[1]),
    ]

    assert (found, repeated) == ([[("first", "a")]] * 5, [])
    assert answered == [[], [("first", "a")], [], [("first", "a")]]
