"""The text of a digest: one entry for each notice. The first line of an entry has a time, its other lines are indented."""

from collections.abc import Iterator
from itertools import accumulate

from scheduled.core.conditions import Notice

DIGEST = "digest"  # the kind of the notice
INDENT = "  "


def entry(at: str, notice: Notice) -> str:
    """Return the entry for *notice*, made *at* a time, with its link."""
    first, *others = [line for line in notice.body.splitlines() if line.strip()] or [notice.subject]
    further = [*others, notice.link] if notice.link else others
    return "\n".join([f"{at} {first}", *(f"{INDENT}{line}" for line in further)])


def number(body: str) -> int:
    """Return how many entries *body* has."""
    return sum(not line.startswith(INDENT) for line in body.split("\n"))


def shortened(body: str, most: int) -> str:
    """Return *body*; if it has more than *most* characters, only its first entries, and how many there are more."""
    if len(body) <= most:
        return body
    entries = list(_entries(body))
    room = most - len(_more(len(entries)))
    kept = max(1, sum(end <= room for end in accumulate(len(one) + 1 for one in entries)))
    text = "\n".join(entries[:kept])
    text = text if len(text) < room else f"{text[: room - 5]} ..."
    return f"{text}\n{_more(len(entries) - kept)}" if len(entries) > kept else text


def _entries(body: str) -> Iterator[str]:
    lines: list[str] = []
    for line in body.split("\n"):
        if lines and not line.startswith(INDENT):
            yield "\n".join(lines)
            lines = []
        lines.append(line)
    yield "\n".join(lines)


def _more(entries: int) -> str:
    return f"and {entries} more (scheduled incidents)"
