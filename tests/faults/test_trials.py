"""`try`, stopped and killed: its job ends with it, and nothing of it stays in any file."""

import os
import signal
import stat
import subprocess
from pathlib import Path

import pytest

SECRET = "from-the-file-1"

JOB = """
    [jobs.slow]
    command = 'echo "$TOK"; touch {root}/began; sleep 100; touch {root}/ended'
    secrets = {{ TOK = "file:{root}/token" }}
    post = "touch {root}/post"
    [jobs.after]
    command = "touch {root}/after"
    [jobs.both]
    chain = ["slow", "after"]
    on_failure = "continue"
"""


def heed_interrupts():
    """Undo what a shell does for a command in the background, which the tests may be: SIGINT is ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def trying(world, until, monkeypatch):
    """A world of which `start_try JOB` starts a `try`, and returns its process when the command of the job runs."""
    (world.root / "token").write_text(f"{SECRET}\n")
    (world.root / "token").chmod(0o600)
    (world.root / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(world.root / "tmp"))
    world.configure(JOB.format(root=world.root))

    def start_try(name):
        printed = (world.root / "printed").open("wb")
        words = world.command("try", name)
        process = subprocess.Popen(
            words,
            stdout=printed,
            stderr=printed,
            env=world.environment(),
            preexec_fn=heed_interrupts,  # noqa: PLW1509 - it takes no lock
        )
        printed.close()
        world._started.append(process)
        until((world.root / "began").exists)
        return process

    world.start_try = start_try
    return world


def left(world):
    """Return the files of the state and of the directory of temporary files that have the secret or are of a `try`."""
    files = [
        path for place in (world.state, world.root / "tmp") for path in place.rglob("*") if path.is_file()
    ]
    return [path for path in files if "trials" in path.parts or SECRET.encode() in path.read_bytes()]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("name", ["slow", "both"])
def test_a_try_that_is_stopped_ends_its_job_and_leaves_nothing(trying, name, number):
    process = trying.start_try(name)
    os.kill(process.pid, number)

    assert process.wait(timeout=60) == 1
    printed = (trying.root / "printed").read_text()
    assert printed.startswith(f"***\nslow: interrupted: `try` was stopped by {number.name}\n")
    assert [path.name for path in map(Path, trying.root.iterdir()) if path.name in ("ended", "after")] == []
    assert (trying.root / "post").exists()  # it follows every end of the command
    assert left(trying) == []


def test_the_directory_of_a_try_is_private(trying):
    trying.start_try("slow")
    [place] = [path for path in (trying.state / "trials").iterdir() if path.is_dir()]

    assert stat.S_IMODE(place.stat().st_mode) == 0o700 == stat.S_IMODE(trying.state.stat().st_mode)


@pytest.mark.parametrize("command", [("run",), ("try", "after")])
def test_what_a_killed_try_leaves_is_removed_by_the_next_tick_or_try(trying, command):
    trying.run("run")  # from here on an idle tick would do nothing
    trying.kill_all(trying.start_try("slow"))
    assert left(trying)
    trying.run(*command)

    assert left(trying) == []


def test_a_tick_leaves_the_directory_of_a_try_that_runs(trying):
    trying.run("run")
    process = trying.start_try("slow")
    trying.run("run")
    before = left(trying)
    process.terminate()
    process.wait(timeout=60)

    assert before
    assert (trying.root / "printed").read_text().startswith("***\n")


def test_a_tick_leaves_the_job_of_a_try_of_which_only_the_runner_was_killed(trying, until):
    trying.run("run")
    process = trying.start_try("slow")
    process.kill()
    process.wait()
    trying.run("run")
    assert left(trying)
    [sleeper] = [
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and trying._is_own(entry) and b"sleep" in (entry / "cmdline").read_bytes()[:6]
    ]
    os.kill(sleeper, signal.SIGKILL)
    until((trying.root / "post").exists)
    until(lambda: trying.run("run") and not left(trying))


def test_a_try_in_a_state_that_cannot_be_written_leaves_nothing_either(trying):
    trying.state.mkdir(mode=0o700)
    (trying.state / "trials").write_text("")  # in the place of the directory
    tried = trying.run("try", "after")

    assert tried.returncode == 0, tried.stderr
    assert list((trying.root / "tmp").iterdir()) == []
