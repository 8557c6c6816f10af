"""Jobs that behave badly: fork bombs, stopped jobs, zombies, orphans, floods of output and binary data."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from scheduled.core.jobs import Limits
from scheduled.execution import process
from scheduled.execution.protocol import Ended
from tests.fixtures.supervised import PYTHON, gone, supervise

__all__ = ["supervise"]
pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
SHELL = ("/bin/sh", "-c")
# A user id without other processes: the kernel counts processes per user, and does not limit root.
BOMB_USER = 40_000 + os.getpid() % 20_000
FLOOD = 50_000_000


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("setpriv"), reason="NOT RUN: needs root and setpriv"
)
def test_a_fork_bomb_is_limited_and_all_its_processes_end(supervise, tmp_path):
    tmp_path.chmod(0o755)
    bomb = f"setpriv --reuid={BOMB_USER} --clear-groups /bin/sh -c 'bomb() {{ bomb | bomb & }}; bomb; exec sleep 60'"
    job = supervise().submit(*SHELL, bomb, limits=Limits(processes=24), timeout=3, cwd="/")
    (leader,) = job.started().values()

    most = 0
    while not job.found(Ended):
        most = max(most, count_of(BOMB_USER))
        job.receive(0.05)

    assert job.attempt_result().status == "timed_out"
    assert 0 < most <= 24
    process.signal_group(leader, signal.SIGKILL)
    assert_all_have_ended()


def count_of(user):
    return sum(owner(entry) == user for entry in Path("/proc").iterdir() if entry.name.isdigit())


def owner(entry):
    try:
        return entry.stat().st_uid
    except OSError:
        return -1


def assert_all_have_ended():
    deadline = time.monotonic() + 20
    while count_of(BOMB_USER):
        assert time.monotonic() < deadline, "the fork bomb still runs"
        time.sleep(0.02)


def test_a_stopped_job_is_ended_at_its_timeout(supervise):
    job = supervise().submit(*SHELL, "kill -STOP $$; echo went on", timeout=1)
    (pid,) = job.started().values()

    attempt_result = job.attempt_result()

    assert (attempt_result.status, attempt_result.reason) == ("timed_out", "timed out after 1 s")
    assert gone(pid)
    assert (
        attempt_result.duration_ms < 8000
    )  # SIGCONT lets it handle SIGTERM; SIGKILL would follow after 10 seconds


def test_a_stopped_job_is_still_running_for_the_next_tick(world, until):
    world.configure(f"""
        [jobs.stops]
        command = "echo $$ > {world.root}/pid; kill -STOP $$; echo went on >> {world.root}/went"
    """)
    tick = world.start("run", "stops")
    until(lambda: (world.root / "pid").exists() and (world.root / "pid").read_text())
    pid = int((world.root / "pid").read_text())
    until(lambda: state_of(pid) == "T")
    tick.kill()
    tick.wait()

    assert world.run("run", "stops").returncode == 75
    os.kill(pid, signal.SIGCONT)
    until(lambda: (world.root / "went").exists() and state_of(pid) == "")

    until(lambda: world.run("run").returncode == 0 and not busy(world))
    assert [run["status"] for run in world.json("history")] == ["success"]
    assert (world.root / "went").read_text() == "went on\n"


def busy(world):
    return [run for run in world.json("history") if run["status"] in ("claimed", "running")]


def state_of(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def test_zombies_of_a_job_vanish_when_it_ends(supervise):
    many = "import os, time\nfor _ in range(200):\n    os.fork() or os._exit(0)\nprint('made')\n"

    job = supervise().submit(PYTHON, "-c", many)

    assert (job.attempt_result().status, job.printed()) == ("success", "made\n")
    assert zombies_of(job.supervisor.pid) == []


def zombies_of(parent):
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if fields[0] == "Z" and int(fields[1]) == parent:
                found.append(entry.name)
    return found


def test_a_job_with_running_children_has_ended_when_its_own_process_has(supervise):
    """The supervisor waits only for the process of the job, not for its children with the output open."""
    job = supervise().submit(*SHELL, "sleep 30 & echo started")

    began = time.monotonic()

    assert (job.attempt_result().status, job.printed()) == ("success", "started\n")
    assert time.monotonic() - began < 15


@pytest.mark.parametrize(
    "how", ["sleep 30 &", "setsid sleep 30 &", "setsid sleep 30 >/dev/null 2>&1 </dev/null &"]
)
def test_a_child_that_outlives_its_job_blocks_no_later_run(world, how):
    world.configure(f"[jobs.parent]\ncommand = '{how} echo started'\n")

    ticks = [world.run("run", "parent") for _ in range(2)]

    assert [done.returncode for done in ticks] == [0, 0], ticks
    assert [run["status"] for run in world.json("history")] == ["success", "success"]
    assert world.json("audit")["ok"]
    world.kill_all(world.start("run"))


def test_a_timeout_ends_the_children_too(supervise, tmp_path, until):
    job = supervise().submit(*SHELL, "sleep 60 & echo $! > child; wait", timeout=1)

    assert job.attempt_result().status == "timed_out"
    child = int((tmp_path / "child").read_text())
    until(lambda: gone(child))  # it gets the same signal, but may end a little later


def test_a_job_that_ignores_everything_but_kill_is_killed(supervise):
    ignoring = "trap '' TERM HUP INT QUIT; while :; do sleep 0.1; done"

    attempt_result = supervise().submit(*SHELL, ignoring, timeout=1, kill_after=0.5).attempt_result()

    assert (attempt_result.status, attempt_result.signal) == ("timed_out", signal.SIGKILL)


def test_an_output_of_50_mb_is_cut_to_1_mb_with_the_number_of_dropped_bytes(supervise):
    flood = f"head -c {FLOOD} /dev/zero | tr '\\0' x"
    job, uncounted = supervise(), []

    while len(uncounted) < 3 and min(uncounted, default=FLOOD) >= FLOOD / 50:
        name = f"flood{len(uncounted)}"
        attempt_result = job.submit(*SHELL, flood, name=name, output_limit=1 << 20).attempt_results()[name]
        kept = job.output(name).read_bytes()
        uncounted.append(FLOOD - attempt_result.output_bytes)
        assert attempt_result.status == "success"
        assert len(kept) < (1 << 20) + 100
        assert b" bytes dropped ...]\n" in kept

    # Output that is written during a cut is not counted. That is microseconds of output, unless the
    # supervisor is suspended at that moment, which is unlikely to happen three times.
    assert 0 <= min(uncounted) < FLOOD / 50, uncounted


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (r"printf '\000\001\377\376binary\033[31m'", "\0\1\ufffd\ufffdbinary\x1b[31m"),
        ("printf 'no newline'", "no newline"),
        (r"printf '\n\n\n'", "\n\n\n"),
        (r"printf '\355\240\200'", "\ufffd\ufffd\ufffd"),
        ("true", ""),
    ],
)
def test_any_output_can_be_read_with_logs(world, command, expected):
    (world.root / "print.sh").write_text(command)
    world.configure(f"[jobs.prints]\ncommand = 'sh {world.root}/print.sh'\n")

    done = world.run("run", "prints")

    assert (done.returncode, world.json("logs", "prints")["output"]) == (0, expected)
    printed = subprocess.run(["sh", world.root / "print.sh"], capture_output=True, check=True).stdout
    assert subprocess.run(world.command("logs", "prints"), capture_output=True, check=True).stdout == printed


@pytest.mark.parametrize("streams", ["<&-", ">&-", "<&- >&-", "<&- >&- 2>&-"])
def test_a_tick_with_closed_standard_streams_does_its_work(world, streams):
    world.configure(
        f"[jobs.a]\ncommand = 'cat; echo ran >> {world.root}/ran'\n[jobs.h]\nhandler = 'health'\n"
    )
    line = " ".join(f"'{word}'" for word in world.command("run", "a"))

    code = os.waitstatus_to_exitcode(os.system(f"{line} {streams}"))

    assert (code, (world.root / "ran").read_text()) == (0, "ran\n")
    assert [run["status"] for run in world.json("history")] == ["success"]


def test_a_job_that_becomes_a_daemon_has_ended_when_its_first_process_has(world):
    daemon = (
        "import os, time\nos.fork() and os._exit(0)\nos.setsid()\nos.fork() and os._exit(0)\n"
        f"os.closerange(0, 256)\nopen('{world.root}/pid', 'w').write(str(os.getpid()))\ntime.sleep(30)\n"
    )
    (world.root / "daemon.py").write_text(daemon)
    world.configure(f"[jobs.d]\npython = '{world.root}/daemon.py'\n")

    ticks = [world.run("run", "d").returncode for _ in range(2)]

    assert ticks == [0, 0]
    os.kill(int((world.root / "pid").read_text()), signal.SIGKILL)


def test_a_job_that_kills_its_own_process_group_ends_no_other_job(supervise):
    made = supervise()
    made.submit(*SHELL, "sleep 1; echo alive", name="other")

    made.submit(*SHELL, "kill -9 0", name="suicidal")

    attempt_results = made.attempt_results()
    assert (attempt_results["suicidal"].signal, attempt_results["other"].status) == (
        signal.SIGKILL,
        "success",
    )
    assert made.printed("other") == "alive\n"
