"""The archive of a backup: what it contains, and how one of unknown origin is unpacked.

An archive may be damaged or hostile. Therefore nothing is unpacked but the files that `backup` writes, to a private
directory, in pieces of a bounded size. Every fact that is wrong becomes a problem in words.
"""

import gzip
import hashlib
import os
import struct
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from io import RawIOBase
from pathlib import Path
from typing import IO, Any, cast

import msgspec

from scheduled.config.toml_files import LONGEST as LONGEST_TOML
from scheduled.errors import ConfigError
from scheduled.printable import printable
from scheduled.state.files import SIZE_LIMIT, open_regular

FORMAT = 1
LEDGER, SNAPSHOT, OPENED, MANIFEST = "ledger.db", "scheduled_state.json", "opened_mails.json", "manifest.json"
CONFIG, JOBS = "config/scheduled.toml", "config/jobs.d/"
LIMITS = {MANIFEST: LONGEST_TOML, SNAPSHOT: SIZE_LIMIT, OPENED: SIZE_LIMIT, CONFIG: LONGEST_TOML}  # bytes
SQLITE = b"SQLite format 3\0"
CHUNK = 1 << 16  # bytes that are in memory at a time; also the longest header of a member
MOST = 10_000  # members, and also the length of a chain of headers
RATIO, ALLOWANCE = 200, 1 << 26  # a ledger is compressed to a tenth; beyond these bounds it is a bomb
LONGEST_NAME = 255  # bytes
# What tarfile, gzip and zlib raise for a damaged archive.
DAMAGE = (
    tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, ValueError, LookupError, TypeError, OverflowError,
    RecursionError, struct.error,
)  # fmt: skip


class Manifest(msgspec.Struct, kw_only=True):
    """The description of a backup: its format, the program's version, and where and when it was made.

    *checksums* are the SHA-256 of its files, by name; earlier versions wrote none.
    """

    format: int
    version: str
    created_at: str
    host: str
    state: str
    config: str
    checksums: dict[str, str] = {}


class Unpacked(msgspec.Struct, kw_only=True):
    """The *files* of an archive by name, unpacked, with their SHA-256 as *checksums*, and the *problems* found."""

    files: dict[str, Path] = {}
    checksums: dict[str, str] = {}
    problems: list[str] = []


class _BombError(Exception):
    """The archive needs more space or memory than a backup can need."""


class _Stream(RawIOBase):
    """An archive as tarfile reads it: no read is longer than CHUNK, and no position is beyond *limit*."""

    def __init__(self, packed: IO[bytes], limit: int) -> None:
        self._file, self._limit, self._at = gzip.GzipFile(fileobj=packed), limit, 0

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= CHUNK:
            raise _BombError(f"has a header of more than {CHUNK} bytes")
        self._require(self._at + size)
        data = self._file.read(size)
        self._at += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = self._file.seek(self._require(self._at * whence + offset))
        return self._at

    def _require(self, position: int) -> int:
        if position > self._limit:
            raise _BombError(f"unpacks to more than {RATIO} times its size")
        return position


def read_manifest(source: Path, found: Unpacked) -> Manifest:
    """Return the manifest. Raise ConfigError if *source* is no backup, or one of a newer version."""
    try:
        manifest = msgspec.json.decode(found.files[MANIFEST].read_bytes(), type=Manifest)
        datetime.fromisoformat(manifest.created_at)
    except (KeyError, ValueError, RecursionError):
        why = f" ({found.problems[0]})" if found.problems else ""
        raise ConfigError(f"{source}: not a backup made by `scheduled state backup`{why}") from None
    if manifest.format > FORMAT:
        raise ConfigError(
            f"{source}: was written by the newer version {manifest.version} of scheduled; upgrade first"
        )
    return manifest


def unpack(source: Path, scratch: Path) -> Unpacked:
    """Unpack the files of a backup into the directory *scratch*. Raise ConfigError if *source* cannot be read.

    Raise OSError if *scratch* can't be written.
    """
    try:
        fd = open_regular(source)
    except OSError as error:
        reason = f"{source}: {error.strerror}" if error.strerror else str(error)
        raise ConfigError(reason) from None
    found = Unpacked()
    with (
        open(fd, "rb") as packed,
        closing(_Stream(packed, os.fstat(fd).st_size * RATIO + ALLOWANCE)) as stream,
    ):
        try:
            for archive, entry in _entries(stream):
                found.problems += _take(archive, entry, scratch, found)
            _require_end(stream)
        except _BombError as error:
            found.problems.append(str(error))
        except DAMAGE as error:
            found.problems.append(f"is damaged: {printable(str(error)) or type(error).__name__}")
    return found


def _entries(stream: _Stream) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
    with tarfile.open(fileobj=cast("IO[bytes]", stream), mode="r:") as archive:
        for _ in range(MOST):
            if (entry := archive.next()) is None:
                return
            yield archive, entry
            cast("Any", archive).members = []  # tarfile keeps every member
    raise _BombError(f"has more than {MOST} files")


def _require_end(stream: _Stream) -> None:
    """Read to the end, where gzip compares its checksum. tarfile takes a damaged header for the end."""
    while rest := stream.read(CHUNK):
        if rest.strip(b"\0"):
            raise tarfile.ReadError("a part of it cannot be read")


def _take(archive: tarfile.TarFile, entry: tarfile.TarInfo, scratch: Path, found: Unpacked) -> list[str]:
    """Unpack one member, and return what is wrong with it."""
    name = printable(entry.name)
    if not (_is_known(entry.name) and entry.isreg() and not entry.issparse()):
        return [f"{name}: is not part of a backup"]
    if entry.name in found.files:
        return [f"{name}: occurs twice"]
    if entry.size > LIMITS.get(entry.name, LONGEST_TOML if entry.name.startswith(JOBS) else entry.size):
        return [f"{name}: is too large: {entry.size} bytes"]
    path = found.files[entry.name] = scratch / entry.name
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest, left = hashlib.sha256(), entry.size
    with (
        cast("IO[bytes]", archive.extractfile(entry)) as member,
        open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file,
    ):
        while piece := member.read(min(CHUNK, left)):
            if left == entry.size and entry.name == LEDGER and not piece.startswith(SQLITE):
                return [f"{name}: is not a SQLite database"]
            file.write(piece)
            digest.update(piece)
            left -= len(piece)
    found.checksums[entry.name] = digest.hexdigest()
    return [f"{name}: is torn: {left} bytes are missing"] if left else []


def _is_known(name: str) -> bool:
    """Return whether `backup` writes files of this name; another archive could use `../` to write anywhere."""
    if not name.startswith(JOBS):
        return name in (*LIMITS, LEDGER)
    file = name.removeprefix(JOBS)
    return (
        file.endswith(".toml")
        and "/" not in file
        and "\0" not in file
        and len(os.fsencode(file)) <= LONGEST_NAME
    )
