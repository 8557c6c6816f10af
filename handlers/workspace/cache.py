"""The cache of what was found in files, for as long as they stay as they are: where nothing changed, nothing is read.

An entry counts while its file's times, size and inode are those of the look. A file that had been changed only a
moment before may be changed again without any of them telling (clocks of file systems are coarse), so that look is
not kept. All of it can be lost or damaged at any time: then it is discarded, and the files are read again.
"""

import errno
import os
import sys
import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from scheduled.handlers.formats import mail_index
from scheduled.handlers.formats.branches import Branch, WorkspaceError, looked_for
from scheduled.handlers.formats.mail_index import MailIndex
from scheduled.handlers.formats.mailbox_files import read_inbox
from scheduled.handlers.formats.safe_files import count_lines
from scheduled.state.files import SHORTAGE, read_regular, write_atomically

T = TypeVar("T")
Mark = tuple[int, int, int, int]
Entries = dict[str, tuple[Mark, T]]

NAME = "seen.json"
FORM = 2  # of what is kept; another form is forgotten
MOMENT = 2 * 10**9  # the coarsest clock of a file system (FAT's) ticks every two seconds


class _Kept(msgspec.Struct):
    """What lies in the file; an inbox's index holds only for the zone and the sender that it was made with.

    Each kind of entries is decoded only once it is needed; where it is damaged it is discarded.
    """

    form: int
    zone: str
    sender: str
    lines: msgspec.Raw = msgspec.Raw(b"{}")
    inboxes: msgspec.Raw = msgspec.Raw(b"{}")
    names: msgspec.Raw = msgspec.Raw(b"{}")


class FileCache:
    """What was found in the files of a workspace, kept in *path* (None: not kept). One FileCache reads a file once."""

    def __init__(self, path: Path | None = None, zone: ZoneInfo | None = None, sender: str = "") -> None:
        self._path, self._zone, self._sender = path, zone or ZoneInfo("UTC"), sender
        self._glances: dict[Callable[[str], Any], dict[str, Any]] = {}
        self._lines: _Looks[tuple[int, int]] = _Looks(lambda: self._kept.lines, Entries[tuple[int, int]])
        self._inboxes: _Looks[MailIndex | None] = _Looks(
            lambda: self._kept.inboxes, Entries[MailIndex | None]
        )
        self._names: _Looks[list[str]] = _Looks(lambda: self._kept.names, Entries[list[str]])
        self._all: tuple[_Looks[Any], ...] = (self._lines, self._inboxes, self._names)

    def lines(self, path: str, inside: str) -> tuple[int, int]:
        """Return the numbers of lines and bytes of a file; raises as `count_lines` does."""
        return self._lines.at(path, count_lines, path, inside)

    def names(self, directory: str) -> list[str]:
        """Return what `looked_for` finds in a directory (and raise what it does): as long as that stays, so do they."""
        return self._names.at(directory, looked_for, directory)

    def may_hold(self, directory: str, name: str) -> bool:
        """Tell whether something of that *name* lies in a directory, or nobody can tell now."""
        try:
            return name in self.names(directory)
        except OSError:
            return True

    def memory_names(self, branch: Branch) -> list[str]:
        """Return the names of all memory files of a branch; raises WorkspaceError if they can't be known now."""
        try:
            return [name for name in self.names(branch.memories) if branch.is_memory(name)]
        except OSError as error:
            if error.errno in {*SHORTAGE, errno.EIO}:
                raise WorkspaceError(f"{branch.memories}: can't be listed now: {error.strerror}") from error
            return []

    def once(self, look: Callable[[str], T], path: str) -> T:
        """Return what a cheap *look* at a path says; it is not kept, but asked once only."""
        if look not in self._glances:
            self._glances[look] = {}
        glances: dict[str, T] = self._glances[look]
        if path not in glances:
            glances[path] = look(path)
        return glances[path]

    def inbox(self, branch: Branch, inside: str) -> MailIndex | None:
        """Return the index of a branch's inbox, None if it has none; raises as `read_inbox` does."""
        return self._inboxes.at(branch.inbox, read_inbox, branch, inside, self._index)

    def _index(self, data: bytes) -> MailIndex:
        return mail_index.of(data, self._zone, self._sender)

    def forget(self, path: str) -> None:
        """Look at a file again when it is asked for: we have changed it."""
        for looks in self._all:
            looks.forget(path)
        for glances in self._glances.values():
            glances.pop(path, None)

    def save(self) -> None:
        """Keep what is new for the next time; that it can't be kept only costs time, and is said."""
        if self._path is None or not any(looks.news for looks in self._all):
            return
        self._kept.lines, self._kept.inboxes, self._kept.names = (looks.kept() for looks in self._all)
        try:
            write_atomically(self._path, msgspec.json.encode(self._kept), mode=0o600)
        except OSError as error:
            _say(f"{self._path}: can't be kept: {error}")

    @cached_property
    def _kept(self) -> _Kept:
        empty = _Kept(FORM, self._zone.key, self._sender)
        if self._path is None:
            return empty
        try:
            kept = msgspec.json.decode(read_regular(self._path), type=_Kept)
        except FileNotFoundError:
            return empty
        except (OSError, ValueError, RecursionError) as error:
            _say(f"{self._path}: {error}; all files are looked at anew")
            return empty
        if (kept.form, kept.zone, kept.sender) != (empty.form, empty.zone, empty.sender):
            return empty
        return kept


class _Looks(Generic[T]):
    """The looks of one kind: those *kept* from before, read when they are asked for, and what was found *now*."""

    def __init__(self, kept: Callable[[], msgspec.Raw], kind: Any) -> None:
        self.now: dict[str, T] = {}
        self.news, self._kept, self._kind = False, kept, kind

    @cached_property
    def before(self) -> Entries[T]:
        """What was kept, with the marks of the files."""
        try:
            known: Entries[T] = msgspec.json.decode(self._kept(), type=self._kind)
        except (ValueError, RecursionError) as error:
            _say(f"{NAME}: {error}; all files are looked at anew")
            return {}
        return known

    def at(self, path: str, look: Callable[..., T], *terms: Any) -> T:
        """Return what `look(*terms)` finds at *path*, as it was found before if the file there is still the same."""
        if path in self.now:
            return self.now[path]
        mark, known = _mark(path), self.before.get(path)
        if known is not None and known[0] == mark:
            found = known[1]
        else:
            began = time.time_ns()
            found = look(*terms)
            # What is changed while we look, or later, bears another mark from then on.
            if mark is not None and max(mark[:2]) < began - MOMENT:
                self.before[path] = mark, found
                self.news = True
        self.now[path] = found
        return found

    def forget(self, path: str) -> None:
        """Look at a file again."""
        self.now.pop(path, None)
        if self.news:  # what was found before it was changed need not be kept
            self.before.pop(path, None)

    def kept(self) -> msgspec.Raw:
        """Return what is to be kept: all but the files that are gone, or whose names no JSON can hold."""
        if not self.news:
            return self._kept()
        self.news = False
        there = {p: entry for p, entry in self.before.items() if p in self.now or os.path.lexists(p)}
        return msgspec.Raw(_written(there))


def _written(entries: Entries[Any]) -> bytes:
    try:
        return msgspec.json.encode(entries)
    except UnicodeEncodeError:
        return msgspec.json.encode({p: entry for p, entry in entries.items() if _is_text(p, entry)})


def _is_text(*values: Any) -> bool:
    try:
        msgspec.json.encode(values)
    except UnicodeEncodeError:
        return False
    return True


def _mark(path: str) -> Mark | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino


def _say(trouble: str) -> None:
    print(trouble, file=sys.stderr)  # noqa: T201 - the run's output, for `logs`
