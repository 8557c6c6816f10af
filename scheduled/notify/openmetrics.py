"""The text format of Prometheus (0.0.4), which node_exporter reads from files. Pure: values in, text out.

It is the common part of both formats: readers of OpenMetrics accept it too if they accept counters with `_total` in the
line of their type. The types of OpenMetrics that the older format lacks are not used.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

import msgspec

from scheduled.printable import printable

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Labels = Mapping[str, str]


class Sample(msgspec.Struct, frozen=True):
    """One value of a metric, for one combination of labels."""

    value: float
    labels: Labels = {}


class Family(msgspec.Struct, frozen=True):
    """A metric with its *samples*: its complete name, its type, and what it means in one sentence."""

    name: str
    type: Literal["counter", "gauge"]
    help: str
    samples: list[Sample]


def text(families: Iterable[Family], labels: Labels, remark: str = "") -> str:
    """Return *families* as text, with *labels* at every sample, below the comment *remark*. One without samples is left out."""
    comment = [f"# {printable(remark)}"] if remark else []
    lines = [line for family in families if family.samples for line in _lines(family, labels)]
    return "".join(f"{line}\n" for line in [*comment, *lines])


def _lines(family: Family, labels: Labels) -> Iterator[str]:
    yield f"# HELP {family.name} {_escaped(family.help)}"
    yield f"# TYPE {family.name} {family.type}"
    # Two values of a label may look the same when escaped. A series that occurs twice would make the file invalid.
    series: dict[str, str] = {}
    for sample in family.samples:
        series.setdefault(_braces({**sample.labels, **labels}), number(sample.value))
    yield from (f"{family.name}{braces} {value}" for braces, value in series.items())


def _braces(labels: Labels) -> str:
    # An empty value means that there is no such label.
    pairs = [f'{name}="{_quoted(value)}"' for name, value in labels.items() if value]
    return f"{{{','.join(pairs)}}}" if pairs else ""


def _escaped(words: str) -> str:
    return printable(words.replace("\\", "\\\\").replace("\n", "\\n"))


def _quoted(value: str) -> str:
    """Return the value of a label for between the quotation marks.

    Characters that are not printable become their escapes, as everywhere: a terminal would obey them.
    """
    return printable(value).replace("\\", "\\\\").replace('"', '\\"')


def number(value: float) -> str:
    """Return *value* as the format writes it: whole numbers without a point, and every other one exactly."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) else repr(float(value))
