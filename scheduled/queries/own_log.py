"""`log`: the last lines of `scheduled.log`, and those that are added to it."""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any

from scheduled.config.config import Config
from scheduled.engine.log import log_path
from scheduled.errors import require_between
from scheduled.instance import Instance
from scheduled.queries.last_known import config_of
from scheduled.queries.log_lines import as_text, parsed
from scheduled.state import directories
from scheduled.state.files import open_regular, read_open

POLL = 0.3  # seconds between two looks at the file
TRIES = 5  # at the two files, which another process may rotate


def log(instance: Instance, lines: int = 20) -> list[dict[str, Any]]:
    """Return the last *lines* entries of the log, oldest first: `time`, `level`, `message`, and `text`, the line as it is printed.

    The rotated file is read too. An entry in the form of JSON also has its `event` and the payload of that. `time` and `level` are
    None for a line that another program wrote. Raise ConfigError if *lines* is negative.
    """
    require_between("lines", lines, 0)
    config = config_of(instance)
    tail = _Tail(_path(instance, config))
    try:
        return [_entry(line, config.timezone) for line in tail.last(lines)]
    finally:
        tail.close()


def follow_log(instance: Instance, lines: int = 20) -> Iterator[dict[str, Any]]:
    """Yield the last *lines* entries as `log` returns them, and then every new one. It does not end by itself.

    A file that does not exist yet, and one that is rotated, are followed too.
    """
    require_between("lines", lines, 0)
    config = config_of(instance)
    tail = _Tail(_path(instance, config))
    try:
        for line in chain(tail.last(lines), tail.follow()):
            yield _entry(line, config.timezone)
    finally:
        tail.close()


def _entry(line: str, zone: str) -> dict[str, Any]:
    found = parsed(line, zone)
    return {**found, "text": as_text(found, zone)}


def _path(instance: Instance, config: Config) -> Path:
    """Return the path of the log. In a workspace, lines about a refused configuration are in the state directory."""
    root = instance.paths.root
    directories.refuse_unreadable(instance.paths)
    path = log_path(root, config.workspace)
    own = root / path.name
    if path != own and own.exists():
        instance.paths.remarks.append(f"lines about a configuration that was refused are in {own}")
    return path


class _Tail:
    """Reads the log at *path* to its end, and what is appended to it later, also if it is rotated in between."""

    def __init__(self, path: Path) -> None:
        self._path, self._rotated = path, path.with_name(f"{path.name}.1")
        self._fd = -1  # of the file that is read, -1 if there is none
        self._at = 0
        self._before = (
            -1
        )  # of the file that it replaced: a process that opened it earlier may still write to it
        self._before_at = 0
        self._seen: tuple[int, int] | None = None  # the rotated file when the log was opened

    def close(self) -> None:
        """Close the files."""
        for fd in (self._fd, self._before):
            if fd >= 0:
                os.close(fd)
        self._fd = self._before = -1

    def last(self, lines: int) -> list[str]:
        """Return the last *lines* complete lines of the log and of the rotated file."""
        current = earlier = b""
        for _ in range(TRIES):
            self.close()
            self._open()
            current = read_open(self._fd, self._path) if self._fd >= 0 else b""
            earlier = self._read_rotated() if current.count(b"\n") < lines else b""
            if self._is_current():
                break
        complete = current[: current.rfind(b"\n") + 1]
        self._at = len(complete)
        found = _lines(earlier + complete)
        return found[max(0, len(found) - lines) :]

    def follow(self) -> Iterator[str]:
        """Yield the lines that are added, without an end."""
        while True:
            found = self._added()
            yield from found
            if not found:
                time.sleep(POLL)

    def _added(self) -> list[str]:
        """Return the complete lines since the last call. If the log was rotated, begin with the rest of the old file."""
        current = self._is_current()
        found = self._rest_of_before() + self._rest()
        if not current:
            found += self._between()
            self._open()
            found += self._rest()
        return found

    def _between(self) -> list[str]:
        """Return the lines of the rotated file if it is neither the one that was read nor an old one.

        The log was rotated twice then since it was read.
        """
        is_old = self._fd < 0 or self._is_same(self._rotated) or _identity(self._rotated) == self._seen
        return [] if is_old else _lines(self._read_rotated())

    def _rest(self) -> list[str]:
        found, self._at = _after(self._fd, self._at)
        return found

    def _rest_of_before(self) -> list[str]:
        found, self._before_at = _after(self._before, self._before_at)
        return found

    def _open(self) -> None:
        """Open the log once more, and keep the file that was read before it."""
        if self._before >= 0:
            os.close(self._before)
        self._before, self._before_at = self._fd, self._at
        self._fd, self._at, self._seen = -1, 0, _identity(self._rotated)
        with suppress(FileNotFoundError):
            self._fd = open_regular(self._path)

    def _is_current(self) -> bool:
        return self._is_same(self._path)

    def _is_same(self, path: Path) -> bool:
        """Return whether *path* is the file that is read, or missing like it."""
        try:
            found = os.stat(path)
        except FileNotFoundError:
            return self._fd < 0
        return self._fd >= 0 and os.path.samestat(found, os.fstat(self._fd))

    def _read_rotated(self) -> bytes:
        try:
            fd = open_regular(self._rotated)
        except FileNotFoundError:
            return b""
        try:
            return read_open(fd, self._rotated)
        finally:
            os.close(fd)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _after(fd: int, at: int) -> tuple[list[str], int]:
    """Return the complete lines of a file after the offset *at*, and the offset of their end."""
    if fd < 0:
        return [], at
    size = os.fstat(fd).st_size
    at = at if at <= size else 0  # it was emptied
    data = os.pread(fd, size - at, at)
    complete = data[: data.rfind(b"\n") + 1]
    return _lines(complete), at + len(complete)


def _lines(data: bytes) -> list[str]:
    # Only newlines end a line: a message may have other separators.
    return data.decode(errors="backslashreplace").removesuffix("\n").split("\n") if data else []
