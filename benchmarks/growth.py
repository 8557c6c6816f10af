"""Row `growth`: ten times the work, to show which times grow with the amount of work and which do not."""

from collections.abc import Iterator
from pathlib import Path

from benchmarks.idle import idle_tick
from benchmarks.mail import mail_cleanup
from benchmarks.measure import Figure, Work, compare
from benchmarks.reading import query, with_history
from benchmarks.sweep import handler_tick, with_all_handlers
from benchmarks.ticks import due_tick


def figures(root: Path, *, quick: bool) -> Iterator[Figure]:
    """Compare each work with a tenth of it."""
    for small, large, limit in _pairs(root, scale=0.1 if quick else 1):
        yield compare("growth", large, small, limit=limit, gate=1.5 * limit, runs=3 if quick else 7)


def _pairs(root: Path, *, scale: float) -> Iterator[tuple[Work, Work, float]]:
    n = int(1_000 * scale)
    yield idle_tick(root / "idle", n), idle_tick(root / "idle10", 10 * n), 1.1
    n = int(100_000 * scale)
    small, large = (with_history(root / f"rows{rows}", rows) for rows in (n, 10 * n))
    yield (
        query(small, f"`status`, {n:,} runs", "status"),
        query(large, f"`status`, {10 * n:,} runs", "status"),
        1.1,
    )
    n = int(100 * scale)
    yield (
        due_tick(root / "due", n, f"{n:,} due jobs"),
        due_tick(root / "due10", 10 * n, f"{10 * n:,} due jobs"),
        11,
    )
    n = int(200 * scale)
    yield _sweep(root / "sweep", n), _sweep(root / "sweep10", 10 * n), 11
    n = int(5_000 * scale)
    yield mail_cleanup(root / "mail", n)[0], mail_cleanup(root / "mail10", 10 * n)[0], 11


def _sweep(root: Path, branches: int) -> Work:
    runtime, workspace = with_all_handlers(root, branches)
    return handler_tick(runtime, workspace, branches, f"first sweep of {branches:,} branches", first=True)
