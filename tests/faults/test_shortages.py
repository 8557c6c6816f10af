"""Real shortages of file descriptors, inodes, write permission and locks: reported and recovered from."""

import os
import shutil
import subprocess
import time

import pytest

from scheduled.paths import Paths
from scheduled.state.sqlite.errors import BUSY_SECONDS

needs_root = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("unshare") is None,
    reason="NOT RUN: needs root and unshare to mount disks of its own",
)


def on_disks(test):
    return pytest.mark.system(needs_root(test))


@pytest.fixture
def world(worlds):
    return worlds.another()[0]


def shell(world, script):
    """Run a script in a mount namespace, where `tick` runs a tick. Return its exit code and output lines."""
    tick = f'tick() {{ code=0; {" ".join(world.command("run"))} 2>&1 || code=$?; echo "exit code $code"; }}'
    command = ["unshare", "-m", "sh", "-ec", f"{tick}\n{script}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert (done.returncode, done.stderr) == (0, "")
    *output, code = done.stdout.splitlines()
    return code, output


def wrong_after_recovery(world, worlds, until, *, again=False):
    """Run further ticks without a fault; return what is wrong afterwards."""
    output = world.recover(until, again=again)
    wrongs = world.wrongs() + world.mails_unlike(worlds.reference) + world.unquiet(output)
    return wrongs + ([] if again else world.witnessed_unlike(worlds.reference))


# Descriptors


@pytest.mark.parametrize("files", [6, 8, 9, 10, 12, 16])
def test_a_lack_of_file_descriptors_is_reported_and_loses_nothing(world, worlds, until, files):
    limited = ["sh", "-c", f'ulimit -n {files}; exec "$@"', "sh", *world.command("run")]

    done = subprocess.run(limited, capture_output=True, text=True, check=False)

    assert (done.returncode in (0, 1), "Traceback" in done.stderr) == (True, False), done.stderr
    assert ("Too many open files" in done.stderr or "unable to open" in done.stderr) == bool(done.returncode)
    assert wrong_after_recovery(world, worlds, until, again=True) == []


# Disks


@on_disks
def test_a_read_only_state_is_reported_and_nothing_is_started(world, worlds, until):
    code, output = shell(
        world, f"mount --bind {world.state} {world.state}\nmount -o remount,bind,ro {world.state}\ntick"
    )

    assert (code, len(output)) == ("exit code 1", 1)
    assert output[0].startswith(f"scheduled: {world.state}")
    assert "ead-only" in output[0] or "readonly" in output[0]
    assert world.witness() == []
    assert wrong_after_recovery(world, worlds, until) == []


@on_disks
def test_a_read_only_workspace_is_reported_and_stops_no_other_job(world, worlds, until):
    place = world.workspace
    code, output = shell(world, f"mount --bind {place} {place}\nmount -o remount,bind,ro {place}\ntick")

    assert (code, "Traceback" in str(output)) == ("exit code 1", False)
    assert [line for line in output if line.startswith("scheduled: mail: failed: ") and "Read-only" in line]
    assert world.witnessed_unlike(worlds.reference) == []
    assert wrong_after_recovery(world, worlds, until, again=True) == []


@on_disks
@pytest.mark.parametrize(
    ("left", "enough"),
    [*((left, []) for left in range(4)), *((left, [("exit code 0", False)]) for left in (5, 8))],
)
def test_a_disk_without_inodes_is_reported_and_the_tick_recovers(world, worlds, until, left, enough):
    """5 or 8 free inodes may be enough if the files of the jobs do not exist at the same time."""
    copy, disk = world.root / "copy", world.state
    code, output = shell(
        world,
        f"""
        cp -a {disk} {copy}
        used=$(find {copy} | wc -l)
        mount -t tmpfs -o mode=700,nr_inodes=$((used + {left})) tmpfs {disk}
        cp -a {copy}/. {disk}/
        tick
        while [ -n "$(ls {disk}/results/*.jsonl 2>/dev/null)" ] && ! flock -n {disk}/results/*.jsonl true; do sleep 0.1; done
        rm -r {copy}
        cp -a {disk} {copy}
        """,
    )
    shutil.rmtree(disk)
    copy.rename(disk)

    words = (
        "No space left on device",
        "unable to open",
        f"no inodes left on the file system of {disk}",
    )
    wanted = any(word in str(output) for word in words)
    assert "Traceback" not in str(output)
    assert (code, wanted) in [("exit code 1", True), *enough]
    assert wrong_after_recovery(world, worlds, until, again=True) == []


# Processes


def test_a_tick_with_nothing_to_start_needs_no_process(worlds, until):
    world, points = worlds.another()
    assert world.tick().returncode == 0
    world.over(until)
    with world.config.open("a") as config:
        config.write("# edited\n")

    done = world.tick(points.environment(role="runner", kind="fork", nth=1, errno="EAGAIN", stays=world.root))

    assert (points.met(), done.returncode, done.stderr) == (True, 0, "")


# Locks


def test_a_file_system_without_locks_is_reported_and_nothing_is_started(worlds, until):
    world, points = worlds.another()

    began = time.monotonic()
    done = world.tick(
        points.environment(
            role="runner", kind="lock", nth=1, errno="ENOLCK", under=world.state, stays=world.root
        )
    )

    assert (done.returncode, time.monotonic() - began < BUSY_SECONDS / 10) == (1, True)
    assert done.stderr.startswith(f"scheduled: {world.state}/")
    assert ": can't be locked: No locks available; " in done.stderr
    assert "keep the state on a local disk" in done.stderr
    assert world.witness() == []
    assert wrong_after_recovery(world, worlds, until) == []


def test_ineffective_locks_are_detected_and_nothing_is_started(worlds, until):
    world, points = worlds.another()

    done = world.tick(
        points.environment(
            role="runner", kind="lock", nth=1, errno="PRETEND", under=world.state, stays=world.root
        )
    )

    assert (done.returncode, world.witness()) == (1, [])
    assert "two processes can lock it at the same time; this file system has no reliable locks" in done.stderr
    assert wrong_after_recovery(world, worlds, until) == []


# One run that can't be recorded


def test_a_job_without_an_output_file_is_reported_and_delays_no_other(world, worlds, until):
    (run,) = {run for _, run, _ in worlds.reference.witness() if run.startswith("plain-")}
    obstacle = Paths(world.state).output_of(run, 1)
    obstacle.mkdir(parents=True)

    done = [world.tick() for _ in range(3)]

    assert [one.returncode for one in done] == [1] * 3
    assert f"scheduled: {run}: not started: {obstacle}: Is a directory" in done[0].stderr
    assert world.witnessed_unlike(worlds.reference) == [
        f"witness: ('{sign}', '{run}', '1') 1 times missing" for sign in "+-"
    ]
    obstacle.rmdir()
    assert wrong_after_recovery(world, worlds, until) == []


def test_an_invalid_event_that_cannot_be_moved_is_reported_and_delays_no_job(world, worlds, until):
    rubbish, obstacle = (world.state / "spool" / name for name in ("no event", "bad/no event"))
    rubbish.touch()
    obstacle.mkdir(parents=True)

    done = world.tick()

    assert done.returncode == 1
    assert f"scheduled: {rubbish}: not a valid event name: 'no event'" in done.stderr
    assert "can't be moved to " in done.stderr
    assert world.witnessed_unlike(worlds.reference) == []
    obstacle.rmdir()
    assert "moved to " in world.run("run", "--verbose").stderr
    assert wrong_after_recovery(world, worlds, until) == []


def test_a_run_with_an_unreadable_report_is_reported_and_delays_no_other(worlds, until):
    world, points = worlds.another()
    bad = {
        "role": "runner",
        "kind": "open",
        "errno": "EIO",
        "nth": 1,
        "stays": world.root,
        "only": ".report",
        "under": f"{world.state}/results/mail-",
    }

    done = [world.tick(points.environment(**bad))]
    first = world.witnessed_unlike(worlds.reference)
    world.run("emit", "disk_full")
    done += [world.tick(points.environment(**bad)) for _ in range(2)]

    assert [one.returncode for one in done] == [1] * 3
    assert "its result can't be recorded yet: " in done[0].stderr
    assert (first, world.verdicts()["memory", "success"]) == ([], 1)
    assert sum(run.startswith("listening") and sign == "-" for sign, run, _ in world.witness()) == 2
    assert wrong_after_recovery(world, worlds, until, again=True) == []
