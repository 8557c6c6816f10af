"""The output of an attempt with its secrets masked. Every reader of an output reads it here, and here it is masked on disk."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import msgspec

from scheduled.execution import kept_secrets
from scheduled.masking import Mask
from scheduled.paths import Paths
from scheduled.state.files import sync_directory, write_all
from scheduled.state.locks import is_held, unless_held

POLL = 0.2  # seconds between two reads of a file that may grow
CHUNK = 1 << 20  # bytes of one read
TRIES = 5  # at the lock of an output that a reader may test at the same moment
LOST = "[the output was removed: {path} was damaged, so that its secrets could not be masked]\n"


class MaskedOutput(msgspec.Struct, frozen=True):
    """The output in the file *path*, of an attempt with the secrets in the file *secrets*, if it has any."""

    path: Path
    secrets: Path

    def is_growing(self) -> bool:
        """Return whether a process may still write to the output. Ask before reading, so that nothing is missed."""
        return is_held(self.path)

    def end(self, most: int | None, *, final: bool) -> tuple[bytes, int]:
        """Return the last *most* bytes (None: all), from the start of a character on, and the offset of their end in the file.

        Unless *final*, bytes that may be the start of a secret are left out. Raise as `_opened` does.
        """
        with self._opened() as (file, mask):
            size = os.fstat(file.fileno()).st_size
            start = 0 if most is None else _character(file, max(0, size - most))
            return _part(file, mask, start, size, final=final, continued=False)

    def after(self, start: int, most: int, *, final: bool) -> tuple[bytes, int]:
        """Return the bytes after the offset *start*, at most *most* of them, and the offset of their end, as `end` does.

        If the file was cut, or has more bytes, return its last part.
        """
        with self._opened() as (file, mask):
            size = os.fstat(file.fileno()).st_size
            first = max(0, size - most)
            at = start if first <= start <= size else _character(file, first)
            return _part(file, mask, at, size, final=final, continued=at == start)

    def follow(self, start: int) -> Iterator[bytes]:
        """Yield the output after the offset *start* until no process can write to it. Raise as `_opened` does."""
        with self._opened() as (file, mask):
            at, growing = start, True
            while growing:
                growing = self.is_growing()
                size = os.fstat(file.fileno()).st_size
                at = at if at <= size else 0  # the file was cut to its limit
                grown = False
                while at < size:
                    end = min(size, at + CHUNK)
                    data, reached = _part(file, mask, at, end, final=not growing, continued=True)
                    if reached <= at:
                        break
                    yield data
                    at, grown = reached, True
                if growing and not grown:
                    time.sleep(POLL)

    def seal(self, mask: Mask | None = None) -> bool:
        """Mask the output on disk, then remove the file of its secrets; return whether that is done.

        It is not done while a process may still write to the output: then the file of the secrets stays. *mask* is the mask,
        if it is known. Raise OSError, with both files as they were, if the output can't be written, LostSecretsError if the
        file of the secrets is damaged.
        """
        for _ in range(TRIES):
            with unless_held(self.path) as free:
                if free:
                    self._mask(mask or kept_secrets.mask_in(self.secrets))
                    self.secrets.unlink(missing_ok=True)
                    return True
            time.sleep(0.002)
        return False

    def discard(self) -> None:
        """Replace an output, of which the secrets are lost, by a line with the reason; remove the file of the secrets."""
        if self.path.exists():
            self._replace(iter([LOST.format(path=self.secrets).encode()]))
        self.secrets.unlink(missing_ok=True)

    @contextmanager
    def _opened(self) -> Iterator[tuple[BinaryIO, Mask]]:
        """Open the file and read its secrets. Raise FileNotFoundError, and the errors of `kept_secrets.mask_in`.

        The secrets are written before the output is created, and removed after the masked output has replaced it. So an
        output without them is masked, unless it was replaced since it was opened: then it is opened once more.
        """
        while True:
            with self.path.open("rb") as file:
                mask = kept_secrets.mask_in(self.secrets)
                if mask or os.fstat(file.fileno()).st_nlink:
                    yield file, mask
                    return

    def _mask(self, mask: Mask) -> None:
        try:
            with self.path.open("rb") as file:
                if any(mask.occurs(piece) for piece in _overlapping(file, mask)):
                    self._replace(mask.stream(_pieces(file)))
        except FileNotFoundError:
            return  # the job was never started, or its output was deleted

    def _replace(self, content: Iterator[bytes]) -> None:
        """Replace the file by *content*. A crash leaves the old file or the new one; its time of the last write stays."""
        temp = self.path.with_suffix(".masking")
        seen = self.path.stat()
        fd = os.open(temp, kept_secrets.FLAGS, 0o600)
        try:
            for piece in content:
                write_all(fd, piece)
            os.utime(fd, ns=(seen.st_atime_ns, seen.st_mtime_ns))
            os.fsync(fd)
        except BaseException:
            temp.unlink(missing_ok=True)
            raise
        finally:
            os.close(fd)
        temp.replace(self.path)
        sync_directory(self.path.parent)


def of(paths: Paths, run_id: str, attempt: int) -> MaskedOutput:
    """Return the output of an attempt."""
    return MaskedOutput(paths.output_of(run_id, attempt), paths.secrets_of(run_id, attempt))


def _character(file: BinaryIO, at: int) -> int:
    """Return the offset of the first character at or after the offset *at*, which may be within one (in UTF-8)."""
    seen = os.pread(file.fileno(), 3, at) if at else b""
    return at + len(seen) - len(seen.lstrip(bytes(range(0x80, 0xC0))))


def _part(
    file: BinaryIO, mask: Mask, start: int, end: int, *, final: bool, continued: bool
) -> tuple[bytes, int]:
    """Return the bytes of *file* from *start* to *end* with secrets masked, and the offset that was reached.

    It is before *end* if the last bytes of the file may be the start of a secret, unless the output is *final*.
    """
    begin = max(0, start - mask.reach)
    wanted = end + mask.reach - begin
    data = os.pread(file.fileno(), wanted, begin)
    known = len(data) if final else len(data) - mask.begun(data)
    reached = max(start, min(end, begin + known))
    ended = final and len(data) < wanted
    return mask.part(data, start - begin, reached - begin, continued=continued, ended=ended), reached


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    while piece := file.read(CHUNK):
        yield piece


def _overlapping(file: BinaryIO, mask: Mask) -> Iterator[bytes]:
    """Yield the pieces of *file*, each with the end of the one before: a secret is complete in one of them."""
    before = b""
    for piece in _pieces(file):
        yield before + piece
        before = (before + piece)[-mask.reach :] if mask.reach else b""
