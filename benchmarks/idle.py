"""A tick with nothing to do: what runs every five minutes, for ever."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.measure import BARE, Figure, NotDoneError, Work, compare
from benchmarks.worlds import Runtime, commands

SIZES = (2, 1_000, 10_000)


def figures(root: Path, *, quick: bool) -> Iterator[Figure]:
    """Compare with the interpreter doing nothing, and with anacron having as many jobs."""
    for jobs in SIZES[:2] if quick else SIZES:
        ours = idle(root / str(jobs), jobs)
        runs = 11 if quick else 41
        yield compare("idle", ours, Work("`python3 -c pass`", [BARE]), limit=1.0, gate=1.2, runs=runs)
        anacron = _anacron(root / f"anacron{jobs}", jobs)
        limit = 1.0 if jobs > SIZES[0] else float("inf")
        yield compare("idle", ours, anacron, limit=limit, gate=limit, runs=runs)


def idle(root: Path, jobs: int) -> Work:
    """Return an idle tick of a house with *jobs* jobs."""
    runtime = Runtime(root, commands(jobs, 'cron = "0 0 1 1 *"'))
    runtime.tick()
    snapshot = runtime.state / "scheduled_state.json"
    seen = snapshot.read_bytes()

    def was_idle(_: str) -> None:
        if snapshot.read_bytes() != seen:
            raise NotDoneError("the tick was no idle one")

    return runtime.work(f"idle tick, {jobs:,} jobs", "run", check=was_idle)


def _anacron(root: Path, jobs: int) -> Work:
    """Return an anacron with nothing due: each job has today's stamp."""
    spool, tab = root / "spool", root / "anacrontab"
    spool.mkdir(parents=True)
    tab.write_text("".join(f"1 0 j{n} true\n" for n in range(jobs)))
    for n in range(jobs):
        (spool / f"j{n}").write_text(f"{datetime.now(UTC):%Y%m%d}\n")
    return Work(f"`anacron`, {jobs:,} jobs", [["anacron", "-d", "-t", str(tab), "-S", str(spool)]])
