"""Row `jobs`: what costs the same with one configured job and with many, since it concerns one of them."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

from benchmarks.fixtures import Runtime, command_jobs
from benchmarks.measure import Figure, NotDoneError, Work, compare, environment

VERBS = (("show", "j5"), ("emit", "pong"), ("disable", "j5"), ("add", "new", "--every", "1h", "--", "true"))


def figures(root: Path, *, quick: bool) -> Iterator[Figure]:
    """Compare a tick with one run, and commands about one job, with few and with many configured jobs."""
    jobs, runs = (2_000, 5) if quick else (10_000, 15)
    one, many = (one_run(root / f"tick{n}", n) for n in (1, jobs))
    yield compare("jobs", many, one, limit=1.5, gate=2.5, runs=runs)
    few, large = (_configured(root / f"verbs{n}", n) for n in (100, jobs))
    for words in VERBS:
        works = [_command(runtime, *words) for runtime in (large, few)]
        yield compare("jobs", *works, limit=3.0, gate=6.0, runs=runs)


def one_run(root: Path, jobs: int) -> Work:
    """Return a tick that runs one of *jobs* jobs, which an event has started."""
    runtime = _configured(root, jobs)

    def emit() -> None:
        subprocess.run(
            runtime.command("emit", "ping"), env=environment(runtime.env), check=True, capture_output=True
        )

    def check_ran(_: str) -> None:
        if runtime.sql("SELECT count(*) FROM start_requests") != [(0,)]:
            raise NotDoneError("the job was not started")

    return runtime.work(f"tick with 1 run, {jobs:,} jobs", "run", prepare=emit, check=check_ran)


def _configured(root: Path, jobs: int) -> Runtime:
    """Return a runtime with *jobs* jobs, none of which is due, and one that the event `ping` starts."""
    text = command_jobs(jobs - 1, 'cron = "0 0 1 1 *"')
    runtime = Runtime(root, f'{text}[jobs.due]\non = "ping"\ncommand = ["true"]\n')
    runtime.tick()
    runtime.tick("due")
    return runtime


def _command(runtime: Runtime, *words: str) -> Work:
    """Return the command *words*; what it changed is undone before the next call."""
    undo = {"disable": ("enable", "j5"), "add": ("remove", "new")}.get(words[0])

    def prepare() -> None:
        if undo is not None:
            subprocess.run(
                runtime.command(*undo), env=environment(runtime.env), check=False, capture_output=True
            )
        runtime.tick()

    return runtime.work(f"`{words[0]}`, {len(runtime.jobs()):,} jobs", *words, prepare=prepare)
