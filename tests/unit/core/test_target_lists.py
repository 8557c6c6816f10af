"""What a list of targets may contain, and when a target begins that is new in a list that changes by itself."""

from datetime import datetime

import pytest

from scheduled.core import targets
from scheduled.core.jobs import Action, ForEach, Job, enabled_keys_of, job_of, keys_of
from scheduled.core.keys import JobKey
from scheduled.core.runs import JobState
from scheduled.schedules.schedule import Schedule

HOURLY = Schedule("cron", "2 * * * *")
BY_COMMAND = ForEach(command="ls")


def at(text):
    return int(datetime.fromisoformat(f"2026-02-03T{text}+00:00").timestamp())


NOW = at("14:05")


def a_job(*found, **values):
    values = {"schedules": (HOURLY,), "for_each": BY_COMMAND, **values}
    return Job(name="a", action=Action("command", words=("true",)), targets=found, **values)


def a_state(target="x", epoch="00:00", schedules=(HOURLY,)):
    return JobState(job="a", target=target, position=at(epoch), epoch=at(epoch), schedules=schedules)


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("a", ""),
        ("feature/x y@1", ""),
        ("ä" * 100, ""),
        ("", "must not be empty"),
        (" ", "must not be empty"),
        ("a\nb", r"'a\nb' has characters that can't be printed"),
        ("a\0", "can't be printed"),
        ("\x1b[31m", "can't be printed"),
        ("\udcff", "is not valid text"),
        ("x" * 201, f"the target '{'x' * 40}...' is longer than 200 bytes"),
    ],
)
def test_a_target_is_printable_text_of_limited_length(name, fault):
    assert fault in targets.fault_of(name)
    assert bool(fault) == bool(targets.fault_of(name))


def test_a_list_names_each_target_once_and_not_too_many():
    assert targets.faults_of(["a", "b"]) == []
    assert targets.faults_of(["a", "b", "a"]) == ["the target 'a' is listed twice"]
    assert targets.faults_of(map(str, range(1000))) == []
    assert targets.faults_of(map(str, range(1001))) == [
        "1,001 targets are too many; at most 1,000 are allowed"
    ]


@pytest.mark.parametrize(
    ("planned", "begins"),
    [("14:00", "14:02"), ("14:02", "14:05"), ("12:00", "14:02"), ("14:05", "14:05")],
)
def test_a_new_target_takes_part_in_the_newest_slot_that_no_tick_has_planned(planned, begins):
    assert targets.beginning(a_job("x", "y"), [a_state()], at(planned), NOW) == at(begins)


def test_a_new_target_takes_part_in_a_slot_that_its_jitter_has_delayed():
    job = a_job(schedules=(Schedule("cron", "2 * * * *", delay=240),))
    state = a_state(schedules=job.schedules)

    found = [targets.beginning(job, [state], at("14:04"), at(now)) for now in ("14:05", "14:06", "14:07")]

    assert found == [at("14:05"), at("14:02"), at("14:02")]


def test_a_new_target_gets_no_slot_from_before_the_first_epoch_of_the_others():
    younger, older = a_state(epoch="14:03"), a_state("y", epoch="14:01")

    assert targets.beginning(a_job(), [younger], at("14:00"), NOW) == NOW
    assert targets.beginning(a_job(), [younger, older], at("14:00"), NOW) == at("14:02")


def test_without_other_targets_or_after_an_edit_the_edit_decides_when_a_target_begins():
    other = a_state(schedules=(Schedule("cron", "3 * * * *"),))

    assert targets.beginning(a_job(), [], at("14:00"), NOW) is None
    assert targets.beginning(a_job(), [other], at("14:00"), NOW) is None
    written = a_job("x", for_each=ForEach(listed=("x",)))
    assert targets.beginning(written, [a_state()], at("14:00"), NOW) is None


def test_an_interval_without_an_anchor_begins_when_the_target_does():
    every = (Schedule("every", "600"),)

    assert targets.beginning(a_job(schedules=every), [a_state(schedules=every)], at("12:00"), NOW) == NOW


def test_a_list_is_read_when_a_slot_of_a_target_came_due_since_the_last_planning():
    job = a_job("x")

    def is_due(planned, state):
        return targets.is_due(job, [state], at(planned), NOW)

    assert is_due("14:00", a_state())
    assert not is_due("14:02", a_state())
    assert not is_due("14:00", a_state(epoch="14:03"))


def test_a_job_without_a_known_target_is_due_at_the_next_slot_of_its_schedule():
    jobs = {
        "a": a_job(),
        "b": a_job("x"),
        "c": a_job(enabled=False),
        "d": a_job(schedules=(Schedule("manual"),)),
    }

    assert targets.next_listed(jobs, NOW) == [at("15:02")]


def test_a_key_has_its_job_only_while_it_is_one_of_its_keys():
    jobs = {"a": a_job("x", "y", disabled_targets=frozenset("y")), "b": a_job(for_each=None)}
    keys = [JobKey("a", "x"), JobKey("a", "y"), JobKey("a", "z"), JobKey("a"), JobKey("b"), JobKey("b", "x")]

    found = [job_of(jobs, key) for key in keys]

    assert [None if job is None else job.enabled for job in found] == [True, False, None, None, True, None]
    assert (keys_of(jobs["a"]), enabled_keys_of(jobs["a"])) == ((keys[0], keys[1]), (keys[0],))


def test_the_last_time_without_a_target_is_kept():
    first = targets.unknown_after(None, (), 1.0, "x")
    still = targets.unknown_after(targets.LastTargets("s", 1.0, unknown=first), (), 2.0, "y")
    over = targets.unknown_after(targets.LastTargets("s", 2.0, unknown=still), ("a",), 3.0, "")
    known = targets.LastTargets("s", 3.0, ("a",), unknown=over)

    assert still == targets.Unknown(1.0, "y")
    assert over == targets.Unknown(1.0, "y", 3.0)
    assert targets.unknown_after(known, ("a", "b"), 4.0, "") == over
    assert targets.unknown_after(None, ("a",), 1.0, "") is None
    assert [targets.had_none(known, at) is over for at in (0, 1, 3, 4)] == [False, True, True, False]
    assert targets.had_none(None, 1) is None
