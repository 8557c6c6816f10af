"""Concurrent ticks: with each other, with long jobs, other commands and other users; no wait is endless."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from scheduled.state import locks
from scheduled.state.locks import PATIENCE, create_locked, unless_held
from scheduled.state.sqlite.errors import BUSY_SECONDS

CROWD = 50
EVERY_SECOND = 'every = "1s"\nanchor = "2000-01-01"'


def started(command, **options):
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)


def ended(processes):
    """Return the exit codes of *processes*, and their joined output."""
    output = [process.communicate(timeout=100)[0] for process in processes]
    return [process.returncode for process in processes], "".join(output)


# Concurrent ticks


@pytest.mark.timeout(180)
def test_fifty_ticks_at_once_run_each_slot_exactly_once(worlds):
    world, _ = worlds.another()

    codes, output = ended([started(world.command("run")) for _ in range(CROWD)])

    assert (codes, output) == ([0] * CROWD, "")
    assert world.unlike(worlds.reference) + world.witnessed_unlike(worlds.reference) == []
    assert (world.run("run", "--verbose").returncode, world.wrongs()) == (0, [])


def test_a_file_that_is_removed_before_it_is_locked_is_created_again(tmp_path, monkeypatch):
    # The race lasts microseconds: wait between the creation and the locking of the file, so that it is
    # removed.
    monkeypatch.setattr(locks, "hold", lambda fd, path, real=locks.hold: time.sleep(0.0005) or real(fd, path))
    over = threading.Event()

    def clear():
        while not over.is_set():
            for path in tmp_path.glob("*.jsonl"):
                with unless_held(path) as free:
                    if free:
                        path.unlink(missing_ok=True)

    clearing = threading.Thread(target=clear)
    clearing.start()
    try:
        for number in range(200):
            path = tmp_path / f"{number}.jsonl"
            fd = create_locked(path)
            assert path.stat().st_ino == os.fstat(fd).st_ino
            os.close(fd)
    finally:
        over.set()
        clearing.join()


def test_ticks_during_a_long_job_run_the_other_jobs_without_waiting(world, until):
    go, ran = world.root / "go", world.root / "ran"
    world.configure(
        f"""
        [jobs.long]
        {EVERY_SECOND}
        command = '''echo "long $SCHEDULED_RUN_ID" >> {ran}; until [ -e {go} ]; do sleep 0.05; done'''
        [jobs.short]
        {EVERY_SECOND}
        command = '''echo "short $SCHEDULED_RUN_ID" >> {ran}'''
        """.replace("\n        ", "\n")
    )
    first = world.start("run")
    until(lambda: ran.exists() and len(ran.read_text().split()) == 4)

    for count in range(2, 6):
        until(
            lambda count=count: world.run("run").returncode == 0 and ran.read_text().count("short ") >= count
        )
    runs = ran.read_text().split()[1::2]
    assert first.poll() is None
    go.touch()

    assert (first.wait(timeout=20), ran.read_text().count("long ")) == (0, 1)
    assert (len(runs), world.json("audit")["problems"]) == (len(set(runs)), [])


# Ticks and other commands


@pytest.fixture
def crontab(tmp_path, monkeypatch):
    """Install a `crontab` command that keeps its file in the directory of the test."""
    directory = tmp_path / "cron"
    directory.mkdir()
    script = directory / "crontab"
    script.write_text(
        f'#!/bin/sh\ncase "$1" in\n-l) exec cat {directory}/tab;;\n*) exec cp "$1" {directory}/tab;;\nesac\n'
    )
    script.chmod(0o755)
    (directory / "tab").write_text("# mine\n")
    monkeypatch.setenv("PATH", f"{directory}:{os.environ['PATH']}")
    return directory / "tab"


@pytest.mark.timeout(180)
def test_ticks_and_other_commands_at_the_same_time_all_succeed(worlds, crontab):
    world, _ = worlds.another()
    others = [
        ("install",),
        ("status", "--json"),
        ("audit", "--json"),
        ("history", "--json"),
        ("check",),
        ("forecast", "--from", "2030-01-01T00:00Z", "--to", "2030-01-01T06:00Z"),
        ("pause", "first"),
        ("resume", "first"),
        ("emit", "unused_event"),
        ("state", "backup", str(world.root / "backup.tar.gz")),
        *(("add", f"new{number}", "--cron", "0 0 1 1 *", "--", "true") for number in range(5)),
    ]

    processes = []
    for number in range(2 * len(others)):
        words = others[number // 2] if number % 2 else ("run",)
        processes.append((words, started(world.command(*words))))
    wrong = [(words, *found) for words, process in processes if (found := failed(process, words))]

    assert wrong == []
    assert world.run("run", "--verbose").returncode == 0
    assert world.wrongs() + world.unlike_except(worlds.reference, "new") == []
    assert (crontab.read_text().count("# mine"), crontab.read_text().count("@reboot")) == (1, 1)


def failed(process, words):
    (code,), output = ended([process])
    if "Traceback" in output:
        return code, output
    # `status` may find an incident while the other commands run.
    return None if code == 0 or (code == 1 and words[0] == "status") else (code, output)


def test_concurrent_edits_do_not_overwrite_one_another(world, tmp_path):
    """Each editor adds a job to the same file; an edit of a file that has changed in between is refused."""
    world.configure('[jobs.first]\ncommand = "true"\n')
    editors = []
    for number in range(8):
        editor = tmp_path / f"editor{number}"
        editor.write_text(
            f'#!/bin/sh\nsleep 0.{number % 3}\nprintf "[jobs.j{number}]\\ncommand=\\"true\\"\\n" >> "$1"\n'
        )
        editor.chmod(0o755)
        editors.append(editor)
    command = world.command("edit")

    processes = [started(command, env={**os.environ, "VISUAL": str(editor)}) for editor in editors]
    results = [ended([process]) for process in processes]

    kept = {f"j{number}" for number, ((code,), _) in enumerate(results) if code == 0}
    assert {job["name"] for job in world.json("jobs")} == {"first"} | kept
    assert kept
    for (code,), output in results:
        assert code == 0 or (code == 2 and "was changed by another process" in output), output


# Several users

needs_users = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("setpriv") is None,
    reason="NOT RUN: needs root and setpriv to be two users",
)
ADA, BOB = 54321, 54322


def as_user(user, command):
    """Return *command* to run as *user*, with the single privilege to read any file (the interpreter)."""
    may_read = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *may_read, *command]


@pytest.fixture
def shared(world):
    """A world with a configuration of root, and a state directory for each of two users."""
    world.configure(f"[jobs.job]\n{EVERY_SECOND}\ncommand = 'id -u'\ncwd = '/'\n")
    os.chmod(world.root, 0o755)
    for parent in (world.config.parent, *world.root.parents[:2]):
        os.chmod(parent, 0o755)
    states = {}
    for user in (ADA, BOB):
        states[user] = world.root / str(user)
        states[user].mkdir(mode=0o700)
        os.chown(states[user], user, user)
    return world, states


@pytest.mark.system
@needs_users
def test_two_users_of_one_configuration_have_their_own_runs(shared, monkeypatch):
    world, states = shared
    ticks = []
    for _ in range(4):
        for user, state in states.items():
            world.state = state
            monkeypatch.setenv("HOME", str(state))
            ticks.append(started(as_user(user, world.command("run"))))

    codes, output = ended(ticks)

    assert (codes, output) == ([0] * len(ticks), "")
    for user, state in states.items():
        outputs = list((state / "output").glob("*/*.log"))
        assert outputs
        assert {path.read_text() for path in outputs} == {f"{user}\n"}
        assert {path.stat().st_uid for path in state.rglob("*")} == {user}


@pytest.mark.system
@needs_users
@pytest.mark.parametrize("verb", ["run", "pause"])
def test_the_state_of_another_user_is_refused(shared, verb):
    world, states = shared
    world.state = states[ADA]
    words = ("pause", "job") if verb == "pause" else (verb,)
    assert ended([started(as_user(ADA, world.command("run")))]) == ([0], "")
    before = sorted((path, path.stat().st_mtime_ns) for path in states[ADA].rglob("*"))

    codes, output = ended([started(as_user(BOB, world.command(*words)))])

    assert (codes, "Traceback" in output) == ([2], False), output
    assert f"{states[ADA]}: belongs to user {ADA}, not to you" in output
    assert sorted((path, path.stat().st_mtime_ns) for path in states[ADA].rglob("*")) == before


# Waiting times

# A tick with both timeouts, of 1 minute and of 10 minutes, reduced to 1 second.
SHORT_TIMEOUTS = """
import sys
from scheduled.state import locks
from scheduled.state.sqlite import errors

locks.exclusive.__wrapped__.__defaults__ = (1.0,)
errors.BUSY_SECONDS = 1
from scheduled.cli.main import main

sys.exit(main())
"""


def tick_with_short_timeouts(world):
    """Run a tick with short timeouts; return its exit code, its output and its duration in seconds."""
    began = time.monotonic()
    codes, output = ended([started([sys.executable, "-c", SHORT_TIMEOUTS, *world.command("run")[2:]])])
    return codes[0], output, time.monotonic() - began


@contextmanager
def stopped_holder(lock):
    """Let a process hold *lock*, and stop that process."""
    claimant = subprocess.Popen(
        ["flock", lock, "sh", "-c", "echo held; exec sleep 1000"], stdout=subprocess.PIPE
    )
    assert claimant.stdout.readline() == b"held\n"
    os.kill(claimant.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in (*children(claimant.pid), claimant.pid):
            os.kill(pid, signal.SIGKILL)
        claimant.communicate()


def children(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.parametrize("lock", ["ledger.lock", "snapshot.lock"])
def test_waiting_for_a_lock_with_a_stopped_holder_ends_with_an_error(worlds, until, lock):
    world, _ = worlds.another()
    with stopped_holder(world.state / lock):
        code, output, seconds = tick_with_short_timeouts(world)

    assert (code, output) == (
        75,
        f"scheduled: {world.state / lock}: another process has held this lock for 1 s\n",
    )
    assert seconds >= 1
    assert world.unquiet(world.recover(until)) + world.wrongs() == []


def test_waiting_for_the_transaction_of_another_program_ends_with_an_error(worlds, until):
    world, _ = worlds.another()
    with closing(sqlite3.connect(world.state / "ledger.db", isolation_level=None)) as stranger:
        stranger.execute("BEGIN IMMEDIATE")
        code, output, seconds = tick_with_short_timeouts(world)

    ledger = world.state / "ledger.db"
    assert (code, output) == (
        75,
        f"scheduled: {ledger}: another program has held the ledger for 1 s; close the ledger in that program\n",
    )
    assert seconds >= 1
    assert world.unquiet(world.recover(until)) + world.wrongs() == []


def test_the_waiting_times_are_the_documented_ones():
    assert (PATIENCE, BUSY_SECONDS) == (60, 600)
