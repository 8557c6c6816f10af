"""A state directory on a full or read-only disk: a clear error, no partial file, and full recovery."""

import json
import os
import shutil
import subprocess
import sys

import pytest

SYSTEM = [
    pytest.mark.system,
    pytest.mark.skipif(
        os.geteuid() != 0 or shutil.which("unshare") is None,
        reason="NOT RUN: needs root and unshare to mount a disk of its own",
    ),
]
pytestmark = SYSTEM

JOB = """
    [jobs.job]
    every = "1s"
    anchor = "2000-01-01"
    command = '''{command}'''
"""


@pytest.fixture
def small(world):
    """Run shell scripts with the state on a disk of 600 kB; `tick VERB` prints exit code and messages."""
    world.state.mkdir(mode=0o700)

    def run(script, command="true"):
        world.configure(JOB.format(command=command))
        verb = " ".join(world.command())
        prepare = f"""
            mount -t tmpfs -o size=600k,mode=700 tmpfs {world.state}
            cd {world.state}
            tick() {{ {verb} ${{1:-run}} >{world.root}/out 2>&1; echo "$?"; cat {world.root}/out; }}
            fill() {{ head -c 10000000 /dev/zero > fill 2>{world.root}/full; }}
            {sys.executable} -c 'import scheduled.cli, scheduled.service' 2>/dev/null
        """
        done = subprocess.run(
            ["unshare", "-m", "sh", "-c", f"{prepare}\n{script}"], capture_output=True, text=True, check=False
        )
        assert done.stderr == ""
        return done.stdout.splitlines()

    return run


def test_a_full_disk_is_reported_and_the_tick_recovers(small):
    output = small("tick; sleep 1; fill; tick; rm fill; sleep 1; tick; tick audit")

    assert output[0] == "0"
    assert (output[1], output[2].startswith("scheduled: /")) == ("1", True)
    assert "no space left on" in output[2].lower()
    assert output[3] == "0"
    assert output[4:6][0] == "0"
    assert "every slot is accounted for" in output[5]


READING = [
    "jobs",
    "show job",
    "next",
    "explain job",
    "history",
    "logs job",
    "audit",
    "check",
    "incidents",
    "notices",
]


def test_reading_commands_work_on_a_full_disk_and_name_the_reason(small, world):
    asked = "; ".join(f"echo ----; tick '{words}'" for words in READING)
    kept = f"cp -a {world.state} {world.root}/kept"
    compared = f"diff -r {world.state} {world.root}/kept && echo same"

    output = small(
        f"tick; sleep 1; fill; tick; echo ----; tick status; {kept}; {asked}; echo ----; {compared};"
        "echo ----; tick 'pause job'"
    )

    reason = f"no space left on the file system of {world.state}"
    parts = [part.strip().split("\n") for part in "\n".join(output).split("----")]
    _, status, *answers, unchanged, pause = parts
    assert status[:2] == ["1", f"! {reason}; nothing new is recorded"]
    remark = f"scheduled: {reason}; nothing new is recorded"
    assert [(answer[0], answer.count(remark)) for answer in answers] == [("0", 1)] * len(READING)
    assert unchanged == ["same"]
    assert pause == ["1", f"scheduled: {world.state}/ledger.db: cannot be read or written: {reason}"]


@pytest.mark.parametrize("memory", ["mode=1777", "ro"])
def test_with_all_disks_full_a_copy_in_memory_is_read(small, world, memory):
    nowhere = (
        "for place in /tmp /var/tmp; do mount --rbind $place $place; mount -o remount,ro,bind $place; done"
    )
    ask = f'output=$({" ".join(world.command())} history 2>&1); echo $?; echo "$output"'

    output = small(
        f"tick; sleep 1; fill; tick; {nowhere}; mount -t tmpfs -o {memory} tmpfs /dev/shm; echo ----; {ask}"
    )

    code, *answer = output[output.index("----") + 1 :]
    reason = f"no space left on the file system of {world.state}"
    assert (code, answer[-1]) == {
        "mode=1777": ("0", f"scheduled: {reason}; nothing new is recorded"),
        "ro": (
            "1",
            f"scheduled: {world.state}/ledger.db: can't be read: {reason}, and no copy can be made: Read-only file system",
        ),
    }[memory]


def test_after_a_first_tick_on_a_full_disk_status_names_the_reason(small, world):
    output = small(
        "fill; tick; echo ----; tick status; echo ----; tick audit; rm fill; echo ----; tick; tick status"
    )

    first, status, audit, then = ["\n".join(output).split("----")[place].strip() for place in range(4)]
    reason = f"no space left on the file system of {world.state}"
    assert (first[0], status.split("\n")[:2]) == ("1", ["1", f"! {reason}; nothing new is recorded"])
    assert "older version" not in audit
    assert then.startswith("0\n0\nall is well")


def test_a_job_that_fills_the_disk_is_recorded_once_there_is_space(small, world):
    ran = world.root / "ran"
    fills_once = f"[ -e {ran} ] || head -c 10000000 /dev/zero > {world.state}/fill; echo $SCHEDULED_RUN_ID >> {ran}; exit 9"

    output = small("tick; rm fill; sleep 2; tick; tick 'history --json'; tick audit", fills_once)

    assert (output[0], output[1].startswith("scheduled: ")) == ("1", True)
    history = json.loads("\n".join(output[output.index("[") : output.index("]") + 1]))
    assert [
        (run["run_id"], run["status"], run["attempt"], run["exit_code"]) for run in reversed(history)
    ] == [(run_id, "failed", 1, 9) for run_id in ran.read_text().split()]
    assert "every slot is accounted for" in output[-1]


def test_a_read_only_disk_is_reported_and_nothing_is_started(small, world):
    output = small(
        f"tick; mount -o remount,ro {world.state}; sleep 1; tick; mount -o remount,rw {world.state}; tick; tick audit",
        f"echo ran >> {world.root}/ran",
    )

    assert (output[0], output[1]) == ("0", "1")
    assert "ead-only" in output[2] or "readonly" in output[2]
    assert output[3:5][0] == "0"
    assert "every slot is accounted for" in "\n".join(output)
    assert (world.root / "ran").read_text() == "ran\n" * 2
