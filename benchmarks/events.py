"""Row `events`: a tick with ten times the events in the spool, to show that its time grows no faster than their number."""

from collections.abc import Iterator
from pathlib import Path

from benchmarks.fixtures import DAY, Runtime, command_jobs
from benchmarks.measure import Figure, NotDoneError, Work, compare

LIMIT = 11  # times as long, for ten times the events


def figures(root: Path, *, quick: bool) -> Iterator[Figure]:
    """Compare a tick that starts a job for each of many events with a tick for a tenth of them."""
    small, runs = (30, 3) if quick else (100, 7)
    few, many = (spooled_tick(root / f"events{number}", number) for number in (small, 10 * small))
    yield compare("events", many, few, limit=LIMIT, gate=1.5 * LIMIT, runs=runs)


def spooled_tick(root: Path, events: int) -> Work:
    """Return a tick that starts one job for each of *events* files in the spool."""
    runtime = Runtime(root, command_jobs(1, 'on = "ping"'))
    runtime.begin_epochs(DAY)
    spool = runtime.state / "spool"
    spool.mkdir(mode=0o700)
    for number in range(events):
        (spool / f"ping.{number}").touch()
    runtime.save_state()

    def check_all_ran(_: str) -> None:
        if runtime.sql("SELECT count(*) FROM runs WHERE status = 'success'") != [(events,)]:
            raise NotDoneError(f"not all of the {events} events started a run that succeeded")

    return runtime.work(f"{events:,} events", "run", prepare=runtime.restore_state, check=check_all_ran)
