"""Gates that take long, hang, flood their output or leave processes: none holds up other jobs or outlives its tick."""

import shutil
import signal
import subprocess
import sys

import pytest

from tests.fixtures.supervised import gone

DUE = 'cron = "* * * * *"'  # a job is due in the minute in which it is first seen

# `timeout` makes a process group of its own; the last one clears its environment.
LEAVES = ("timeout 300 sh", "setsid --wait sh", f"env -i {shutil.which('timeout')} 300 /bin/sh")


def ran(world):
    """Return the jobs with a successful run, in the order of their starts."""
    runs = [run for run in world.json("history") if run["status"] == "success"]
    return [run["job"] for run in sorted(runs, key=lambda run: run["started_at"])]


def a_script(root):
    """Return a script that writes its process id into a file, and hangs."""
    path = root / "script"
    path.write_text(f"echo $$ > {root}/left; exec sleep 1000")
    return path


def waits_for(path):
    return f"until [ -e {path} ]; do sleep 0.02; done"


def pids(path):
    return [int(word) for word in path.read_text().split()] if path.exists() else []


@pytest.mark.parametrize("own", ["", 'only_if = { command = "true" }'])
def test_a_critical_job_does_not_wait_for_the_gate_of_another_job(world, own):
    world.configure(f"""
        [jobs.gated]
        {DUE}
        command = "true"
        only_if = {{ command = "{waits_for(world.root / "started")}" }}
        [jobs.critical]
        {DUE}
        command = "touch {world.root}/started"
        priority = "critical"
        {own}
    """)

    done = world.run("run")

    assert (done.returncode, done.stderr) == (0, "")
    assert ran(world) == ["critical", "gated"]


def test_a_gate_without_an_answer_is_a_problem_until_it_answers(world):
    world.configure(f"""
        [jobs.job]
        {DUE}
        command = "true"
        only_if = {{ command = "[ -e {world.root}/answers ] || exec sleep 1000" }}
    """)

    first = printed_by_a_tick(world, limit=1.5)
    (problem,) = [text for text in world.json("status")["problems"] if text.startswith("job: its gate (")]
    again = printed_by_a_tick(world, limit=1.5)
    (world.root / "answers").touch()
    last = printed_by_a_tick(world, limit=60)

    assert "answers ] || exec sleep 1000` succeeds) gave no answer within" in problem
    assert problem in first
    assert "its gate" not in again + str(world.json("status")["problems"])
    assert last.startswith("scheduled: job: over after ") and "its gate (" in last
    assert ran(world) == ["job"]


def printed_by_a_tick(world, limit):
    """Return what a tick prints that waits *limit* seconds for gates, and does not check whether it is idle."""
    program = (
        f"import sys; from scheduled.engine import tick_gates; tick_gates.LIMIT = {limit}; "
        "from scheduled.cli.main import main; sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "run"],
        check=False,
        env=world.environment(),
        capture_output=True,
        text=True,
        timeout=100,
    )
    return done.stdout + done.stderr


def test_gates_are_asked_side_by_side(world):
    one, two = world.root / "one", world.root / "two"
    world.configure(f"""
        [jobs.one]
        {DUE}
        command = "true"
        only_if = {{ command = "touch {one}; {waits_for(two)}" }}
        [jobs.two]
        {DUE}
        command = "true"
        only_if = {{ command = "touch {two}; {waits_for(one)}" }}
    """)

    world.run("run")

    assert ran(world) == ["one", "two"]


def test_a_job_keeps_its_turn_while_its_gate_is_asked(world):
    world.configure(f"""
        max_parallel = 1
        [jobs.first]
        {DUE}
        command = "true"
        only_if = {{ command = "sleep 0.6" }}
        [jobs.second]
        {DUE}
        command = "true"
        [jobs.third]
        {DUE}
        command = "true"
        after = ["first"]
    """)

    world.run("run")

    assert ran(world)[0] == "first"
    assert sorted(ran(world)) == ["first", "second", "third"]


def test_a_gate_that_opens_while_the_group_is_busy_lets_the_job_run_in_the_same_tick(world):
    world.configure(f"""
        [jobs.gated]
        {DUE}
        command = "true"
        group = "disk"
        only_if = {{ command = "{waits_for(world.root / "started")}" }}
        [jobs.critical]
        {DUE}
        command = "touch {world.root}/started; sleep 0.6"
        group = "disk"
        priority = "critical"
    """)

    world.run("run")

    assert ran(world) == ["critical", "gated"]


def test_the_output_of_a_gate_is_discarded(world):
    null = "[ $(readlink /proc/$$/fd/{}) = /dev/null ]"
    world.configure(f"""
        [jobs.job]
        {DUE}
        command = "true"
        only_if = {{ command = "{" && ".join(null.format(stream) for stream in (0, 1, 2))}" }}
    """)

    world.run("run")

    assert ran(world) == ["job"]


def test_a_process_in_the_background_neither_keeps_a_gate_open_nor_outlives_it(world, until):
    left = world.root / "left"
    world.configure(f"""
        [jobs.job]
        {DUE}
        command = "true"
        only_if = {{ command = "sleep 1000 & echo $! > {left}; exit 0" }}
    """)

    world.run("run")

    assert ran(world) == ["job"]
    (pid,) = pids(left)
    assert until(lambda: gone(pid))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_no_process_of_a_gate_outlives_a_tick_that_is_ended(world, until, number):
    left = world.root / "left"
    world.configure(f"""
        [jobs.job]
        {DUE}
        command = "true"
        only_if = {{ command = "trap : TERM; sleep 1000 & echo $$ $! > {left}; wait; sleep 1000" }}
    """)
    tick = world.start("run")
    until(lambda: len(pids(left)) == 2)

    tick.send_signal(number)

    assert until(lambda: tick.poll() is not None)
    assert until(lambda: all(map(gone, pids(left))))
    assert world.json("audit")["ok"]


@pytest.mark.parametrize("leaves", LEAVES)
def test_what_leaves_the_process_group_or_the_session_of_a_gate_does_not_outlive_a_killed_tick(
    world, until, leaves
):
    left = world.root / "left"
    world.configure(f"""
        [jobs.job]
        {DUE}
        command = "true"
        only_if = {{ command = "{leaves} {a_script(world.root)} && true" }}
    """)
    tick = world.start("run")
    assert until(lambda: pids(left))

    tick.kill()

    assert until(lambda: tick.poll() is not None)
    assert until(lambda: all(map(gone, pids(left))))


def test_a_run_by_hand_does_not_ask_the_gates_of_other_jobs(world):
    world.configure(f"""
        [jobs.gated]
        {DUE}
        command = "true"
        only_if = {{ command = "touch {world.root}/asked" }}
        [jobs.job]
        command = "true"
    """)

    world.run("run", "job")

    assert ran(world) == ["job"]
    assert not (world.root / "asked").exists()
    world.run("run")
    assert (world.root / "asked").exists()
