"""Row `memory`: peak memory compared with bare Python."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.fixtures import Runtime, age_files, command_jobs, handler_runtime, make_workspace
from benchmarks.idle import idle_tick
from benchmarks.measure import BARE_PYTHON, Figure, Work, compare_peaks
from benchmarks.reading import MANY, QUERIES, query, with_history

LINE = "2026-01-01 00:00:00,000 | branch_worker | INFO | something of no great interest has happened, as it does\n"


def figures(root: Path, *, quick: bool) -> Iterator[Figure]:
    """Compare the largest process of each work with bare Python."""
    runs = 2 if quick else 5
    for work, limit in _works(root, quick=quick):
        bare = Work("`python3 -c pass`", [BARE_PYTHON])
        yield compare_peaks("memory", work, bare, limit=limit, gate=1.5 * limit + 5, runs=runs)


def _works(root: Path, *, quick: bool) -> Iterator[tuple[Work, float]]:
    jobs, rows, megabytes = (1_000, MANY // 10, 100) if quick else (10_000, MANY, 1_000)
    yield idle_tick(root / "idle", jobs), 2
    runtime = Runtime(root / "jobs", command_jobs(jobs, 'cron = "0 0 1 1 *"'))
    yield runtime.work(f"full tick, {jobs:,} jobs", "run", prepare=_remove_snapshot(runtime)), 60
    old = with_history(root / "old", rows)
    for words in QUERIES:
        yield query(old, f"`{words[0]}`, {rows:,} runs", *words), 40
    yield _log(root / "log", megabytes), 20


def _remove_snapshot(runtime: Runtime) -> Callable[[], None]:
    """Return a function that removes the snapshot: without it the next tick is a full tick."""
    return lambda: (runtime.state / "scheduled_state.json").unlink(missing_ok=True)


def _log(root: Path, megabytes: int) -> Work:
    """Return a run of `metrics` on a workspace with one large log, one tenth of which is from the last hour."""
    make_workspace(root / "workspace", 1, lines=10, mails=1)
    age_files(root)
    log = root / "workspace" / "system_logs" / "dev_central_worker.log"
    now = datetime.now(UTC) - timedelta(minutes=5)
    recent = LINE.replace("2026-01-01 00:00:00", f"{now:%Y-%m-%d %H:%M:%S}")
    block = megabytes * 100_000 // len(LINE)
    with log.open("w") as file:
        for _ in range(9):
            file.write(LINE * block)
        file.write(recent * block)
    runtime = handler_runtime(root / "runtime", root / "workspace", "metrics")
    return runtime.work(f"`metrics`, a log of {megabytes:,} MB", "run", "metrics")
