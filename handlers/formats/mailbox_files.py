"""The files of one mailbox: its lock, its inbox, and the folders that mails are put away in."""

import contextlib
import fcntl
import os
import re
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from scheduled.errors import ScheduledError
from scheduled.handlers.formats import timestamps
from scheduled.handlers.formats.branches import Branch
from scheduled.handlers.formats.inbox import Inbox
from scheduled.handlers.formats.json_text import Habit, dump, parse
from scheduled.handlers.formats.message import UNCHANGING, Message, identity, messages_in
from scheduled.handlers.formats.safe_files import BusyFileError, read_settled, rewrite
from scheduled.state.files import (
    SHORTAGE,
    RefusedError,
    clear_leftovers,
    copy_attributes,
    create_atomically,
    is_inside,
    is_temporary,
    read_regular,
    remove_leftover,
    sync_directory,
)

T = TypeVar("T")

LOCK_PATIENCE = 10.0  # seconds; the mail program holds its lock for milliseconds
SUBJECT_LENGTH, ID_LENGTH = 50, 32  # as the mail program; and such that a name stays under 255 bytes


class MailboxError(ScheduledError):
    """A mailbox could not be read or written; the message says which and why."""


class UnreadableMailboxError(MailboxError):
    """Its inbox is damaged, or no file that may be read: somebody has to look at it."""


class ShortageError(MailboxError):
    """There were no descriptors, or no memory, left to read it with: the work is to be done again."""


class BusyMailboxError(MailboxError):
    """Another program held it for longer than we wait: the next time will do."""


def read_messages(branch: Branch, inside: str) -> list[Any] | None:
    """Return the messages in the inbox of *branch*, None if it has no inbox; raises as `read_inbox` does."""
    return read_inbox(branch, inside, lambda data: messages_in(parse(data)))


def read_inbox(branch: Branch, inside: str, understand: Callable[[bytes], T]) -> T | None:
    """Return what *understand* makes of the inbox of *branch*, None if it has none; no lock is needed for reading.

    Raise UnreadableMailboxError if the inbox is damaged, BusyMailboxError if it is being written without end,
    ShortageError if we have not the means to read it now.
    """
    try:
        with _as_mailbox_errors(branch):
            return read_settled(branch.inbox, understand, inside=inside)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        kind = ShortageError if error.errno in SHORTAGE else UnreadableMailboxError
        raise kind(f"{branch.name}: {error}") from error


def update(branch: Branch, inside: str, edit: Callable[[Inbox], bool]) -> bool:
    """Have *edit* change the inbox of *branch* under the mailbox's lock; it answers whether it changed anything.

    It may be asked again about a later content. Return whether the file was replaced. Raise MailboxError as
    `read_messages` does, OSError if it could not be written; the file is then as it was.
    """

    def edited(data: bytes) -> bytes | None:
        inbox = Inbox(data)
        return inbox.render() if edit(inbox) else None

    with locked(branch, inside), _as_mailbox_errors(branch):
        clear_leftovers(Path(branch.mailbox))
        return rewrite(Path(branch.inbox), edited, inside=inside)


@contextlib.contextmanager
def locked(branch: Branch, inside: str) -> Iterator[None]:
    """Hold the mailbox's own lock, the one the mail program takes; BusyMailboxError if somebody keeps it."""
    if not is_inside(os.path.realpath(branch.mailbox), inside):
        raise UnreadableMailboxError(f"{branch.name}: {branch.mailbox} leads out of {inside}")
    fd = _open_lock(branch)
    try:
        _wait_for(fd, branch)
        yield
    finally:
        os.close(fd)


class Folder:
    """A folder of single mails (`sent`, `deleted`): one file each, never replaced, named as the mail program does.

    To its rule, time and subject, the message id is added: two equal subjects in one second are two files.
    """

    def __init__(self, branch: Branch, name: str, inside: str) -> None:
        self.path = Path(branch.mailbox, name)
        self.inbox = Path(branch.inbox)
        self.inside = inside
        self.names: dict[str, list[str]] | None = None

    def holds(self, message: Message, *, by: Sequence[str] = UNCHANGING) -> bool:
        """Tell whether a mail lies here (put away before a crash, or by others) that has *message*'s fields *by*."""
        return any(_same(message, self._read(name), by) for name in self._candidates(message))

    def has_named(self, message: Message) -> bool:
        """Tell whether a file lies here that was named for *message*."""
        return _id_in_name(message) in self._index()

    def put(self, message: Message, body: Message, now: datetime, zone: ZoneInfo, *, escaped: bool) -> None:
        """Write *body*, the form that *message* takes here, to a file of its own; *escaped*: in ASCII."""
        self._make()
        name = f"{timestamps.compact(now, zone)}_{_in_name(message.get('subject', 'No Subject'))}"
        text = dump(body, Habit(ascii=escaped))
        for number in range(1, 100):
            again = "" if number == 1 else f"_{number}"
            with contextlib.suppress(FileExistsError):
                path = self.path / f"{name}{again}_{_id_in_name(message)}.json"
                return create_atomically(path, text.encode(), like=self.inbox)
        raise FileExistsError(f"{self.path}: 99 mails of the same second, subject and id")

    def settle(self) -> None:
        """Make what was put here outlast a power cut."""
        if os.path.isdir(self.path):
            sync_directory(self.path)

    def _make(self) -> None:
        if not os.path.isdir(self.path):
            self.path.mkdir()
            fd = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                # Whoever owns the mailbox must be able to use it, also where root made it.
                there = self.path.parent.stat()
                os.fchown(fd, there.st_uid, there.st_gid)
                os.fchmod(fd, stat.S_IMODE(there.st_mode))
            finally:
                os.close(fd)
        if not is_inside(os.path.realpath(self.path), self.inside):
            raise RefusedError(f"{self.path}: leads out of {self.inside}")

    def _candidates(self, message: Message) -> list[str]:
        """Return the names under which *message* may lie here: ours end in its id, the mail program's do not."""
        index, subject = self._index(), _in_name(message.get("subject", "No Subject"))
        theirs = [n for n in index.get(subject.rpartition("_")[2], []) if n.endswith(f"_{subject}.json")]
        return index.get(_id_in_name(message), []) + theirs

    def _index(self) -> dict[str, list[str]]:
        """Return the names here by what stands after the last underscore of each."""
        if self.names is None:
            self.names = {}
            for name in _listing(self.path):
                self.names.setdefault(name.removesuffix(".json").rpartition("_")[2], []).append(name)
        return self.names

    def _read(self, name: str) -> Any:
        try:
            return parse(read_regular(self.path / name, inside=self.inside))
        except (OSError, ValueError):
            return None


def archived(message: Message, now: datetime, zone: ZoneInfo) -> Message:
    """Return *message* as it lies in `deleted/`."""
    return {**message, "status": "closed", "read": True, "archived_at": timestamps.iso(now, zone)}


def _same(message: Message, other: Any, by: Sequence[str]) -> bool:
    return isinstance(other, dict) and all(message.get(key) == other.get(key) for key in by)


def _listing(directory: Path) -> list[str]:
    """Return the names of the mails that lie here; what a killed writer left here goes."""
    names = []
    with contextlib.suppress(OSError), os.scandir(directory) as entries:
        for entry in entries:
            if is_temporary(entry.name):
                remove_leftover(entry.path)
            elif entry.name.endswith(".json"):
                names.append(entry.name)
    return names


def _in_name(subject: Any) -> str:
    safe = "".join(c if c.isalnum() or c in " -_" else "_" for c in str(subject))
    return safe[:SUBJECT_LENGTH].strip()


def _id_in_name(message: Message) -> str:
    return re.sub(r"[^0-9A-Za-z-]", "-", identity(message))[:ID_LENGTH]


@contextlib.contextmanager
def _as_mailbox_errors(branch: Branch) -> Iterator[None]:
    try:
        yield
    except BusyFileError as error:
        raise BusyMailboxError(f"{branch.name}: {error}") from error
    except (ValueError, RecursionError) as error:
        raise UnreadableMailboxError(f"{branch.name}: {branch.inbox} can't be parsed: {error}") from error
    except RefusedError as error:
        raise UnreadableMailboxError(f"{branch.name}: {error}") from error


def _open_lock(branch: Branch) -> int:
    path = f"{branch.mailbox}/.inbox.lock"
    flags = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | flags, 0o666)
    except FileExistsError:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            raise UnreadableMailboxError(f"{branch.name}: {path} is no regular file") from None
        fd = os.open(path, os.O_RDONLY | flags)
    else:
        # Made by root, it would otherwise lock out the mail program of the mailbox's owner.
        copy_attributes(fd, Path(branch.inbox))
    return fd


def _wait_for(fd: int, branch: Branch) -> None:
    pause, deadline = 0.001, time.monotonic() + LOCK_PATIENCE
    while True:
        try:
            return fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                held = f"{branch.mailbox}/.inbox.lock is held by another program"
                raise BusyMailboxError(f"{branch.name}: {held}") from None
        time.sleep(pause)
        pause = min(pause * 2, 0.01)
