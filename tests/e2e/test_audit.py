"""`audit` states up to when it is right, also in the middle of a tick, and compares attempts with a log of the jobs."""

import os
import shutil
import time

import pytest

LINE = 'echo "$(date -Is) {} $SCHEDULED_JOB $SCHEDULED_RUN_ID $SCHEDULED_ATTEMPT" >> log'
LOGGED = f"{LINE.format('start')}; {LINE.format('end')}"
EVERY_SECOND = 'every = "1s"\nanchor = "2000-01-01"'
DAYS = 86400


@pytest.fixture
def logged(world):
    """Return a world with one job that logs its starts and ends, and has run once by hand."""
    world.configure(f"[jobs.job]\ncwd = '{world.root}'\ncommand = '''{LOGGED}'''\n")
    assert world.run("run", "job").returncode == 0
    return world


def against(world, *options):
    return world.run("audit", "--against", "log", *options, cwd=world.root)


@pytest.fixture
def installed(world):
    """Return a world with ticks in the crontab since five days ago."""
    world.configure('[jobs.job]\ncron = "0 3 * * *"\ncommand = "true"\n')
    assert world.run("run").returncode == 0
    ago = int(time.time()) - 5 * DAYS
    world.sql(f"INSERT INTO meta VALUES ('installed_at', '{ago}'), ('cadence', '300')")
    return world


def tick_was(world, ago):
    """Set the state back as if the last tick was *ago* seconds ago."""
    snapshot = world.state / "scheduled_state.json"
    beat = snapshot.stat().st_mtime_ns - ago * 10**9
    world.sql(f"UPDATE meta SET value = CAST(value AS INTEGER) - {ago} WHERE key = 'planned'")
    world.sql(f"UPDATE epochs SET starts_at = starts_at - {ago + DAYS}")
    world.sql(f"UPDATE jobs SET position = position - {ago + DAYS}, open_reason = 'due'")
    os.utime(snapshot, ns=(beat, beat))


def test_the_audit_of_a_dead_cron_speaks_up_to_the_last_tick_and_fails(installed):
    tick_was(installed, 3 * DAYS)

    done = installed.run("audit")
    document = installed.json("audit")

    assert done.returncode == 1
    problem, answer = done.stdout.splitlines()
    assert problem.startswith("! ticks have stopped: the last one was at")
    assert "up to the last tick, 3d ago: " in answer
    assert (document["ok"], document["problems"], document["ticks"]["state"]) == (False, [], "stopped")
    assert document["ticks_problem"] in problem
    assert 3 * DAYS <= document["seconds_ago"] < 3 * DAYS + 1000
    before = time.strftime("%Y-%m-%dT%H:%M", time.gmtime(time.time() - 3 * DAYS - 7200))
    bounded = installed.run("audit", "--to", before)
    assert (bounded.returncode, "last tick" in bounded.stdout, "stopped" in bounded.stdout) == (
        0,
        False,
        False,
    )
    assert f"up to {before.replace('T', ' ')}: " in bounded.stdout


def test_the_audit_between_two_ticks_names_the_last_one(installed):
    tick_was(installed, 200)

    done = installed.run("audit")

    assert (done.returncode, done.stderr) == (0, "")
    assert "up to the last tick, 3m ago: " in done.stdout


def test_where_no_ticks_are_expected_the_audit_names_the_last_one_only(world):
    world.configure('[jobs.job]\ncron = "0 3 * * *"\ncommand = "true"\n')
    world.run("run")
    tick_was(world, 3 * DAYS)

    done = world.run("audit")

    assert (done.returncode, "up to the last tick, 3d ago" in done.stdout) == (0, True)


def test_slots_that_a_later_tick_has_seen_are_no_problem_while_the_first_tick_works(world, until):
    wait = f"touch {world.root}/begun-$SCHEDULED_JOB; until [ -e {world.root}/$SCHEDULED_JOB ]; do sleep 0.05; done"
    world.configure(
        f"[jobs.all]\n{EVERY_SECOND}\ncatch_up = 'all'\ncatch_up_limit = 1\ncommand = '{wait}'\n"
        f"[jobs.long]\n{EVERY_SECOND}\ncommand = '{wait}'\n"
    )
    first = world.start("run")
    until(lambda: (world.root / "begun-all").exists() and (world.root / "begun-long").exists())
    time.sleep(2.1)
    assert world.run("run").returncode == 0
    (world.root / "all").touch()
    until(lambda: world.sql("SELECT 1 FROM attempts"))

    during = world.json("audit")
    (world.root / "long").touch()

    assert first.wait(timeout=100) == 0
    assert (during["problems"], world.json("audit")["problems"]) == ([], [])


def test_a_log_that_agrees(logged):
    done = against(logged)

    assert done.returncode == 0
    assert "log: 1 start, 1 end, 1 recorded attempt since " in done.stdout
    assert done.stdout.endswith(": they agree\n")


def test_a_log_without_any_start_proves_nothing(logged):
    (logged.root / "log").write_text("")

    done = against(logged)

    assert done.returncode == 1
    assert done.stdout.endswith(": nothing was compared\n")


def test_a_last_tick_in_the_future_is_named_with_its_time(world):
    world.configure('[jobs.job]\ncron = "0 3 29 2 *"\ncommand = "true"\n')
    world.run("run")
    world.sql("UPDATE meta SET value = CAST(value AS INTEGER) + 7200 WHERE key = 'planned'")

    document = world.json("audit")

    assert document["seconds_ago"] is None
    assert f", up to {document['until'][:16].replace('T', ' ')}: " in world.run("audit").stdout


def test_what_else_started_the_job_is_a_difference(logged):
    log = logged.root / "log"
    with log.open("a") as file:
        file.write(log.read_text().splitlines()[0] + "\n# a comment\n\nrubbish\n")
        file.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S')} start job job-20260101T000000Z 1\n")

    done, document = against(logged), logged.json("audit", "--against", str(log))

    assert done.returncode == 1
    assert (
        "warning: log, line 6: ignored: 'rubbish' is not an instant: write INSTANT start|end JOB"
        in done.stdout
    )
    assert "3 starts, 1 end, 1 recorded attempt" in done.stdout
    assert "line 3: job-manual-" in done.stdout
    assert "second start of an attempt that starts in line 1" in done.stdout
    assert "line 7: job-20260101T000000Z, attempt 1 (" in done.stdout
    assert "no such attempt is recorded" in done.stdout
    assert [problem["line"] for problem in document["against"]["problems"]] == [3, 7]
    assert [entry["line"] for entry in document["against"]["unreadable"]] == [6]
    assert (document["ok"], document["problems"]) == (False, [])


def test_an_attempt_that_the_log_does_not_have_is_a_difference(logged):
    logged.run("run", "job")
    log = logged.root / "log"
    log.write_text("".join(log.read_text().splitlines(keepends=True)[:2]))

    done = against(logged)

    assert done.returncode == 1
    assert "attempt 1 (" in done.stdout
    assert "is recorded, but the log has no start of it" in done.stdout
    assert against(logged, "--to", "2026-01-01").returncode == 0


@pytest.mark.parametrize("code", [7, 75])
def test_a_command_that_did_not_start_because_pre_failed_needs_no_line(logged, code):
    lines = f"pre = 'exit {code}'\ncwd = '{logged.root}'\ncommand = '''{LOGGED}'''"
    logged.configure(f"[jobs.job]\n{lines}\n")
    logged.run("run", "job")

    done = against(logged)

    assert "1 start, 1 end, 2 recorded attempts" in done.stdout
    assert done.returncode == 0


def test_a_trial_is_no_difference(logged):
    assert logged.run("try", "job").returncode == 0

    assert against(logged).returncode == 0
    assert "job-try" in (logged.root / "log").read_text()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"rubbish\n", "log: no line can be read; line 1: 'rubbish' is not an instant"),
        (b"\xff\xfe\x00\n", "log: no line can be read; line 1: "),
        (None, "log: No such file or directory; --against needs a log"),
        ("directory", "log: not a regular file; --against needs a log"),
        ("fifo", "log: not a regular file; --against needs a log"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(logged, content, message):
    log = logged.root / "log"
    log.unlink()
    if content == "directory":
        log.mkdir()
    elif content == "fifo":
        os.mkfifo(log)
    elif content is not None:
        log.write_bytes(content)

    done = against(logged)

    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_the_runs_before_a_lost_ledger_are_not_judged(logged):
    logged.run("run")
    time.sleep(1.1)
    for path in logged.state.glob("ledger.db*"):
        path.unlink()
    assert logged.run("run").returncode == 0

    assert against(logged).returncode == 0
    assert logged.run("run", "job").returncode == 0
    assert against(logged).returncode == 0


def test_an_empty_log_has_nothing_to_compare(logged):
    shutil.copy("/dev/null", logged.root / "log")

    assert "log: 0 starts, 0 ends, 0 recorded attempts" in against(logged).stdout
