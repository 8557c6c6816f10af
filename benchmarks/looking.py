"""What people ask, of a young ledger and of an old one."""

import json
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Figure, NotDoneError, Work, compare
from benchmarks.worlds import Runtime, commands, remember

YOUNG, OLD = 1_000, 1_000_000
QUESTIONS = (("status",), ("history", "-n", "20"), ("explain", "j0"))


def figures(root: Path, *, quick: bool) -> Iterator[Figure]:
    """Compare each question asked of a ledger with many runs with the same asked of one with few."""
    old = OLD // 10 if quick else OLD
    houses = [(rows, house_with(root / str(rows), rows)) for rows in (old, YOUNG)]
    for words in QUESTIONS:
        ours, theirs = (
            asked(runtime, f"`{' '.join(words)}`, {rows:,} runs", *words) for rows, runtime in houses
        )
        yield compare("looking", ours, theirs, limit=1.3, gate=2.0, runs=3 if quick else 15)


def house_with(root: Path, rows: int) -> Runtime:
    """Return a house of ten jobs with a past of *rows* runs."""
    runtime = Runtime(root, commands(10, 'cron = "0 0 1 1 *"'))
    runtime.tick()
    remember(runtime, rows)
    if runtime.ask("SELECT count(*) FROM runs") != [(rows,)]:
        raise NotDoneError("the past is not there")
    return runtime


def asked(runtime: Runtime, label: str, *words: str) -> Work:
    """Return the asking of one question, as a program asks it."""
    return runtime.work(label, *words, "--json", check=json.loads)
