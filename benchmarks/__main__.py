"""`benchmarks/run.sh [--quick] [--gate] [ROW ...]`: measure, print, and (all rows at full size) write the page."""

import argparse
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

from benchmarks import growth, idle, looking, mail, memory, plan, sweep, ticks
from benchmarks.measure import Figure, adopt, scratch

Row = Callable[..., Iterator[Figure]]
ROWS: dict[str, Row] = {
    "idle": idle.figures,
    "plan": plan.figures,
    "run": ticks.run,
    "tick": ticks.tick,
    "looking": looking.figures,
    "sweep": sweep.figures,
    "mail": mail.figures,
    "memory": memory.figures,
    "growth": growth.figures,
}
# What CI looks at: quickly measured, and telling.
GATED = ("idle", "plan", "run", "tick", "looking", "sweep", "mail")


def main() -> int:
    """Measure what was asked for; 1 if the gate is shut."""
    asked = _arguments()
    names = asked.rows or (GATED if asked.gate else ROWS)
    figures = []
    adopt()
    for name in names:
        for figure in _measured(name, quick=asked.quick or asked.gate):
            print(_line(figure), flush=True)
            figures.append(figure)
    if asked.gate:
        return _gate(figures)
    if not asked.quick:
        from benchmarks import page

        page.write(figures, list(ROWS))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks/run.sh", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"some of: {', '.join(ROWS)}")
    parser.add_argument(
        "--quick", action="store_true", help="small sizes, few runs; the page is left as it is"
    )
    parser.add_argument(
        "--gate", action="store_true", help="quick, and exit 1 where a ratio is far from its target"
    )
    asked = parser.parse_args()
    if unknown := [name for name in asked.rows if name not in ROWS]:
        parser.error(f"no such row: {', '.join(unknown)}; there are {', '.join(ROWS)}")
    return asked


def _measured(name: str, *, quick: bool) -> Iterator[Figure]:
    root = scratch()
    try:
        yield from ROWS[name](Path(root, name), quick=quick)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _line(figure: Figure) -> str:
    low, high = figure.spread
    cpu = "" if figure.cpu_ratio is None else f"  cpu {figure.cpu_ratio:.2f}x"
    return (
        f"{figure.row:8} {figure.sign or 'x'}{figure.ratio:<6.2f} ({low:.2f} to {high:.2f}; aim {figure.limit:g}){cpu}"
        f"  {median(figure.ours):.4g} {figure.unit} / {median(figure.theirs):.4g} {figure.unit}"
        f"  {figure.work} / {figure.against}"
    )


def _gate(figures: list[Figure]) -> int:
    shut = [figure for figure in figures if figure.gated > figure.gate]
    for figure in shut:
        print(f"TOO SLOW: {figure.gated:.2f}, at most {figure.gate:g}: {figure.work} / {figure.against}")
    return 1 if shut else 0


if __name__ == "__main__":
    sys.exit(main())
