"""The geometry of the diagrams: recent results, durations and chains. The templates render it as SVG."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import median
from typing import Any

import msgspec

from scheduled.interfaces.web.pages.filters import full, lasting, state

# In pixels: the width of a bar, the gap between bars, the height of the diagram and of a placeholder.
BAR, GAP, TALL, LOW = 6, 2, 26, 3
# The CSS class and the height of the bar for each result. The height differs too, for users who cannot see colours.
KINDS = {
    "success": ("success", 26), "failed": ("failed", 26), "timed_out": ("failed", 26), "interrupted": ("failed", 26),
    "skipped": ("skipped", 12), "coalesced": ("coalesced", 12),
}  # fmt: skip
OPEN = ("open", 18)

NODE_HIGH, ROW, COLUMN_GAP = 34, 48, 44
LETTER, PADDING = 8, 14


class Bar(msgspec.Struct, frozen=True):
    """A bar of a diagram, with its CSS class and its tooltip."""

    x: float
    y: float
    height: float
    kind: str
    title: str


class Picture(msgspec.Struct, frozen=True):
    """A bar diagram, with a text alternative (*label*) for screen readers."""

    bars: list[Bar]
    width: float
    height: float
    label: str


def history_bars(entries: Sequence[Mapping[str, Any]], places: int = 30) -> Picture:
    """Return a diagram of a job's recent results, the newest on the right, with *places* places for bars."""
    empty = places - len(entries)
    first = empty * (BAR + GAP)
    bars = [Bar(index * (BAR + GAP), TALL - LOW, LOW, "none", "") for index in range(empty)]
    bars += [_bar(first + index * (BAR + GAP), entry) for index, entry in enumerate(entries)]
    counts = Counter(state(str(entry["status"])) for entry in entries)
    if not entries:
        label = "No results yet"
    else:
        listed = ", ".join(f"{count} {status}" for status, count in counts.most_common())
        some = "Last result" if len(entries) == 1 else f"Last {len(entries)} results"
        label = f"{some}: {listed}; newest: {state(str(entries[-1]['status']))}"
    return Picture(bars, places * (BAR + GAP) - GAP, TALL, label)


def _bar(x: float, entry: Mapping[str, Any]) -> Bar:
    kind, height = KINDS.get(str(entry["status"]), OPEN)
    target = f"{entry['target']} " if entry.get("target") else ""
    several = f", {entry['slots']} slots" if entry["slots"] > 1 else ""
    reason = f": {entry['reason']}" if entry["reason"] else ""
    return Bar(
        x,
        TALL - height,
        height,
        kind,
        f"{full(entry['at'])} {target}{state(entry['status'])}{several}{reason}",
    )


def durations(runs: Sequence[Mapping[str, Any]], height: float = 64) -> Picture | None:
    """Return a diagram of the durations of runs, the newest on the right; None if no run has a duration."""
    timed = [run for run in reversed(runs) if run["duration_ms"] is not None]
    if not timed:
        return None
    longest = max(run["duration_ms"] for run in timed) or 1
    bars = []
    for index, run in enumerate(timed):
        high = max(2, run["duration_ms"] / longest * height)
        kind = KINDS.get(run["status"], OPEN)[0]
        title = (
            f"{full(run['started_at'])} {lasting(run['duration_ms'])} {state(run['status'])}"
            if run["started_at"]
            else ""
        )
        bars.append(Bar(index * 14, round(height - high, 1), round(high, 1), kind, title))
    middle = lasting(int(median(run["duration_ms"] for run in timed)))
    some = "1 run" if len(timed) == 1 else f"{len(timed)} runs"
    label = f"Durations of {some}: median {middle}, longest {lasting(longest)}"
    return Picture(bars, len(timed) * 14 - 4, height, label)


class Node(msgspec.Struct, frozen=True):
    """A job in the diagram of a chain."""

    name: str
    x: float
    y: float
    width: float
    height: float
    status: str


class ChainPicture(msgspec.Struct, frozen=True):
    """The diagram of a chain: a box for each job, and the lines between them as SVG paths."""

    nodes: list[Node]
    edges: list[str]
    width: float
    height: float


def chain(steps: Sequence[Sequence[Mapping[str, Any]]]) -> ChainPicture:
    """Return the diagram of a chain, from left to right: one column for each step, with the jobs that run in parallel.

    A job has its name as `job`, and in `status` that of its run in the chain's run, or None.
    """
    tallest = max(len(step) for step in steps)
    columns: list[list[Node]] = []
    x = 1.0
    for step in steps:
        width = max(len(entry["job"]) for entry in step) * LETTER + 2 * PADDING
        top = (tallest - len(step)) * ROW / 2 + 1
        columns.append(
            [
                Node(entry["job"], x, top + row * ROW, width, NODE_HIGH, entry["status"] or "")
                for row, entry in enumerate(step)
            ]
        )
        x += width + COLUMN_GAP
    edges = [_edge(one, other) for left, right in pairwise(columns) for one in left for other in right]
    return ChainPicture(
        [node for column in columns for node in column],
        edges,
        x - COLUMN_GAP + 1,
        tallest * ROW - ROW + NODE_HIGH + 2,
    )


def _edge(one: Node, other: Node) -> str:
    x1, y1 = one.x + one.width, one.y + one.height / 2
    x2, y2 = other.x - 7, other.y + other.height / 2
    bend = (x2 - x1) / 2
    return f"M{x1:g} {y1:g}C{x1 + bend:g} {y1:g} {x2 - bend:g} {y2:g} {x2:g} {y2:g}"
