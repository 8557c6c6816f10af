"""Peak memory beside that of an interpreter that does nothing."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.idle import idle
from benchmarks.looking import OLD, QUESTIONS, asked, house_with
from benchmarks.measure import BARE, Figure, Work, compare_peaks
from benchmarks.worlds import Runtime, commands, settle, sweep_house, workspace

LINE = "2026-01-01 00:00:00,000 | branch_worker | INFO | something of no great interest has happened, as it does\n"


def figures(root: Path, *, quick: bool) -> Iterator[Figure]:
    """Compare the largest process of each work with bare Python."""
    runs = 2 if quick else 5
    for work, limit in _works(root, quick=quick):
        bare = Work("`python3 -c pass`", [BARE])
        yield compare_peaks("memory", work, bare, limit=limit, gate=1.5 * limit + 5, runs=runs)


def _works(root: Path, *, quick: bool) -> Iterator[tuple[Work, float]]:
    jobs, rows, megabytes = (1_000, OLD // 10, 100) if quick else (10_000, OLD, 1_000)
    yield idle(root / "idle", jobs), 2
    runtime = Runtime(root / "jobs", commands(jobs, 'cron = "0 0 1 1 *"'))
    yield runtime.work(f"full tick, {jobs:,} jobs", "run", prepare=_forgotten(runtime)), 60
    old = house_with(root / "old", rows)
    for words in QUESTIONS:
        yield asked(old, f"`{words[0]}`, {rows:,} runs", *words), 40
    yield _log(root / "log", megabytes), 20


def _forgotten(runtime: Runtime):
    """Return what makes the next tick a full one."""
    return lambda: (runtime.state / "scheduled_state.json").unlink(missing_ok=True)


def _log(root: Path, megabytes: int) -> Work:
    """Return the measuring of a workspace with one large log, a tenth of it of the last hour."""
    workspace(root / "workspace", 1, lines=10, mails=1)
    settle(root)
    log = root / "workspace" / "system_logs" / "dev_central_worker.log"
    now = datetime.now(UTC) - timedelta(minutes=5)
    young = LINE.replace("2026-01-01 00:00:00", f"{now:%Y-%m-%d %H:%M:%S}")
    block = megabytes * 100_000 // len(LINE)
    with log.open("w") as file:
        for _ in range(9):
            file.write(LINE * block)
        file.write(young * block)
    runtime = sweep_house(root / "house", root / "workspace", "metrics")
    return runtime.work(f"`metrics`, a log of {megabytes:,} MB", "run", "metrics")
