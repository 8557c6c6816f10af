"""A kind of action that the program has never heard of: one module and a line in the registry are all it takes."""

import subprocess
import sys
from typing import Any

import pytest

from tests.fixtures.world import World

BEEP = """
import sys
from types import ModuleType
from scheduled.actions import registry
from scheduled.actions.kind import SUPERVISOR, Key, Work
from scheduled.cli import main
from scheduled.core.jobs import Action

beep = ModuleType("beep")
beep.KEYS = {"beep": Key(str), "times": Key(int)}
beep.GROUP = ""
beep.EXECUTOR = EXECUTOR
beep.read = lambda given: Action("beep", name=given["beep"], words=("beep",) * (given["times"] or 1))
beep.faults = lambda job: []
beep.describe = lambda action: f"beep {action.name} x{len(action.words)}"
beep.handler = lambda action: ""
beep.prepare = lambda job, claim, context, totals: Work(argv=("echo", *job.action.words, claim.run_id))
registry.KINDS["beep"] = beep
sys.exit(main.main())
"""
JOB = """
[jobs.alarm]
cron = "* * * * *"
beep = "high"
times = 2
"""


class WithBeep:
    """`scheduled` with one more kind of action, executed by *executor*."""

    def __init__(self, world: World, executor: str) -> None:
        self._world, self._code = world, BEEP.replace("EXECUTOR = EXECUTOR", f"EXECUTOR = {executor}")

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        words = self._world.command(*arguments)[2:]
        return subprocess.run(
            [sys.executable, "-c", self._code, *words],
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    def json(self, *arguments: str) -> Any:
        import json

        return json.loads(self.run(*arguments, "--json").stdout)


@pytest.fixture
def supervised(world: World) -> WithBeep:
    return WithBeep(world, "SUPERVISOR")


@pytest.fixture
def orphaned(world: World) -> WithBeep:
    return WithBeep(world, "'nobody'")


def test_a_new_kind_is_shown_planned_and_executed(world: World, supervised: WithBeep) -> None:
    world.configure(JOB)

    checked = supervised.run("check")
    (listed,) = supervised.json("jobs")
    planned = supervised.json("run", "--dry-run")
    explained = supervised.run("explain", "alarm")
    ticked = supervised.run("run")
    (done,) = supervised.json("history")
    printed = supervised.run("logs", "alarm").stdout

    assert (checked.returncode, checked.stderr, explained.returncode) == (0, "", 0)
    assert listed["action"] == "beep high x2"
    assert [start["job"] for start in planned] == ["alarm"]
    assert (ticked.returncode, ticked.stderr) == (0, "")
    assert (done["job"], done["status"], done["attempt"]) == ("alarm", "success", 1)
    assert printed == f"beep beep {done['run_id']}\n"


def test_a_new_kind_may_be_added_tried_and_be_a_step_of_a_chain(world: World, supervised: WithBeep) -> None:
    world.configure('[jobs.all]\nchain = ["alarm", "alarm2"]\n')
    for name in ("alarm", "alarm2"):
        (world.config.parent / "jobs.d").mkdir(mode=0o700, exist_ok=True)
        (world.config.parent / "jobs.d" / f"{name}.toml").write_text(f'[jobs.{name}]\nbeep = "low"\n')

    tried = supervised.run("try", "alarm")
    ran = supervised.run("run", "all")

    assert (tried.returncode, ran.returncode, ran.stderr) == (0, 0, "")
    assert {run["job"]: run["status"] for run in supervised.json("history")} == dict.fromkeys(
        ("all", "alarm", "alarm2"), "success"
    )


def test_a_run_that_nothing_executes_is_not_started_and_reported(world: World, orphaned: WithBeep) -> None:
    world.configure(JOB + '[jobs.other]\ncron = "* * * * *"\ncommand = "true"\n')

    ticked = orphaned.run("run")
    runs = {run["job"]: (run["status"], run["attempt"]) for run in orphaned.json("history")}
    again = orphaned.run("run")
    status = orphaned.run("status")
    why = orphaned.run("explain", "alarm").stdout

    assert ticked.returncode == 1
    assert "It waits: at the last tick no executor was available for its action (beep)." in " ".join(
        why.split()
    )
    assert "1970" not in why
    assert "not started: nothing here executes what alarm does (beep)" in ticked.stderr + ticked.stdout
    assert "`scheduled disable alarm`" in ticked.stderr + ticked.stdout
    assert (runs["alarm"], runs["other"]) == (("waiting_retry", 0), ("success", 1))
    assert (again.returncode, status.returncode) == (1, 1)


def test_a_run_by_hand_that_nothing_executes_leaves_no_run(world: World, orphaned: WithBeep) -> None:
    world.configure('[jobs.alarm]\nbeep = "high"\n')

    ran = orphaned.run("run", "alarm")

    assert ran.returncode == 1
    assert "nothing here executes what alarm does (beep)" in ran.stderr + ran.stdout
    assert orphaned.json("history") == []


def test_once_there_is_who_executes_it_what_waited_runs(
    world: World, orphaned: WithBeep, supervised: WithBeep
) -> None:
    world.configure(JOB)
    orphaned.run("run")

    ticked = supervised.run("run")

    assert (ticked.returncode, ticked.stderr) == (0, "")
    newest = supervised.json("history")[0]
    assert (newest["job"], newest["status"], newest["attempt"]) == ("alarm", "success", 1)


def test_a_retry_of_what_nothing_executes_does_not_keep_the_tick(world: World, orphaned: WithBeep) -> None:
    """The job is asked for again by everything that ends, and tried once."""
    jobs = "".join(f'[jobs.j{n}]\ncommand = "sleep 0.{n}"\n' for n in range(1, 4))
    world.configure(
        '[jobs.alarm]\nbeep = "high"\non = "job_completed"\n[jobs.all]\nchain = ["j1", "j2", "j3"]\n' + jobs
    )

    ran = orphaned.run("run", "all")

    assert ran.returncode == 1
    assert (ran.stderr + ran.stdout).count("nothing here executes what alarm does") == 1
