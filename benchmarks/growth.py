"""Ten times the work: what grows with it, and what does not."""

from collections.abc import Iterator
from pathlib import Path

from benchmarks.idle import idle
from benchmarks.looking import asked, house_with
from benchmarks.mail import cleaning
from benchmarks.measure import Figure, compare
from benchmarks.sweep import looked_after, swept
from benchmarks.ticks import due


def figures(root: Path, *, quick: bool) -> Iterator[Figure]:
    """Compare each work with a tenth of it."""
    for small, large, limit in _pairs(root, tenth=0.1 if quick else 1):
        yield compare("growth", large, small, limit=limit, gate=1.5 * limit, runs=3 if quick else 7)


def _pairs(root: Path, *, tenth: float):
    n = int(1_000 * tenth)
    yield idle(root / "idle", n), idle(root / "idle10", 10 * n), 1.1
    n = int(100_000 * tenth)
    small, large = (house_with(root / f"rows{rows}", rows) for rows in (n, 10 * n))
    yield (
        asked(small, f"`status`, {n:,} runs", "status"),
        asked(large, f"`status`, {10 * n:,} runs", "status"),
        1.1,
    )
    n = int(100 * tenth)
    yield due(root / "due", n, f"{n:,} due jobs"), due(root / "due10", 10 * n, f"{10 * n:,} due jobs"), 11
    n = int(200 * tenth)
    yield _sweep(root / "sweep", n), _sweep(root / "sweep10", 10 * n), 11
    n = int(5_000 * tenth)
    yield cleaning(root / "mail", n)[0], cleaning(root / "mail10", 10 * n)[0], 11


def _sweep(root: Path, branches: int):
    house, place = looked_after(root, branches)
    return swept(house, place, branches, f"first sweep of {branches:,} branches", first=True)
