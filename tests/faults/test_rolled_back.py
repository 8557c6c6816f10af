"""An old copy of the ledger is put back, or its write-ahead log is lost: it is reported, and nothing runs twice."""

import os
import shutil
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from scheduled.paths import Paths
from scheduled.state.rollback import REASON

JOBS = """
    timezone = "UTC"
    [jobs.often]
    every = "1s"
    anchor = "2000-01-01"
    command = "echo $SCHEDULED_RUN_ID | tee -a {root}/ran"
    [jobs.daily]
    every = "1d"
    command = "true"
"""


@pytest.fixture
def copied(world):
    """A world after one tick; *copy* is the ledger as it was then."""
    world.configure(JOBS.format(root=world.root))
    assert world.run("run").returncode == 0
    world.copy = world.root / "copy.db"
    shutil.copy(world.state / "ledger.db", world.copy)
    return world


def ran(world):
    return (world.root / "ran").read_text().split()


def put_back(world):
    shutil.copy(world.copy, world.state / "ledger.db")


def tick(world):
    time.sleep(1.1)  # a slot is due every second
    done = world.run("run")
    assert done.returncode == 0, done.stderr
    return done


def check(world, lost):
    """Check what status, the next tick and history have about the runs *lost* of a ledger that was rolled back."""
    before = ran(world)
    status = world.run("status")
    done = tick(world)
    silent = tick(world)

    report = f"{world.state / 'ledger.db'}: is older than scheduled_state.json (generation "
    assert (status.returncode, report in status.stdout) == (1, True)
    assert (done.stderr.count("\n"), report in done.stderr, silent.stderr) == (1, True, "")
    assert (world.state / "scheduled.log").read_text().count("| WARNING | " + report) == 1
    after = ran(world)
    assert (len(after), len(set(after)), after[: len(before)]) == (len(before) + 2, len(after), before)
    rows = world.json("history", "often")
    assert [row["reason"] for row in rows if row["status"] == "skipped"] == [REASON]
    assert not lost & {row["run_id"] for row in rows}
    for run_id in lost:  # its output is kept, and is no other run's
        assert Paths(world.state).output_of(run_id, 1).read_text().split() == [run_id]
    assert world.run("logs", "often").stdout.split() == after[-1:]
    assert world.json("audit")["problems"] == []


def test_an_old_copy_of_the_ledger_is_noticed_and_nothing_runs_again(copied):
    first = set(ran(copied))
    tick(copied)
    tick(copied)
    put_back(copied)

    check(copied, set(ran(copied)) - first)


def test_a_lost_write_ahead_log_is_noticed_and_nothing_runs_again(copied):
    first = set(ran(copied))
    with closing(sqlite3.connect(copied.state / "ledger.db")) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM jobs").fetchall()  # keeps the log: nothing of it can be written back
        tick(copied)
        shutil.copy(copied.state / "ledger.db", copied.copy)
        assert (copied.state / "ledger.db-wal").stat().st_size
    put_back(copied)
    (copied.state / "ledger.db-wal").unlink(missing_ok=True)

    check(copied, set(ran(copied)) - first)


def test_a_command_before_the_next_tick_notices_it_and_loses_nothing(copied):
    tick(copied)
    position = copied.snapshot()["jobs"]["often"]["position"]
    assert copied.run("pause", "daily").returncode == 0
    put_back(copied)

    done = copied.run("disable", "daily")

    assert (done.returncode, done.stderr.count("is older than scheduled_state.json")) == (0, 1)
    assert copied.snapshot()["jobs"]["often"]["position"] == position
    assert list(copied.json("status")["paused"]) == ["daily"]


def test_the_output_of_an_attempt_of_the_lost_ledger_is_kept_under_another_name(copied):
    copied.configure('[jobs.once]\ncommand = "echo new"\n[jobs.once.retry]\nmax_attempts = 2\n')
    copied.run("run", "once")
    run_id = copied.json("history", "once")[0]["run_id"]
    output = Paths(copied.state).output_of(run_id, 1)
    output.write_text("other\n")
    copied.sql(
        "UPDATE runs SET status = 'waiting_retry', attempt = 0, retry_at = 0, printed = NULL"
        f" WHERE run_id = '{run_id}'"
    )

    assert copied.run("run").returncode == 0

    (kept,) = output.parent.glob(f"{run_id}.1.log.earlier-*")
    assert (kept.read_text(), copied.run("logs", "once").stdout) == ("other\n", "new\n")


NOTED = """
    [jobs.noted]
    cron = "*/5 * * * *"
    on_interrupted = "skip"
    command = "echo $SCHEDULED_RUN_ID >> {0}/starts; while [ -e {0}/wait ]; do sleep 0.05; done"
"""


def starts(world):
    return (world.root / "starts").read_text().split()


@pytest.fixture
def working(world, until):
    """A world with the ledger of a first tick in `copy.db`, and a second tick, `working`, that runs a job."""
    world.configure(f'timezone = "UTC"\n{NOTED.format(world.root)}')
    world.run("run", at="2026-03-02 10:00:00")
    shutil.copy(world.state / "ledger.db", world.root / "copy.db")
    (world.root / "wait").touch()
    world.working = world.start("run", at="2026-03-02 10:05:00")
    until(lambda: len(starts(world)) == 2)
    return world


def remove_log(world):
    for suffix in ("-wal", "-shm"):
        (world.state / f"ledger.db{suffix}").unlink()


def next_tick(world):
    return world.run("run", at="2026-03-02 10:06:00")


@pytest.mark.system
def test_a_run_that_ended_after_a_kill_does_not_run_again_without_the_write_ahead_log(working, until):
    wrapper = working.working.pid  # libfaketime's, which waits for the tick
    os.kill(int(Path(f"/proc/{wrapper}/task/{wrapper}/children").read_text()), signal.SIGKILL)
    working.working.wait()
    (working.root / "wait").unlink()
    (results,) = (working.state / "results").glob("*.jsonl")
    until(lambda: b"ended" in results.read_bytes())
    remove_log(working)

    done = next_tick(working)

    assert (done.returncode, len(starts(working))) == (0, 2)
    assert "its write-ahead log was lost; their slots do not run again" in done.stderr
    newest = working.json("history", at="2026-03-02 10:06:00")[0]
    assert (newest["status"], newest["reason"]) == ("skipped", "decided in a ledger that was lost")
    assert working.json("audit", at="2026-03-02 10:06:00")["problems"] == []


@pytest.fixture
def replaced(world, until):
    """A world with an older copy as its ledger, while the tick `working` runs a job; it ends when the file `wait` is removed."""
    world.configure(f"""
        [jobs.asked]
        command = "while [ -e {world.root}/wait ]; do sleep 0.05; done"
    """)
    world.run("run")
    shutil.copy(world.state / "ledger.db", world.root / "copy.db")
    (world.root / "wait").touch()
    world.working = world.start("run", "asked")
    until(lambda: [path for path in (world.state / "results").glob("*.jsonl") if path.stat().st_size])
    (world.root / "copy.db").replace(world.state / "ledger.db")
    remove_log(world)
    return world


NAMED = "which are under way: an older copy was put in its place"


def test_while_a_tick_works_on_a_ledger_that_was_replaced_no_other_tick_runs(replaced):
    beside = replaced.run("run")
    (replaced.root / "wait").unlink()
    assert replaced.working.wait(100) == 0
    after = replaced.run("run")

    assert (beside.returncode, NAMED in beside.stderr) == (75, True)
    assert f"{replaced.state}/ledger.db: is older than scheduled_state.json" in after.stderr


def test_while_a_tick_works_on_a_ledger_that_was_replaced_queries_name_it_and_commands_change_nothing(
    replaced,
):
    queries = [replaced.run(word) for word in ("status", "audit", "history", "jobs")]
    commands = [
        replaced.run(*words)
        for words in (["disable", "asked"], ["pause"], ["add", "new", "--command", "true"], ["emit", "x"])
    ]
    (replaced.root / "wait").unlink()
    assert replaced.working.wait(100) == 0

    assert [(done.returncode, NAMED in done.stdout + done.stderr) for done in queries] == [(1, True)] * 4
    assert [(done.returncode, NAMED in done.stderr) for done in commands] == [(75, True)] * 4
    assert "asked" in replaced.run("disable", "asked").stdout
