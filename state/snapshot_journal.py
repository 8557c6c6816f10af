"""The journal `scheduled_state.journal` of a large snapshot: what has changed since the document was written.

The document of many jobs is not written at every tick. In between, a tick appends a line with what has changed to the journal,
and overwrites the header of the document. The first line of the journal names its document; a journal of
another document, or a line that is incomplete or damaged, does not count.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from zlib import crc32

import msgspec

from scheduled.errors import StateError
from scheduled.schedules.zones import MINUTE, Instant
from scheduled.state.files import read_regular, write_all, write_atomically

MANY = 1_000  # jobs: the document of more of them has a journal
LONGEST = 15 * MINUTE  # after this time the document is written again
LARGEST = 1 << 20  # bytes: a larger journal is replaced by a new document as well


class Beginning(msgspec.Struct, frozen=True):
    """The first line: which document it is about.

    That is its *inode*, the checksum of its values (*body*), the *generation* of the ledger that it was made from, and when
    and by which *version* of the format it was written.
    """

    inode: int
    body: int
    generation: int
    written_at: Instant
    version: int


class Journal(msgspec.Struct, frozen=True):
    """A journal: its *beginning*, its *entries*, oldest first, and its *size* in bytes."""

    beginning: Beginning
    entries: list[dict[str, Any]]
    size: int

    @property
    def generation(self) -> int:
        """The generation of the ledger that the last entry was made from."""
        last = self.entries[-1]["generation"] if self.entries else self.beginning.generation
        return int(last)

    def is_due(self, now: float) -> bool:
        """Return whether the document has to be written again at *now* (UTC seconds)."""
        return self.size > LARGEST or not 0 <= now - self.beginning.written_at < LONGEST


def path_of(snapshot: Path) -> Path:
    """Return the path of the journal of the document *snapshot*."""
    return snapshot.with_suffix(".journal")


def read(snapshot: Path) -> Journal | None:
    """Return the journal beside *snapshot*, which may be that of another document; None if there is none."""
    try:
        data = read_regular(path_of(snapshot))
    except OSError:
        return None
    lines = list(_lines(data))
    if not lines:
        return None
    try:
        return Journal(msgspec.convert(lines[0], Beginning), lines[1:], len(data))
    except msgspec.ValidationError:
        return None


def begin(snapshot: Path, beginning: Beginning) -> None:
    """Replace the journal by an empty one of the document that was just written. Raise StateError if it can't be written."""
    path = path_of(snapshot)
    try:
        write_atomically(path, _line(msgspec.to_builtins(beginning)), mode=0o600)
    except OSError as error:
        raise StateError(f"{path}: {error.strerror}") from error


def append(snapshot: Path, entry: Mapping[str, Any]) -> None:
    """Append *entry* durably. Raise StateError if it can't be written."""
    path = path_of(snapshot)
    try:
        fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            _end_line(fd)
            write_all(fd, _line(entry))
            os.fsync(fd)
        finally:
            os.close(fd)
    except OSError as error:
        raise StateError(f"{path}: {error.strerror}") from error


def _end_line(fd: int) -> None:
    """End the last line, if the process that wrote it was killed meanwhile."""
    size = os.fstat(fd).st_size
    if size and os.pread(fd, 1, size - 1) != b"\n":
        os.write(fd, b"\n")


def remove(snapshot: Path) -> None:
    """Remove the journal: the document has everything."""
    path_of(snapshot).unlink(missing_ok=True)


def _line(value: Mapping[str, Any]) -> bytes:
    text = msgspec.json.encode(value)
    return b"%08x %s\n" % (crc32(text), text)


def _lines(data: bytes) -> Iterator[dict[str, Any]]:
    for line in data.splitlines():
        checksum, _, text = line.partition(b" ")
        if checksum == b"%08x" % crc32(text):
            yield msgspec.json.decode(text)
