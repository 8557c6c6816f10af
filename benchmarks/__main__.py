"""`benchmarks/run.sh [--quick] [--gate] [ROW ...]`: measure and print; without options also write docs/performance.md."""

import argparse
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

from benchmarks import (
    configured,
    disk,
    events,
    growth,
    idle,
    lists,
    mail,
    memory,
    plan,
    reading,
    sweep,
    ticks,
)
from benchmarks.measure import Figure, become_subreaper, make_scratch

Row = Callable[..., Iterator[Figure]]
ROWS: dict[str, Row] = {
    "idle": idle.figures,
    "plan": plan.figures,
    "run": ticks.run,
    "tick": ticks.tick,
    "jobs": configured.figures,
    "syncs": ticks.syncs,
    "lists": lists.figures,
    "events": events.figures,
    "reading": reading.figures,
    "sweep": sweep.figures,
    "mail": mail.figures,
    "memory": memory.figures,
    "growth": growth.figures,
    "disk": disk.figures,
}
# The rows that CI checks: they are measured quickly and show regressions.
GATED = (
    "idle",
    "plan",
    "run",
    "tick",
    "jobs",
    "syncs",
    "lists",
    "events",
    "reading",
    "sweep",
    "mail",
    "disk",
)


def main() -> int:
    """Measure the rows of the command line. Return 1 if the gate fails."""
    arguments = _arguments()
    names = arguments.rows or (GATED if arguments.gate else ROWS)
    figures = []
    become_subreaper()
    for name in names:
        for figure in _measure(name, quick=arguments.quick or arguments.gate):
            print(_line(figure), flush=True)
            figures.append(figure)
    if arguments.gate:
        return _gate(figures)
    if not arguments.quick:
        from benchmarks import page

        page.write(figures, list(ROWS))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks/run.sh", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"one or more of: {', '.join(ROWS)}")
    parser.add_argument(
        "--quick", action="store_true", help="small sizes and few runs; do not write the page"
    )
    parser.add_argument(
        "--gate", action="store_true", help="quick; exit with 1 if a ratio is far above its target"
    )
    arguments = parser.parse_args()
    if unknown := [name for name in arguments.rows if name not in ROWS]:
        parser.error(f"unknown rows: {', '.join(unknown)}; choose from {', '.join(ROWS)}")
    return arguments


def _measure(name: str, *, quick: bool) -> Iterator[Figure]:
    root = make_scratch()
    try:
        yield from ROWS[name](Path(root, name), quick=quick)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _line(figure: Figure) -> str:
    low, high = figure.spread
    cpu = "" if figure.cpu_ratio is None else f"  cpu {figure.cpu_ratio:.2f}x"
    return (
        f"{figure.row:8} {figure.prefix or 'x'}{figure.ratio:<6.2f}"
        f" ({low:.2f} to {high:.2f}; target {figure.limit:g}){cpu}"
        f"  {median(figure.results):.4g} {figure.unit} / {median(figure.references):.4g} {figure.unit}"
        f"  {figure.work} / {figure.against}"
    )


def _gate(figures: list[Figure]) -> int:
    failed = [figure for figure in figures if figure.gate_value > figure.gate]
    for figure in failed:
        print(f"{figure.work} / {figure.against}: TOO SLOW: {figure.gate_value:.2f}, allowed {figure.gate:g}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
