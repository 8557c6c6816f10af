"""A new kind of action needs only one module and a line in the registry."""

import shutil
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.fixtures.faked_clock import completed
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
beep.missing = lambda action, environment, directory: []
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
    """`scheduled` with one additional kind of action, which *executor* executes."""

    def __init__(self, world: World, executor: str) -> None:
        self._world, self._code = world, BEEP.replace("EXECUTOR = EXECUTOR", f"EXECUTOR = {executor}")

    def run(self, *arguments: str, at: str | None = None) -> subprocess.CompletedProcess[str]:
        words = self._world.command(*arguments)[2:]
        faked = [] if at is None else ["env", "NO_FAKE_STAT=1", "faketime", "-f", at]
        command = [*faked, sys.executable, "-c", self._code, *words]
        return completed(command, timeout=100, env=self._world.environment())

    def json(self, *arguments: str, at: str | None = None) -> Any:
        import json

        return json.loads(self.run(*arguments, "--json", at=at).stdout)


@pytest.fixture
def supervised(world: World) -> WithBeep:
    return WithBeep(world, "SUPERVISOR")


@pytest.fixture
def without_executor(world: World) -> WithBeep:
    return WithBeep(world, "'missing'")


def test_a_new_kind_is_listed_planned_and_executed(world: World, supervised: WithBeep) -> None:
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


def test_a_job_of_a_new_kind_can_be_tried_and_be_a_step_of_a_chain(
    world: World, supervised: WithBeep
) -> None:
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


def test_a_run_without_an_executor_is_not_started_and_reported(
    world: World, without_executor: WithBeep
) -> None:
    world.configure(JOB + '[jobs.other]\ncron = "* * * * *"\ncommand = "true"\n')

    ticked = without_executor.run("run")
    runs = {run["job"]: (run["status"], run["attempt"]) for run in without_executor.json("history")}
    again = without_executor.run("run")
    status = without_executor.run("status")
    why = without_executor.run("explain", "alarm").stdout

    assert ticked.returncode == 1
    assert "It waits: at the last tick no executor was available for its action (beep)." in " ".join(
        why.split()
    )
    assert "1970" not in why
    assert "not started: no executor for actions of kind beep" in ticked.stderr + ticked.stdout
    assert "`scheduled disable alarm`" in ticked.stderr + ticked.stdout
    assert (runs["alarm"], runs["other"]) == (("waiting_retry", 0), ("success", 1))
    assert (again.returncode, status.returncode) == (1, 1)


def test_a_manual_run_without_an_executor_leaves_no_record(world: World, without_executor: WithBeep) -> None:
    world.configure('[jobs.alarm]\nbeep = "high"\n')

    ran = without_executor.run("run", "alarm")

    assert ran.returncode == 1
    assert "no executor for actions of kind beep" in ran.stderr + ran.stdout
    assert without_executor.json("history") == []


def test_a_waiting_run_starts_once_there_is_an_executor(
    world: World, without_executor: WithBeep, supervised: WithBeep
) -> None:
    world.configure(JOB)
    without_executor.run("run")

    ticked = supervised.run("run")

    assert (ticked.returncode, ticked.stderr) == (0, "")
    newest = supervised.json("history")[0]
    assert (newest["job"], newest["status"], newest["attempt"]) == ("alarm", "success", 1)


def test_a_run_without_an_executor_is_attempted_once_in_a_tick(
    world: World, without_executor: WithBeep
) -> None:
    """Each run that ends requests the job again, and still the tick ends."""
    jobs = "".join(f'[jobs.j{n}]\ncommand = "sleep 0.{n}"\n' for n in range(1, 4))
    world.configure(
        '[jobs.alarm]\nbeep = "high"\non = "job_completed"\n[jobs.all]\nchain = ["j1", "j2", "j3"]\n' + jobs
    )

    ran = without_executor.run("run", "all")

    assert ran.returncode == 1
    assert (ran.stderr + ran.stdout).count("no executor for actions of kind beep") == 1


def test_max_sessions_limits_the_runs_of_a_kind_that_declares_them(world: World) -> None:
    agents = WithBeep(world, "SUPERVISOR\nbeep.SESSIONS = True")
    now = datetime.now(UTC)  # the slots of this minute and the next one, should it begin during the test
    cron = f"{now.minute},{(now.minute + 1) % 60} * * * *"
    jobs = "".join(f'[jobs.agent{n}]\ncron = "{cron}"\nbeep = "x"\n' for n in range(3))
    plain = '[jobs.plain]\ncron = "* * * * *"\npriority = "low"\ncommand = "true"\n'
    world.configure(f'timezone = "UTC"\n[catch_up]\nmax_sessions = 1\n{jobs}{plain}')

    planned = agents.json("run", "--dry-run")
    ticked = agents.run("run")
    ran = {run["job"] for run in agents.json("history")}
    waiting = {job["name"] for job in agents.json("jobs") if job["open_reason"] == "budget"}
    explained = agents.json("explain", "agent2")["sentence"]
    agents.run("run")
    then = {run["job"] for run in agents.json("history")}

    assert (ticked.returncode, ticked.stderr, ran) == (0, "", {"agent0", "plain"})
    assert {row["job"] for row in planned if "open_reason" not in row} == ran
    assert {row["job"]: row["open_reason"] for row in planned if "open_reason" in row} == dict.fromkeys(
        waiting, "budget"
    )
    assert waiting == {"agent1", "agent2"}
    assert "`max_sessions` of `[catch_up]`" in explained
    assert then - ran == {"agent1"}
    assert "max_sessions" not in agents.run("check").stdout


@pytest.mark.system
@pytest.mark.skipif(not shutil.which("faketime"), reason="SKIPPED LOUDLY: Debian's faketime is not installed")
def test_a_prediction_for_one_job_counts_the_sessions_of_chains_as_that_for_all_jobs_does(
    world: World,
) -> None:
    agents = WithBeep(world, "SUPERVISOR\nbeep.SESSIONS = True")
    slots = 'cron = "*/10 * * * *"\ncatch_up = "all"\n'
    jobs = "".join(f'[jobs.a{n}]\n{slots}beep = "x"\n' for n in (1, 2))
    chain = '[jobs.s1]\nbeep = "x"\n[jobs.s2]\nbeep = "x"\n[jobs.ch]\ncron = "*/10 * * * *"\nchain = ["s1", "s2"]\n'
    world.configure(f'timezone = "UTC"\n[catch_up]\nmax_sessions = 1\n{jobs}{chain}')
    for minute in ("06:55", "07:00"):
        agents.run("run", at=f"2026-12-01 {minute}:00")

    at = "2026-12-01 07:01:00"
    whole = [row["runs_at"] for row in agents.json("next", "-n", "20", at=at) if row["job"] == "a2"]
    alone = [row["runs_at"] for row in agents.json("next", "a2", "-n", "3", at=at)]

    assert (whole[0][:16], alone) == ("2026-12-01T07:15", whole[:3])
    assert agents.json("explain", "a2", at=at)["next_run"] == whole[0]


@pytest.mark.system
@pytest.mark.skipif(not shutil.which("faketime"), reason="SKIPPED LOUDLY: Debian's faketime is not installed")
def test_the_search_for_a_step_that_only_its_chain_starts_ends(world: World) -> None:
    """The jobs with which it shares the sessions of a tick go on for ever."""
    agents = WithBeep(world, "SUPERVISOR\nbeep.SESSIONS = True")
    steps = (
        '[jobs.s1]\nbeep = "x"\n[jobs.s2]\nbeep = "x"\n[jobs.ch]\ncron = "0 7 * * *"\nchain = ["s1", "s2"]\n'
    )
    other = '[jobs.a]\ncron = "*/5 * * * *"\nbeep = "x"\n'
    world.configure(f'timezone = "UTC"\n[catch_up]\nmax_sessions = 1\n{steps}{other}')
    for minute in ("06:55", "07:00"):
        agents.run("run", at=f"2026-12-01 {minute}:00")

    at = "2026-12-01 07:01:00"
    whole = [row for row in agents.json("next", "-n", "20", at=at) if row["job"] == "s1"]
    alone = agents.json("next", "s1", at=at)

    assert [row["runs_at"][:16] for row in whole] == ["2026-12-01T07:05"]
    assert alone == whole
