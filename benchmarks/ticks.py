"""Ticks with something to do: many short commands, and a single one."""

from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import BARE, Figure, NotDoneError, Work, compare
from benchmarks.worlds import DAY, Runtime, commands


def run(root: Path, *, quick: bool) -> Iterator[Figure]:
    """Compare many due commands, each claimed, timed, recorded and durable, with `xargs`, which just starts them."""
    jobs, runs = (200, 3) if quick else (1_000, 9)
    listed = root / "listed"
    root.mkdir(parents=True, exist_ok=True)
    listed.write_text("".join(f"{n}\n" for n in range(jobs)))
    theirs = Work(
        f"`xargs -P2 -n1 true`, {jobs:,} times", [["xargs", "-a", str(listed), "-P2", "-n1", "true"]]
    )
    ours = due(root / "house", jobs, f"tick with {jobs:,} due `true`, ledger durable")
    yield compare("run", ours, theirs, limit=2.0, gate=7.0, runs=runs)


def tick(root: Path, *, quick: bool) -> Iterator[Figure]:
    """Compare a tick with one due command with starting Python and that command."""
    ours = due(root, 1, "full tick, one due `true`")
    theirs = Work("`python3 -c pass; true`", [BARE, ["true"]])
    yield compare("tick", ours, theirs, limit=6.0, gate=9.0, runs=9 if quick else 31)


def due(root: Path, jobs: int, label: str) -> Work:
    """Return a tick in which *jobs* jobs are due for the first time."""
    runtime = Runtime(root, commands(jobs, 'cron = "0 0 * * *"'))
    runtime.begin(DAY)
    runtime.keep()

    def all_ran(_: str) -> None:
        if runtime.ask("SELECT count(*) FROM runs WHERE status = 'success' AND exit_code = 0") != [(jobs,)]:
            raise NotDoneError(f"not all of {jobs} jobs have run")

    return runtime.work(label, "run", prepare=runtime.back, check=all_ran)
