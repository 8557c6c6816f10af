"""Jobs with many targets stay readable on a terminal: one line counts them, and the failed ones are named."""

import pytest

from scheduled.cli.targets import failed_targets, named, of_targets, shortened
from scheduled.queries.of_targets import in_numbers, of_all, together


def a_state(target, status="success", **more):
    return {
        "target": target, "enabled": True, "paused": False, "running": False, "open_reason": None, "next_run": None,
        "last_run": "2026-03-04T05:00:00+00:00" if status else None, "last_status": status, **more,
    }  # fmt: skip


MANY = [a_state(f"t{number}", "failed" if number % 10 == 7 else "success") for number in range(80)]


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        ({"job": "a", "target": None}, "a"),
        ({"job": "a@b", "target": None}, "a@b"),
        ({"job": "a", "target": "b c\x1b"}, "a@b%20c%1B"),
        ({"job": "a", "target": None, "targets": ["x", "y"]}, "a (2 targets)"),
        ({"job": None, "target": None}, ""),
    ],
)
def test_an_entry_is_named_by_its_job_and_its_target(entry, text):
    assert named(entry) == text


def test_the_targets_of_a_job_are_counted_by_status():
    states = [
        a_state("a"), a_state("b"), a_state("c", "failed"), a_state("d", None, open_reason="waiting_retry"),
        a_state("e", None), a_state("f", enabled=False), a_state("g", running=True),
    ]  # fmt: skip

    assert in_numbers(states) == "2 ok, 1 failed, 1 waiting retry, 1 never ran, 1 disabled, 1 running"
    assert in_numbers([]) == "no targets yet"
    assert (of_targets(MANY).plain, of_targets(MANY).style) == ("72 ok, 8 failed", "bold red")


def test_only_some_of_many_failed_targets_are_named():
    assert list(failed_targets("job", MANY)) == [
        "failed: job@t7, job@t17, job@t27, job@t37, job@t47 and 3 more; `scheduled show job` lists all targets"
    ]
    assert list(failed_targets("job", [a_state("a"), a_state("b", "skipped"), a_state("c", None)])) == []


def test_problems_of_many_targets_are_shortened_and_all_others_stay():
    jobs = [{"name": "job", "target": state["target"], "failing": True} for state in MANY]
    problems = ["ticks: none", *(f"job@{state['target']}: failed" for state in MANY), "job: its gate", "odd"]
    found = list(shortened(problems, [*jobs, {"name": "job", "target": None, "failing": True}]))

    assert found[:6] == ["ticks: none", *(f"job@t{number}: failed" for number in range(5))]
    assert found[6:] == [
        "job: its gate", "odd", "job: 75 more targets are failing; `scheduled show job` lists all targets",
    ]  # fmt: skip


def test_the_state_of_a_job_is_that_of_the_target_that_failed_last():
    states = [
        a_state("a", last_run="2026-10-25T02:10:00+01:00", next_run="2026-10-25T02:20:00+01:00"),
        a_state("b", "failed", last_run="2026-10-25T02:50:00+02:00", next_run="2026-10-25T02:55:00+02:00"),
        a_state("c", None, open_reason="paused", paused=True),
    ]

    assert of_all(states) == {
        "paused": False, "next_run": "2026-10-25T02:55:00+02:00", "open_reason": None, "running": False,
        "last_run": "2026-10-25T02:10:00+01:00", "last_status": "failed",
    }  # fmt: skip
    assert of_all([])["paused"] is False


def test_entries_of_targets_that_are_alike_become_one():
    entries = [
        {"job": "job", "target": "a", "at": 1}, {"job": "other", "target": None, "at": 1},
        {"job": "job", "target": "b", "at": 1}, {"job": "job", "target": "c", "at": 2},
    ]  # fmt: skip

    assert [(entry["job"], entry["at"], entry.get("targets")) for entry in together(entries, "at")] == [
        ("job", 1, ["a", "b"]), ("other", 1, None), ("job", 2, None),
    ]  # fmt: skip
