"""Row `idle`: a tick with nothing to do, which is the usual case every few minutes."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.fixtures import Runtime, command_jobs
from benchmarks.measure import BARE_PYTHON, Figure, NotDoneError, Work, compare

SIZES = (2, 1_000, 10_000)
FILES = {1_000: 0.9, 10_000: 2.5}  # files in jobs.d, and the targets


def figures(root: Path, *, quick: bool) -> Iterator[Figure]:
    """Compare with bare Python, and with anacron with the same number of jobs."""
    runs = 11 if quick else 41
    for jobs in SIZES[:2] if quick else SIZES:
        tick = idle_tick(root / str(jobs), jobs)
        yield compare("idle", tick, Work("`python3 -c pass`", [BARE_PYTHON]), limit=1.0, gate=1.2, runs=runs)
        anacron = _anacron(root / f"anacron{jobs}", jobs)
        limit = 1.0 if jobs > SIZES[0] else float("inf")
        yield compare("idle", tick, anacron, limit=limit, gate=limit, runs=runs)
    for files, limit in list(FILES.items())[: 1 if quick else None]:
        tick = idle_tick(root / f"files{files}", files, in_files=True)
        bare = Work("`python3 -c pass`", [BARE_PYTHON])
        yield compare("idle", tick, bare, limit=limit, gate=1.5 * limit, runs=runs)


def idle_tick(root: Path, jobs: int, *, in_files: bool = False) -> Work:
    """Return an idle tick with *jobs* configured jobs; with *in_files*, each is in a file of its own in jobs.d."""
    text = command_jobs(jobs, 'cron = "0 0 1 1 *"')
    head, *tables = text.split("[jobs.") if in_files else [text]
    runtime = Runtime(root, head)
    if in_files:
        (runtime.config.parent / "jobs.d").mkdir()
    for n, table in enumerate(tables):
        (runtime.config.parent / "jobs.d" / f"j{n}.toml").write_text(f"[jobs.{table}")
    runtime.tick()
    snapshot = runtime.state / "scheduled_state.json"
    before = snapshot.read_bytes()

    def check_idle(_: str) -> None:
        if snapshot.read_bytes() != before:
            raise NotDoneError("the tick was not idle: it rewrote the snapshot")

    where = f"{jobs:,} files in jobs.d" if in_files else f"{jobs:,} jobs"
    return runtime.work(f"idle tick, {where}", "run", check=check_idle)


def _anacron(root: Path, jobs: int) -> Work:
    """Return a call of anacron in which no job is due: each job has the time stamp of today."""
    spool, tab = root / "spool", root / "anacrontab"
    spool.mkdir(parents=True)
    tab.write_text("".join(f"1 0 j{n} true\n" for n in range(jobs)))
    for n in range(jobs):
        (spool / f"j{n}").write_text(f"{datetime.now(UTC):%Y%m%d}\n")
    return Work(f"`anacron`, {jobs:,} jobs", [["anacron", "-d", "-t", str(tab), "-S", str(spool)]])
