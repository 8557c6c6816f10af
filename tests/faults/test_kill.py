"""SIGKILL of a tick, its supervisor or both at any instant: no slot is lost, and no attempts overlap."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scheduled.execution import process
from scheduled.state.locks import is_held

# A job that records its begin and end, and runs until the file `go` exists.
UNTIL_GO = "echo begun; {journal}; while [ ! -e go ]; do sleep 0.02; done; echo ended; exit 7"
EVERY_SECOND = 'every = "1s"\nanchor = "2000-01-01"'  # a slot is due at the very first tick
BEGIN = 'echo "+ $SCHEDULED_RUN_ID $SCHEDULED_ATTEMPT" >> journal'
END = 'echo "- $SCHEDULED_RUN_ID $SCHEDULED_ATTEMPT" >> journal'


@pytest.fixture
def runtime(world, until):
    return Runtime(world, until)


class Runtime:
    """A world in which one slot of each job is due, and ticks can be killed."""

    def __init__(self, world, until):
        self.world = world
        self.until = until
        self.when = None

    def configure(self, command, names=("job",), when=None):
        """Configure jobs that are due in the minute of the first call, which has at least 10 seconds left."""
        if self.when is None:
            now = self.until(lambda: (now := datetime.now(UTC)).second < 50 and now)
            self.when = when or f'cron = "{now.minute} {now.hour} {now.day} {now.month} *"'
        self.world.configure(
            "".join(
                f"[jobs.{name}]\n{self.when}\ncwd = '{self.world.root}'\ncommand = '''{command}'''\n"
                for name in names
            )
        )

    def start(self):
        return subprocess.Popen(self.world.command("run"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def journal(self):
        path = self.world.root / "journal"
        return [line.split() for line in path.read_text().splitlines()] if path.exists() else []

    def recorded(self, word):
        """Return whether a supervisor has written a record of kind *word*."""
        return any(f'"{word}"' in path.read_text() for path in self.world.state.glob("results/*.jsonl"))

    def go(self):
        (self.world.root / "go").touch()

    def history(self):
        return [
            (run["status"], run["attempt"], run["exit_code"], run["reason"])
            for run in self.world.json("history")
        ]

    def audit(self):
        return self.world.json("audit")["problems"]

    def over(self):
        """Wait until all supervisors and jobs have ended."""
        places = [*self.world.state.glob("results/*.jsonl"), *self.world.state.glob("output/*/*.log")]
        self.until(lambda: not any(is_held(place) for place in places))


def children(pid):
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def kill(tick, *, supervisor, job=False):
    """Kill a tick and, if requested, its supervisor and its jobs, before any of them can react."""
    supervisors = children(tick.pid)
    jobs = [child for pid in supervisors for child in children(pid)]
    tick.kill()
    for pid in supervisors if supervisor else ():
        os.kill(pid, signal.SIGKILL)
    for pid in jobs if job else ():
        process.signal_group(pid, signal.SIGKILL)
    tick.communicate()


@pytest.fixture
def orphaned(runtime):
    """Return a function that starts a job and kills its tick, and with *supervisor* also the supervisor."""

    def orphan(*, supervisor):
        runtime.configure(UNTIL_GO.format(journal=BEGIN))
        tick = runtime.start()
        runtime.until(lambda: runtime.journal() and runtime.recorded("started"))
        kill(tick, supervisor=supervisor)
        return runtime

    return orphan


def test_a_job_outlives_its_killed_tick_and_its_result_is_recorded(orphaned):
    runtime = orphaned(supervisor=False)
    while_it_runs = runtime.world.run("run")
    begun = runtime.history()
    runtime.go()
    runtime.over()
    done = runtime.world.run("run")

    assert (while_it_runs.returncode, while_it_runs.stdout, begun) == (0, "", [("running", 1, None, None)])
    assert (done.returncode, runtime.history()) == (1, [("failed", 1, 7, "exit code 7")])
    assert (runtime.world.run("logs", "job").stdout, len(runtime.journal())) == ("begun\nended\n", 1)
    assert runtime.audit() == []


def test_a_job_without_a_supervisor_is_not_started_again_while_it_runs_and_once_afterwards(orphaned):
    runtime = orphaned(supervisor=True)
    while_it_runs = [runtime.world.run("run").returncode for _ in range(2)]
    begun = (runtime.history(), len(runtime.journal()))
    runtime.go()
    runtime.over()
    codes = [runtime.world.run("run").returncode for _ in range(3)]

    assert (while_it_runs, begun) == ([0, 0], ([("running", 1, None, None)], 1))
    run_id = runtime.journal()[0][1]
    assert runtime.journal() == [["+", run_id, "1"], ["+", run_id, "2"]]
    assert (codes[0], runtime.history()) == (1, [("failed", 2, 7, "exit code 7")])
    assert runtime.audit() == []


def test_a_job_that_has_closed_its_lock_is_recognised_by_its_process(runtime):
    close = f'{sys.executable} -c \'import os; os.closerange(0, 1000); os.execvp("sleep", ["sleep", "60"])\''
    runtime.configure(f"{BEGIN}; exec {close}")
    tick = runtime.start()
    runtime.until(lambda: runtime.journal() and runtime.recorded("started"))
    jobs = [child for pid in children(tick.pid) for child in children(pid)]
    kill(tick, supervisor=True)
    runtime.over()  # no lock is held

    while_it_runs = (runtime.world.run("run").returncode, runtime.history())
    for pid in jobs:
        process.signal_group(pid, signal.SIGKILL)
    runtime.until(lambda: not any(process.born(pid) for pid in jobs))
    runtime.configure(f"{BEGIN}")
    runtime.world.run("run")

    assert while_it_runs == (0, [("running", 1, None, None)])
    assert [line[2] for line in runtime.journal()] == ["1", "2"]


def test_a_job_that_dies_with_its_supervisor_is_interrupted_and_run_again(runtime):
    runtime.configure(UNTIL_GO.format(journal=BEGIN))
    tick = runtime.start()
    runtime.until(runtime.journal)
    kill(tick, supervisor=True, job=True)
    runtime.over()
    runtime.go()

    runtime.world.run("run")

    assert [line[2] for line in runtime.journal()] == ["1", "2"]
    assert (runtime.history(), runtime.audit()) == ([("failed", 2, 7, "exit code 7")], [])


def test_the_output_of_a_job_without_a_supervisor_is_cut_and_masked_by_the_next_tick(runtime):
    printing = "echo pw $MY_PASSWORD; head -c 5000 /dev/zero | tr '\\0' x; kill -9 $PPID"
    settings = "on_interrupted = 'skip'\noutput_limit = 1000\nenv = { MY_PASSWORD = 'Sup3rS3cret' }\n#"
    runtime.configure(f"{printing}'''\n{settings}'''")
    runtime.world.run("run")
    runtime.over()
    runtime.world.run("run")

    (kept,) = (runtime.world.state / "output").glob("*/*.log")
    text = kept.read_text()
    assert (text.startswith("pw ***"), "Sup3rS3cret" in text, len(text) < 1100) == (True, False, True)


def test_a_job_that_keeps_killing_its_supervisor_is_parked(runtime):
    runtime.configure(f"{BEGIN}; kill -9 $PPID")
    codes = []
    for _ in range(6):
        codes.append(runtime.world.run("run").returncode)
        runtime.over()

    assert [line[2] for line in runtime.journal()] == ["1", "2", "3"]
    assert runtime.history() == [("interrupted", 3, None, "interrupted 3 times; given up")]
    assert (codes[:2], codes[-1], runtime.audit()) == ([1, 1], 0, [])


def test_an_interrupted_job_with_on_interrupted_skip_is_not_run_again(runtime):
    runtime.configure(f"{BEGIN}; kill -9 $PPID'''\non_interrupted = '''skip")
    for _ in range(3):
        runtime.world.run("run")
        runtime.over()

    assert [line[2] for line in runtime.journal()] == ["1"]
    assert (runtime.history()[0][0], runtime.audit()) == ("skipped", [])


@pytest.mark.parametrize("supervisor", [False, True])
@pytest.mark.parametrize("seed", [1, 2])
def test_after_kills_at_random_instants_no_slot_is_lost_and_none_runs_twice(runtime, seed, supervisor):
    chance = random.Random(seed)
    runtime.configure(f"{BEGIN}; sleep 0.0$(($$ % 10)); {END}", names=("a", "b", "c"), when=EVERY_SECOND)
    first = runtime.world.run("run")
    for _ in range(15):
        tick = runtime.start()
        with suppress(subprocess.TimeoutExpired):
            tick.wait(timeout=chance.uniform(0.05, 0.35))
        kill(tick, supervisor=supervisor)
    runtime.over()
    output = [
        (done.returncode, done.stderr) for done in (first, *(runtime.world.run("run") for _ in range(2)))
    ]

    attempts = Counter((run_id, attempt) for sign, run_id, attempt in runtime.journal() if sign == "+")
    assert (runtime.audit(), max(attempts.values(), default=0)) == ([], 1), (
        output,
        runtime.world.json("history"),
    )
    assert output[-1] == (0, "")
    assert overlapping(runtime.journal()) == []
    if not supervisor:
        assert {attempt for _, attempt in attempts} == {"1"}


def overlapping(journal):
    """Return pairs of attempts of a job of which the second began before the first had recorded its end."""
    under_way, found = {}, []
    for sign, run_id, attempt in journal:
        job = run_id.partition("-")[0]
        if sign == "+" and job in under_way:
            found.append((under_way[job], (run_id, attempt)))
        if sign == "+":
            under_way[job] = (run_id, attempt)
        elif under_way.get(job) == (run_id, attempt):
            del under_way[job]
    return found


def test_concurrent_ticks_run_each_slot_exactly_once(runtime):
    names = ("a", "b", "c", "d", "e")
    runtime.configure(BEGIN, names=names)

    ticks = [runtime.start() for _ in range(8)]
    output = [tick.communicate()[0] for tick in ticks]

    assert ([tick.returncode for tick in ticks], output) == ([0] * 8, [b""] * 8)
    assert sorted(run_id.partition("-")[0] for _, run_id, _ in runtime.journal()) == sorted(names)
    assert (sorted(runtime.history()), runtime.audit()) == ([("success", 1, 0, None)] * len(names), [])


def test_a_terminated_tick_ends_its_jobs_and_the_next_one_runs_them(runtime):
    runtime.configure(UNTIL_GO.format(journal=BEGIN))
    tick = runtime.start()
    runtime.until(runtime.journal)
    tick.terminate()
    tick.communicate()
    begun = runtime.history()
    runtime.over()
    runtime.go()

    runtime.world.run("run")

    assert begun[0][:2] == ("waiting_retry", 1)
    assert (runtime.history(), runtime.audit()) == ([("failed", 2, 7, "exit code 7")], [])


def test_slots_that_a_terminated_tick_did_not_start_stay_open_with_a_reason(runtime):
    slots = f"""{EVERY_SECOND}\ncatch_up = "all"\ncatch_up_limit = 5"""
    # A slot is due for each second since the minute began.
    runtime.until(lambda: 6 <= datetime.now(UTC).second < 50)
    runtime.configure(UNTIL_GO.format(journal=BEGIN), when=slots)
    tick = runtime.start()
    runtime.until(runtime.journal)
    tick.terminate()
    tick.communicate()

    assert runtime.audit() == []
    runtime.over()
    runtime.configure(BEGIN)
    assert (runtime.world.run("run").returncode, runtime.audit()) == (0, [])
    assert len({run_id for _, run_id, _ in runtime.journal()}) >= 5


def test_a_killed_run_ends_when_it_was_killed_not_when_that_was_found(world, until):
    world.configure(f'[jobs.job]\ncommand = "touch {world.root}/begun; sleep 100"\n')
    tick = world.start("run", "job")
    until((world.root / "begun").exists)
    world.kill_all(tick)
    killed = time.time()
    time.sleep(3)

    world.run("run")

    [run] = world.json("history")
    assert run["status"] == "interrupted"
    assert datetime.fromisoformat(run["finished_at"]).timestamp() <= killed + 1
    assert run["duration_ms"] < 2500


@pytest.mark.parametrize(("choice", "runs"), [("skip", [("skipped", 1)]), ("rerun", [("success", 2)])])
def test_the_result_of_a_command_that_outlives_its_supervisor_is_not_known(runtime, choice, runs):
    root = runtime.world.root
    runtime.configure(
        f"{BEGIN}; until [ -e go ]; do sleep 0.02; done; {END}'''\non_interrupted = '{choice}'\npost = '''touch {root}/post"
    )
    tick = runtime.start()
    runtime.until(lambda: runtime.journal() and runtime.recorded("started"))
    for pid in children(tick.pid):
        os.kill(pid, signal.SIGKILL)
    printed = tick.communicate(timeout=60)[0].decode()
    runtime.go()
    runtime.until(lambda: ["-"] == [line[0] for line in runtime.journal()][1:])
    runtime.over()
    ended = (root / "post").exists()
    runtime.world.run("run")

    assert "a command that still runs is left to end, but its result can't be known" in printed
    assert not ended  # nothing was there to start it
    assert [(found[0], found[1]) for found in runtime.history()] == runs
    assert len([line for line in runtime.journal() if line[0] == "+"]) == runs[0][1]
