"""Row `reading`: queries on a ledger with a short history and on one with a long history."""

import json
from collections.abc import Iterator
from pathlib import Path

from benchmarks.fixtures import Runtime, add_history, command_jobs
from benchmarks.measure import Figure, NotDoneError, Work, compare

FEW, MANY = 1_000, 1_000_000
QUERIES = (("status",), ("history", "-n", "20"), ("explain", "j0"))


def figures(root: Path, *, quick: bool) -> Iterator[Figure]:
    """Compare each query on a ledger with many runs with the same query on a ledger with few runs."""
    many = MANY // 10 if quick else MANY
    runtimes = [(rows, with_history(root / str(rows), rows)) for rows in (many, FEW)]
    for words in QUERIES:
        large, small = (
            query(runtime, f"`{' '.join(words)}`, {rows:,} runs", *words) for rows, runtime in runtimes
        )
        yield compare("reading", large, small, limit=1.3, gate=2.0, runs=3 if quick else 15)


def with_history(root: Path, rows: int) -> Runtime:
    """Return a runtime with ten jobs and *rows* recorded runs. Raise NotDoneError if the runs are not there."""
    runtime = Runtime(root, command_jobs(10, 'cron = "0 0 1 1 *"'))
    runtime.tick()
    add_history(runtime, rows)
    if runtime.sql("SELECT count(*) FROM runs") != [(rows,)]:
        raise NotDoneError(f"the ledger does not have {rows} runs")
    return runtime


def query(runtime: Runtime, label: str, *words: str) -> Work:
    """Return a query with JSON output."""
    return runtime.work(label, *words, "--json", check=json.loads)
