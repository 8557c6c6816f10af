"""Slots that come due while a real run is under way: with "replace" the run is stopped, and never overlaps the next one."""

import os
import signal
import subprocess
import sys
from textwrap import dedent

import pytest

NIGHTLY = os.environ.get("SCHEDULED_NIGHTLY") == "1"
AGO = 300  # seconds by which the state is moved back, so that slots are due
# The first run goes on until it is stopped, every later one ends at once. All processes of a run that count hold `lock`.
JOB = """
    exec 9>>{root}/lock; flock -n 9 || echo overlap >> {root}/log
    if [ -e {root}/first ]; then echo later >> {root}/log; exit 0; fi
    {first}
"""
SLEEPS = "touch {root}/first; while :; do sleep 0.1; done"
FIRSTS = {
    "ends at TERM": SLEEPS,
    "cleans up": f"trap 'sleep 0.5; echo cleaned >> {{root}}/log; exit 3' TERM; {SLEEPS}",
    "ignores TERM": f"trap '' TERM; {SLEEPS}",
    "has a child that ignores TERM": f"(trap '' TERM; while :; do sleep 0.1; done) & {SLEEPS}",
    "has a stopped child": f"(kill -STOP $BASHPID; sleep 9) & {SLEEPS}",
}


class Overlapping:
    """A world with a job that is due every minute, and its run under way."""

    def __init__(self, world, until):
        self.world, self.until = world, until

    def begin(self, first=SLEEPS, **keys):
        """Start a tick that runs the job, and make later slots due; return its process."""
        root = self.world.root
        keys = {"overlap": '"replace"', "kill_after": "1", **keys}
        lines = "\n".join(f"{key} = {value}" for key, value in keys.items())
        command = dedent(JOB).format(root=root, first=first.format(root=root))
        script = root / "job.sh"
        script.write_text(command)
        self.world.configure(
            f'timezone = "UTC"\n[jobs.job]\ncron = "* * * * *"\n{lines}\ncommand = ["bash", "{script}"]\n'
        )
        tick = self.world.start("run")
        self.until((root / "first").exists)
        self.until(lambda: [run["status"] for run in self.history()] == ["running"])
        self.age()
        return tick

    def age(self):
        """Move everything that the ledger knows back in time."""
        for table, columns in {
            "epochs": ("starts_at",),
            "jobs": ("position",),
            "slots": ("first", "last"),
            "runs": ("slot", "claimed_at", "started_at"),
        }.items():
            changes = ", ".join(f"{column} = {column} - {AGO}" for column in columns)
            self.world.sql(f"UPDATE {table} SET {changes}")

    def history(self):
        return self.world.json("history")

    def log(self):
        path = self.world.root / "log"
        return path.read_text().split() if path.exists() else []

    def slots(self):
        return self.world.sql("SELECT verdict, count FROM slots ORDER BY first")

    def check_replaced(self):
        """Check that the first run was replaced by one that succeeded, and that they did not overlap."""
        newer, older = self.history()
        assert (older["status"], older["reason"]) == ("stopped", f"replaced by {newer['run_id']}")
        assert (newer["status"], newer["reason"]) == ("success", None)
        assert (self.log().count("later"), "overlap" in self.log()) == (1, False)
        assert {verdict for verdict, _ in self.slots()} == {"coalesced", "success"}
        assert self.world.json("audit")["problems"] == []
        assert self.world.json("incidents") == []


@pytest.fixture
def overlapping(world, until):
    return Overlapping(world, until)


@pytest.mark.parametrize("kind", FIRSTS)
def test_a_due_slot_stops_the_run_and_starts_when_its_group_has_ended(overlapping, kind):
    first = overlapping.begin(FIRSTS[kind])

    done = overlapping.world.run("run")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    overlapping.check_replaced()
    assert first.wait(20) == 0
    assert ("cleaned" in overlapping.log()) == (kind == "cleans up")


@pytest.mark.parametrize("kind", ["ends at TERM", "has a child that ignores TERM"])
def test_the_command_of_a_run_with_pre_and_post_is_stopped_and_post_is_not(overlapping, kind):
    root = overlapping.world.root
    post = f"sleep 1; echo posted >> {root}/log"
    first = overlapping.begin(FIRSTS[kind], pre='"true"', post=f'"{post}"')

    done = overlapping.world.run("run")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert first.wait(20) == 0  # it may have started the newer run
    overlapping.check_replaced()
    assert overlapping.log() == ["posted", "later", "posted"]


@pytest.mark.parametrize("kind", ["ends at TERM", "ignores TERM"])
def test_post_of_a_replaced_run_knows_that_it_was_stopped(overlapping, kind):
    root, codes = overlapping.world.root, {"ends at TERM": "143", "ignores TERM": "137"}
    post = f"echo $SCHEDULED_STATUS-$SCHEDULED_EXIT_CODE >> {root}/posted"
    first = overlapping.begin(FIRSTS[kind], post=f'"{post}"')

    assert overlapping.world.run("run").returncode == 0

    assert first.wait(20) == 0
    overlapping.check_replaced()
    assert (root / "posted").read_text().split() == [f"stopped-{codes[kind]}", "success-0"]
    assert not list((overlapping.world.state / "results").glob("*.replaced"))


def test_a_run_of_which_pre_ends_well_at_term_does_not_start_its_command(overlapping):
    root = overlapping.world.root
    pre = f"trap 'exit 0' TERM; touch {root}/first; while :; do sleep 0.1; done"
    (root / "pre.sh").write_text(f"[ ! -e {root}/first ] || exit 0\n{pre}")
    first = overlapping.begin(pre=f'["bash", "{root}/pre.sh"]')

    assert overlapping.world.run("run").returncode == 0

    assert first.wait(20) == 0
    overlapping.check_replaced()  # the command would have written a second "later"


@pytest.mark.parametrize("with_supervisor", [False, True])
def test_the_run_of_a_tick_that_was_killed_is_replaced(overlapping, with_supervisor):
    first = overlapping.begin(FIRSTS["ignores TERM"])
    if with_supervisor:
        (supervisor,) = subprocess.run(
            ["pgrep", "-P", str(first.pid)], capture_output=True, text=True, check=True
        ).stdout.split()
        os.kill(int(supervisor), signal.SIGKILL)
    first.kill()
    first.wait()

    assert overlapping.world.run("run").returncode == 0

    overlapping.check_replaced()


def test_a_process_that_left_the_group_does_not_hold_back_the_next_run(overlapping, until):
    """It holds the lock of the run for ever, as a daemon that the job started; the run itself has a result."""
    child = overlapping.world.root / "child"
    left = f"setsid sh -c 'exec 9>&-; echo $$ > {child}; exec sleep 60' & "
    overlapping.begin(left + SLEEPS)
    daemon = int(until(lambda: child.exists() and child.read_text()))

    overlapping.world.run("run")

    overlapping.check_replaced()
    os.kill(daemon, signal.SIGKILL)  # it was still there


def test_a_run_by_hand_is_never_stopped_by_a_slot(overlapping, until):
    root = overlapping.world.root
    byhand = f"touch {root}/first; [ $SCHEDULED_TRIGGER = schedule ] || touch {root}/hand; while [ ! -e {root}/on ]; do sleep 0.1; done"
    tick = overlapping.begin(byhand)
    (root / "on").touch()
    tick.wait(20)
    (root / "first").unlink()
    (root / "on").unlink()
    hand = overlapping.world.start("run", "job")
    until((root / "hand").exists)
    until(lambda: overlapping.history()[0]["status"] == "running")
    overlapping.world.sql(f"UPDATE jobs SET position = position - {AGO}")
    overlapping.world.sql(f"UPDATE runs SET started_at = started_at - {AGO}")

    assert overlapping.world.run("run").returncode == 0

    assert overlapping.history()[0]["status"] == "running"
    sentence = overlapping.world.json("explain", "job")["sentence"]
    assert sentence.endswith("waits for its end: a run that you started is never stopped for a slot.")
    hand.send_signal(signal.SIGTERM)
    hand.wait()


def test_two_ticks_at_once_replace_a_run_once(overlapping):
    overlapping.begin(FIRSTS["has a child that ignores TERM"])

    both = [overlapping.world.start("run") for _ in range(2)]

    assert [tick.wait(60) for tick in both] == [0, 0]
    overlapping.check_replaced()


# The steps of a tick that replaces a run. It is killed with -9 when the function is called for the nth time.
STEPS = {
    "before the request": ("scheduled.engine.replacing", "Replacing.request", 1),
    "before TERM": ("scheduled.engine.replacing", "Replacing._begin", 1),
    "after TERM": ("scheduled.engine.replacing", "Replacing._is_under_way", 2),
    "after the end": ("scheduled.engine.replacing", "Replacing.settle", 1),
    "before the claim": ("scheduled.engine.claims", "take", 2),
    "after the claim": ("scheduled.execution.client", "SupervisorClient.submit", 1),
}
KILLED = """
    import functools, importlib, os, runpy, signal, sys
    module, name, nth = sys.argv[1], sys.argv[2], int(sys.argv[3])
    owner = importlib.import_module(module)
    *outer, last = name.split(".")
    owner = functools.reduce(getattr, outer, owner)
    function, calls = getattr(owner, last), []
    def counted(*args, **values):
        calls.append(1)
        if len(calls) == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*args, **values)
    setattr(owner, last, counted)
    sys.argv = sys.argv[4:]
    runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.parametrize("kind", ["has a child that ignores TERM", *(["ends at TERM"] if NIGHTLY else [])])
@pytest.mark.parametrize("step", STEPS)
def test_a_tick_that_is_killed_at_any_step_leaves_the_rest_to_the_next_one(overlapping, until, step, kind):
    world = overlapping.world
    overlapping.begin(FIRSTS[kind]).kill()  # its supervisor goes on
    module, name, nth = STEPS[step]

    killed = subprocess.run(
        [sys.executable, "-c", dedent(KILLED), module, name, str(nth), *world.command("run")[1:]],
        env=world.environment(),
        check=False,
    )

    assert killed.returncode == -signal.SIGKILL
    until(lambda: world.run("run").returncode == 0 and not _is_open(overlapping))
    overlapping.check_replaced()


def _is_open(overlapping):
    return any(run["status"] in ("claimed", "running", "waiting_retry") for run in overlapping.history())


# Other values


def test_without_the_key_a_run_goes_on_and_one_run_covers_what_came_due(overlapping):
    first = overlapping.begin(f"touch {{root}}/first; until [ -e {overlapping.world.root}/on ]; do sleep 0.1; done", overlap='"wait"')  # fmt: skip

    assert overlapping.world.run("run").returncode == 0
    assert [run["status"] for run in overlapping.history()] == ["running"]
    (overlapping.world.root / "on").touch()
    assert first.wait(20) == 0
    overlapping.world.run("run")

    newer, older = overlapping.history()
    assert (older["status"], newer["status"]) == ("success", "success")
    assert newer["slots"] >= AGO // 60
    assert "overlap" not in overlapping.log()


@pytest.mark.parametrize("overlap", ["queue", "skip"])
def test_slots_that_came_due_during_a_run(overlapping, overlap):
    root = overlapping.world.root
    first = overlapping.begin(f"touch {{root}}/first; until [ -e {root}/on ]; do sleep 0.1; done", overlap=f'"{overlap}"')  # fmt: skip
    overlapping.world.run("run")
    (planned,) = overlapping.world.json("run", "--dry-run")
    (root / "on").touch()
    assert first.wait(20) == 0

    overlapping.world.run("run")

    skipped = 'is skipped when the run under way has ended (`overlap = "skip"`)'
    assert planned.get("reason") == (skipped if overlap == "skip" else None)
    later = overlapping.log().count("later")
    assert "overlap" not in overlapping.log()
    assert overlapping.world.json("audit")["problems"] == []
    if overlap == "queue":
        assert later >= AGO // 60
        assert {run["slots"] for run in overlapping.history()} == {1}
    else:
        assert later <= 1  # for a minute that began after the end
        skipped = [run for run in overlapping.history() if run["run_id"] is None]
        assert {run["reason"] for run in skipped} == {"overlap"}
        assert sum(run["slots"] for run in skipped) >= AGO // 60
