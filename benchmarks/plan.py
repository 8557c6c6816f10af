"""Planning after an outage: what is due of many different cron jobs, and exactly how many slots each has missed."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Figure, NotDoneError, Work, compare, context
from benchmarks.worlds import expressions

HERE = Path(__file__).with_name("planning.py")
ROOT = HERE.parents[1]
DAYS = 30
SAMPLE = 97  # every so manieth job is counted by walking through its slots


def figures(root: Path, *, quick: bool) -> Iterator[Figure]:
    """Compare with one fire time each of croniter and of APScheduler, and a long outage with a short one."""
    jobs, runs = (2_000, 3) if quick else (10_000, 9)
    listed = root / "expressions"
    listed.parent.mkdir(parents=True, exist_ok=True)
    listed.write_text("\n".join(expressions(jobs)))
    _check(listed)
    ours = planning(
        "scheduled", listed, DAYS, f"plan {jobs:,} cron jobs after {DAYS} days, missed slots counted"
    )
    for peer, label in (("croniter", "croniter, previous time"), ("apscheduler", "APScheduler, next time")):
        yield compare("plan", ours, planning(peer, listed, DAYS, label), limit=0.5, gate=1.2, runs=runs)
    longer = planning("scheduled", listed, 10 * DAYS, f"the same after {10 * DAYS} days")
    yield compare("plan", longer, ours, limit=1.2, gate=2.0, runs=runs)


def planning(who: str, listed: Path, days: int, label: str) -> Work:
    """Return the planning of the *listed* expressions; it prints how long that took, imports left out."""
    command = [sys.executable, str(HERE), who, str(listed), str(days)]
    return Work(label, [command], env={"PYTHONPATH": str(ROOT)}, prints_seconds=True)


def _check(listed: Path) -> None:
    """Hold the counts of some jobs against cronsim, slot by slot."""
    command = [sys.executable, str(HERE), "check", str(listed), str(DAYS), str(SAMPLE)]
    if subprocess.run(command, env=context({"PYTHONPATH": str(ROOT)}), check=False).returncode:
        raise NotDoneError("the missed slots are not those that cronsim counts")
