"""Write the figures: the table in docs/performance.md and the plots beside it."""

import json
import math
import os
import platform
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median

from benchmarks.measure import Figure

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "performance.md"
KEPT = ROOT / "benchmarks" / "figures.json"
PLOTS = (ROOT / "docs" / "performance.png", ROOT / "docs" / "performance.svg")
BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"
HEAD = "| work | reference | result | reference result | ratio (spread) | CPU | target |\n| --- | --- | ---: | ---: | ---: | ---: | ---: |"


def write(figures: Iterable[Figure], order: Sequence[str]) -> None:
    """Replace the figures of the measured rows in the page and in the plots; *order* lists all rows."""
    new = [asdict(figure) for figure in figures]
    measured = {figure["row"] for figure in new}
    old = json.loads(KEPT.read_text()) if KEPT.exists() else []
    kept = [figure for figure in old if figure["row"] not in measured] + new
    kept.sort(key=lambda figure: order.index(figure["row"]))
    KEPT.write_text(json.dumps(kept, indent=1) + "\n")
    shown = [Figure(**figure) for figure in kept]
    before, _, rest = PAGE.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    table = "\n".join(_table(shown))
    PAGE.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}")
    _plot(shown)


def _table(figures: Sequence[Figure]) -> Iterator[str]:
    runs = sorted(
        {len(figure.results) for figure in figures} - {1}
    )  # one run: a size, which is always the same
    system = platform.freedesktop_os_release()
    yield (
        f"Measured with Python {platform.python_version()} on {os.cpu_count()} cores,"
        f" {system['NAME'].split()[0]} {system.get('VERSION_ID', '')}; medians of {runs[0]} to {runs[-1]} pairs of"
        " runs. The spread is the range of the individual pairs.\n"
    )
    yield HEAD
    yield from map(_row, figures)


def _row(figure: Figure) -> str:
    low, high = (_number(number, figure) for number in figure.spread)
    cpu = "" if figure.cpu_ratio is None else f"{figure.cpu_ratio:.2f}"
    ratio = f"**{_number(figure.ratio, figure)}** ({low} to {high})"
    sides = " | ".join(_size(median(side), figure.unit) for side in (figure.results, figure.references))
    work, against = (label.replace("|", "\\|") for label in (figure.work, figure.against))
    return f"| {work} | {against} | {sides} | {ratio} | {cpu} | {_target(figure)} |"


def _number(number: float, figure: Figure) -> str:
    return f"{number:+.1f} MiB" if figure.unit == "MiB" else f"{number:.2f}"


def _target(figure: Figure) -> str:
    if math.isinf(figure.limit):
        return ""
    mark = "" if figure.ratio <= figure.limit else " (missed)"
    return f"{figure.prefix}{figure.limit:g}{mark}"


def _size(number: float, unit: str) -> str:
    if unit in ("MiB", "MB"):
        return f"{number:.1f} {unit}"
    if unit == "files":
        return f"{number:,.0f} files"
    if unit == "fsyncs":
        return f"{number:g} fsyncs"
    return f"{number * 1000:.1f} ms" if number < 1 else f"{number:.2f} s"


def _plot(figures: Sequence[Figure]) -> None:
    """Draw every ratio relative to its target: a bar that ends left of the line has reached it."""
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "scheduled"  # the same figures always make the same file
    from matplotlib import pyplot as plt

    drawn = [figure for figure in figures if not math.isinf(figure.limit)]
    parts = [max(figure.ratio / figure.limit, 0.01) for figure in drawn]
    spreads = [[max(bound / figure.limit, 0.01) for bound in figure.spread] for figure in drawn]
    errors = [
        [max(0, part - low) for part, (low, _) in zip(parts, spreads, strict=True)],
        [max(0, high - part) for part, (_, high) in zip(parts, spreads, strict=True)],
    ]
    colours = ["tab:green" if part <= 1 else "tab:orange" for part in parts]
    figure, axes = plt.subplots(figsize=(11, 0.32 * len(drawn) + 1.5), layout="constrained")
    axes.barh([f"{each.work} / {each.against}".replace("`", "") for each in drawn], parts, xerr=errors,
              color=colours, ecolor="grey", capsize=2)  # fmt: skip
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xscale("log")
    axes.invert_yaxis()
    axes.set_xlabel("ratio / target (1: target reached; further left is better)")
    axes.tick_params(labelsize=7)
    for path in PLOTS:
        figure.savefig(path, dpi=110, metadata={"Date": None} if path.suffix == ".svg" else None)
