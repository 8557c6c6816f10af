"""Row `plan`: planning of many different cron jobs after an outage, with exact counts of the missed slots."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.fixtures import expressions
from benchmarks.measure import Figure, NotDoneError, Work, compare, environment

HERE = Path(__file__).with_name("planning.py")
ROOT = HERE.parents[1]
DAYS = 30
SAMPLE = 97  # the missed slots of every 97th job are counted one by one


def figures(root: Path, *, quick: bool) -> Iterator[Figure]:
    """Compare with computing one fire time per job in croniter and APScheduler, and a long outage with a short one."""
    jobs, runs = (2_000, 3) if quick else (10_000, 9)
    listed = root / "expressions"
    listed.parent.mkdir(parents=True, exist_ok=True)
    listed.write_text("\n".join(expressions(jobs)))
    _check(listed)
    short = planning(
        "scheduled", listed, DAYS, f"plan {jobs:,} cron jobs after {DAYS} days, missed slots counted"
    )
    for peer, label in (("croniter", "croniter, previous time"), ("apscheduler", "APScheduler, next time")):
        yield compare("plan", short, planning(peer, listed, DAYS, label), limit=0.5, gate=1.2, runs=runs)
    longer = planning("scheduled", listed, 10 * DAYS, f"the same after {10 * DAYS} days")
    yield compare("plan", longer, short, limit=1.2, gate=2.0, runs=runs)


def planning(program: str, listed: Path, days: int, label: str) -> Work:
    """Return the planning of the *listed* expressions. The command prints its time without the imports."""
    command = [sys.executable, str(HERE), program, str(listed), str(days)]
    return Work(label, [command], env={"PYTHONPATH": str(ROOT)}, prints_seconds=True)


def _check(listed: Path) -> None:
    """Compare the counts of some jobs with cronsim, slot by slot."""
    command = [sys.executable, str(HERE), "check", str(listed), str(DAYS), str(SAMPLE)]
    if subprocess.run(command, env=environment({"PYTHONPATH": str(ROOT)}), check=False).returncode:
        raise NotDoneError(f"{listed}: the counts of missed slots differ from those of cronsim")
