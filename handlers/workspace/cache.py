"""A cache of the contents of workspace files, so that a run does not read files that have not changed.

An entry is valid while the times, size and inode of its file are those from before it was read. The clocks of file
systems are coarse: a file that was changed within the last two seconds can change again without any difference in
these values. So what was read from such a recent file is not saved. A lost or damaged cache is discarded, and the files
are read again.
"""

import errno
import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from scheduled.handlers.formats import mail_index
from scheduled.handlers.formats.branches import Branch, WorkspaceError, relevant_names
from scheduled.handlers.formats.mail_index import MailIndex
from scheduled.handlers.formats.mailbox_files import read_inbox
from scheduled.handlers.formats.memory_file import Size, lines_of, size_of
from scheduled.handlers.formats.message import Mail, mails_in
from scheduled.state.files import SHORTAGE, read_regular, write_atomically

T = TypeVar("T")
Mark = tuple[int, int, int, int]
Entries = dict[str, tuple[Mark, T]]

NAME = "seen.json"
FORM = 5  # the format version of the file; a file of another version is discarded
LARGE = 1 << 20  # bytes of an inbox from which on it is kept until the sweep edits it
RECENT = 2 * 10**9  # nanoseconds: the coarsest clock of a file system (FAT) has a resolution of two seconds


class _Saved(msgspec.Struct):
    """The content of the cache file. The indexes of inboxes are valid only for the same zone and sender.

    Each kind of entries stays undecoded until it is used; if it is damaged, only that kind is discarded.
    """

    form: int
    zone: str
    sender: str
    sizes: msgspec.Raw = msgspec.Raw(b"{}")
    inboxes: msgspec.Raw = msgspec.Raw(b"{}")
    names: msgspec.Raw = msgspec.Raw(b"{}")


class FileCache:
    """The cached contents of a workspace's files, saved in *path* unless that is None. It reads each file once."""

    def __init__(self, path: Path | None = None, zone: ZoneInfo | None = None, sender: str = "") -> None:
        self._path, self._zone, self._sender = path, zone or ZoneInfo("UTC"), sender
        self._unsaved: defaultdict[Callable[..., Any], dict[str, Any]] = defaultdict(dict)
        self._sizes: _Reads[Size] = _Reads(lambda: self._saved.sizes, Entries[Size])
        self._inboxes: _Reads[MailIndex | None] = _Reads(
            lambda: self._saved.inboxes, Entries[MailIndex | None]
        )
        self._names: _Reads[list[str]] = _Reads(lambda: self._saved.names, Entries[list[str]])
        self._decoded: tuple[bytes, list[Mail | None]] = b"", []  # the last large inbox
        self._all: tuple[_Reads[Any], ...] = (self._sizes, self._inboxes, self._names)

    def size(self, path: str, inside: str, *, complete: bool) -> Size:
        """Return the size of a memory file; only a *complete* one has characters and entries.

        Raise OSError if the file cannot be read.
        """
        found = self._sizes.at(path, size_of if complete else lines_of, path, inside)
        if complete and found.chars is None:
            self._sizes.drop(path)
            return self._sizes.at(path, size_of, path, inside)
        return found

    def names(self, directory: str, inside: str) -> list[str]:
        """Return the `relevant_names` of a directory. Raise OSError if it cannot be listed."""
        return self._names.at(directory, relevant_names, directory, inside)

    def may_hold(self, directory: str, inside: str, name: str) -> bool:
        """Return whether a directory has an entry *name*; True also if it cannot be listed now."""
        try:
            return name in self.names(directory, inside)
        except OSError:
            return True

    def memory_names(self, branch: Branch, inside: str) -> list[str]:
        """Return the names of a branch's memory files. Raise WorkspaceError if the list cannot be read now."""
        return self.once(self._memory_names, branch.memories, branch, inside)

    def _memory_names(self, directory: str, branch: Branch, inside: str) -> list[str]:
        try:
            return [name for name in self.names(directory, inside) if branch.is_memory(name)]
        except OSError as error:
            if error.errno in {*SHORTAGE, errno.EIO}:
                raise WorkspaceError(f"{branch.memories}: cannot be listed now: {error.strerror}") from error
            return []

    def once(self, read: Callable[..., T], path: str, *more: Any) -> T:
        """Return `read(path, *more)`, called once per path. The result is not saved: this is for cheap reads."""
        results: dict[str, T] = self._unsaved[read]
        if path not in results:
            results[path] = read(path, *more)
        return results[path]

    def inbox(self, branch: Branch, inside: str) -> MailIndex | None:
        """Return the index of a branch's inbox, None if it has no inbox. Raise the errors of `read_inbox`."""
        return self._inboxes.at(branch.inbox, read_inbox, branch, inside, self._index)

    def _index(self, data: bytes) -> MailIndex:
        mails = mails_in(data)
        if len(data) >= LARGE:
            self._decoded = data, mails
        return mail_index.index_of(mails, self._zone, self._sender)

    @property
    def last_large(self) -> bytes:
        """The content of the last large inbox, until `mails` has returned its mails."""
        return self._decoded[0]

    def mails(self, data: bytes) -> list[Mail | None]:
        """Return the mails of an inbox with the content *data*, as `mails_in` does; of a large one without decoding it again."""
        (content, mails), self._decoded = self._decoded, (b"", [])
        return mails if content == data else mails_in(data)

    def forget(self, path: str) -> None:
        """Discard what was read from *path*; to be called after changing the file."""
        for reads in self._all:
            reads.forget(path)
        for results in self._unsaved.values():
            results.pop(path, None)

    def save(self) -> None:
        """Write the cache file if it changed. If that fails, print a warning; the next run reads the files again."""
        if self._path is None or not any(reads.changed for reads in self._all):
            return
        self._saved.sizes, self._saved.inboxes, self._saved.names = (reads.encoded() for reads in self._all)
        try:
            write_atomically(self._path, msgspec.json.encode(self._saved), mode=0o600)
        except OSError as error:
            _warn(f"{self._path}: the cache cannot be saved: {error}")

    @cached_property
    def _saved(self) -> _Saved:
        empty = _Saved(FORM, self._zone.key, self._sender)
        if self._path is None:
            return empty
        try:
            saved = msgspec.json.decode(read_regular(self._path), type=_Saved)
        except FileNotFoundError:
            return empty
        except (OSError, ValueError, RecursionError) as error:
            _warn(f"{self._path}: {error}; all files are read again")
            return empty
        if (saved.form, saved.zone, saved.sender) != (empty.form, empty.zone, empty.sender):
            return empty
        return saved


class _Reads(Generic[T]):
    """The cache entries of one kind: the *saved* ones, decoded on first use, and the results of this run (*now*)."""

    def __init__(self, saved: Callable[[], msgspec.Raw], kind: Any) -> None:
        self.now: dict[str, T] = {}
        self.changed, self._saved, self._kind = False, saved, kind

    @cached_property
    def entries(self) -> Entries[T]:
        """The entries to save: for each path the mark of its file and what was read."""
        try:
            saved: Entries[T] = msgspec.json.decode(self._saved(), type=self._kind)
        except (ValueError, RecursionError) as error:
            _warn(f"{NAME}: {error}; all files are read again")
            return {}
        return saved

    def at(self, path: str, read: Callable[..., T], *arguments: Any) -> T:
        """Return the cached result for *path*, or `read(*arguments)` if the file there has changed."""
        if path in self.now:
            return self.now[path]
        mark, entry = mark_of(path), self.entries.get(path)
        if entry is not None and entry[0] == mark:
            found = entry[1]
        else:
            began = time.time_ns()
            found = read(*arguments)
            # The mark is from before reading: a change during or after it gives the file another mark.
            if mark is not None and max(mark[:2]) < began - RECENT:
                self.entries[path] = mark, found
                self.changed = True
        self.now[path] = found
        return found

    def forget(self, path: str) -> None:
        """Discard the result for *path*."""
        self.now.pop(path, None)
        if self.changed:  # the entry would be saved, although its mark no longer fits
            self.entries.pop(path, None)

    def drop(self, path: str) -> None:
        """Discard the result for *path*, also the saved one."""
        self.now.pop(path, None)
        self.entries.pop(path, None)

    def encoded(self) -> msgspec.Raw:
        """Return the entries as JSON, without files that are gone or have names that JSON cannot represent."""
        if not self.changed:
            return self._saved()
        self.changed = False
        existing = {p: entry for p, entry in self.entries.items() if p in self.now or os.path.lexists(p)}
        return msgspec.Raw(_encoded(existing))


def _encoded(entries: Entries[Any]) -> bytes:
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


def mark_of(path: str) -> Mark | None:
    """Return the modification time, change time (nanoseconds), size and inode of a file, None if there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino


def _warn(message: str) -> None:
    print(message, file=sys.stderr)  # noqa: T201 - the output of the run, shown by `scheduled logs`
