"""What one tick asks of its gates, without a tick: which answers it gets in time, and what the gates leave behind."""

import os
import time
from pathlib import Path

import msgspec
import pytest

from scheduled.core.jobs import Action, Gate, Job
from scheduled.engine import asking
from scheduled.schedules.schedule import Schedule
from tests.faults.test_gates import LEAVES, a_script, pids
from tests.fixtures.supervised import gone


@pytest.mark.parametrize("leaves", LEAVES)
def test_what_leaves_the_process_group_or_the_session_of_a_gate_ends_with_the_gate(tmp_path, until, leaves):
    left = tmp_path / "left"
    command = f"{leaves} {a_script(tmp_path)} & until [ -s {left} ]; do sleep 0.02; done"

    found = asking.Asking([a_job("job", command)], {})
    try:
        found.collect(60)
        assert until(lambda: all(map(gone, pids(left))))
    finally:
        found.close()

    assert found.answers == {"job": True}
    assert pids(left)


def test_a_gate_without_an_answer_counts_as_closed_and_its_processes_are_killed(tmp_path, monkeypatch, until):
    monkeypatch.setattr(asking, "LIMIT", 1.5)
    hangs = f"trap '' TERM; sleep 1000 & echo $$ $! > {tmp_path}/left; wait; sleep 1000"

    found = asking.Asking([a_job("hangs", hangs), a_job("opens", "true"), a_job("none", "/no/program")], {})
    try:
        found.collect(60)
    finally:
        found.close()

    assert found.answers == {"hangs": False, "opens": True, "none": False}
    assert found.unanswered == ["hangs"]
    assert until(lambda: all(map(gone, pids(tmp_path / "left"))))


def test_a_gate_does_not_get_what_its_tick_has_inherited():
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)

    found = asking.Asking([a_job("job", f"[ ! -e /proc/$$/fd/{writer} ]")], {})
    try:
        found.collect(60)
    finally:
        found.close()
        os.close(reader)
        os.close(writer)

    assert found.answers == {"job": True}


def test_more_gates_than_are_asked_at_once_are_all_answered(monkeypatch):
    monkeypatch.setattr(asking, "AT_ONCE", 2)

    found = asking.Asking(
        [a_job(f"job{number}", "exit $((N % 2))", N=str(number)) for number in range(7)], {}
    )
    try:
        found.collect(60)
    finally:
        found.close()

    assert found.answers == {f"job{number}": number % 2 == 0 for number in range(7)}


@pytest.mark.parametrize(
    "gate", [Gate(path="/"), Gate(network="default"), Gate(ac_power=True), Gate(idle=True)]
)
def test_a_gate_without_a_command_does_not_wait_for_commands_that_hang(monkeypatch, until, gate):
    monkeypatch.setattr(asking, "AT_ONCE", 2)
    hang = [a_job(f"job{number}", "sleep 1000") for number in range(4)]

    found = asking.Asking([*hang, msgspec.structs.replace(a_job("quick", ""), only_if=gate)], {})
    try:
        assert until(lambda: found.collect() or "quick" in found.answers)
    finally:
        found.close()

    assert found.answers.keys() == {"quick"}


def test_a_gate_that_was_never_asked_is_named_as_such_and_its_command_is_not_started(tmp_path, monkeypatch):
    monkeypatch.setattr(asking, "LIMIT", 1.5)
    monkeypatch.setattr(asking, "AT_ONCE", 2)
    hang = [a_job(f"job{number}", f"touch {tmp_path}/job{number}; sleep 1000") for number in range(4)]

    found = asking.Asking(hang, {})
    try:
        found.collect(60)
        for thread in found._threads:
            thread.join(60)
    finally:
        found.close()

    assert (found.unanswered, found.unasked) == (["job0", "job1"], ["job2", "job3"])
    assert found.answers == dict.fromkeys(("job0", "job1", "job2", "job3"), False)
    assert {path.name for path in tmp_path.glob("job*")} <= {"job0", "job1"}


def test_a_gate_that_answers_as_the_tick_stops_asking_does_no_harm():
    descriptors, processes = len(os.listdir("/proc/self/fd")), children()
    jobs = [a_job(f"job{number}", "sleep 0.0$N", N=str(number)) for number in range(10)]
    for _ in range(10):
        found = asking.Asking(jobs, {"PATH": os.environ["PATH"]})
        time.sleep(0.03)
        found.close()

    assert len(os.listdir("/proc/self/fd")) == descriptors
    assert children() <= processes


def children():
    """Return the ids of the child processes of this process."""
    return {
        pid for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()
    }


def a_job(name, command, **env):
    environment = {"PATH": os.environ["PATH"], **env}
    action, schedules = Action("command", line="true"), (Schedule("manual", ""),)
    return Job(name=name, schedules=schedules, action=action, only_if=Gate(command=command), env=environment)
