"""What people wrote beside a table that is taken out of a file."""

from itertools import takewhile


def kept(before: bytes, after: bytes) -> bytes:
    """Return *after*, from which one block was taken, with the comments at its end: they are about what follows."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    start = _alike(old, new)
    end = _alike(old[start:][::-1], new[start:][::-1])
    gone, rest = old[start : len(old) - end], new[start:]
    if len(rest) != end:
        return after  # it stood in several places
    said = next((n for n, line in enumerate(reversed(gone)) if not _is_comment(line)), len(gone))
    left = gone[len(gone) - said :]
    return b"".join([*new[:start], *left, *rest]) if any(map(bytes.strip, left)) else after


def _alike(one: list[bytes], other: list[bytes]) -> int:
    """Return how many lines at the start of both are the same."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _is_comment(line: bytes) -> bool:
    return line.strip()[:1] in (b"", b"#")
