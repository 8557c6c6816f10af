"""Rows `run`, `tick` and `syncs`: ticks with many short commands, and with a single one."""

from collections.abc import Iterator
from pathlib import Path

from benchmarks.fixtures import DAY, Runtime, command_jobs
from benchmarks.measure import BARE_PYTHON, Figure, NotDoneError, Work, compare, compare_syncs


def run(root: Path, *, quick: bool) -> Iterator[Figure]:
    """Compare many due commands, each claimed, timed and recorded durably, with `xargs`, which only starts them."""
    jobs, runs = (200, 3) if quick else (1_000, 9)
    listed = root / "listed"
    root.mkdir(parents=True, exist_ok=True)
    listed.write_text("".join(f"{n}\n" for n in range(jobs)))
    xargs = Work(
        f"`xargs -P2 -n1 true`, {jobs:,} times", [["xargs", "-a", str(listed), "-P2", "-n1", "true"]]
    )
    many = due_tick(root / "runtime", jobs, f"tick with {jobs:,} due `true`, ledger durable")
    yield compare("run", many, xargs, limit=2.0, gate=4.0, runs=runs)


def tick(root: Path, *, quick: bool) -> Iterator[Figure]:
    """Compare a tick with one due command with the start of Python and of that command."""
    one = due_tick(root, 1, "full tick, one due `true`")
    bare = Work("`python3 -c pass; true`", [BARE_PYTHON, ["true"]])
    yield compare("tick", one, bare, limit=6.0, gate=8.8, runs=9 if quick else 31)


def syncs(root: Path, *, quick: bool) -> Iterator[Figure]:
    """Count the fsyncs of a tick with one due command, and of one with many."""
    jobs, runs = (200, 3) if quick else (1_000, 5)
    root.mkdir(parents=True, exist_ok=True)
    copy = Work(
        "`dd conv=fsync`", [["dd", "if=/dev/null", f"of={root / 'synced'}", "conv=fsync", "status=none"]]
    )
    one = due_tick(root / "one", 1, "full tick, one due `true`")
    many = due_tick(root / "many", jobs, f"tick with {jobs:,} due `true`, ledger durable")
    yield compare_syncs("syncs", one, copy, limit=6, gate=7, runs=runs)
    yield compare_syncs("syncs", many, copy, limit=60, gate=60, runs=runs)


def due_tick(root: Path, jobs: int, label: str) -> Work:
    """Return a tick in which *jobs* jobs are due. It is not the first tick of its state: one job was run by hand before."""
    runtime = Runtime(root, command_jobs(jobs, 'cron = "0 0 * * *"'))
    runtime.begin_epochs(DAY)
    runtime.tick("j0")
    runtime.save_state()

    def check_all_ran(_: str) -> None:
        succeeded = (
            "SELECT count(*) FROM runs WHERE status = 'success' AND exit_code = 0 AND slot IS NOT NULL"
        )
        if runtime.sql(succeeded) != [(jobs,)]:
            raise NotDoneError(f"not all of the {jobs} jobs succeeded")

    return runtime.work(label, "run", prepare=runtime.restore_state, check=check_all_ran)
