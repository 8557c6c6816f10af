"""Where the secrets of a job come from, as the configuration writes them: `file:PATH`, `command:LINE` or `credential:NAME`."""

import re
from typing import Literal

import msgspec

SourceKind = Literal["file", "command", "credential"]
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
KINDS: dict[str, SourceKind] = {"file": "file", "command": "command", "credential": "credential"}
MOST = 64 * 1024  # bytes; the kernel allows 128 KiB for a variable
LIMIT = 60.0  # seconds for all secrets of an attempt


class Source(msgspec.Struct, frozen=True):
    """One source: the *kind*, and the path, shell line or name after it."""

    kind: SourceKind
    text: str


def read_source(written: str) -> Source | None:
    """Return the source that is *written*; None if it has none of the three forms."""
    kind, colon, text = written.partition(":")
    if not colon or kind not in KINDS or not text.strip():
        return None
    if kind == "credential" and ("/" in text or text in (".", "..")):
        return None
    return Source(KINDS[kind], text)
