"""Reads and writes the files of a mailbox: its lock, its inbox and its folders of sent and deleted mails."""

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
from scheduled.handlers.formats.json_text import Style, dump, parse
from scheduled.handlers.formats.message import UNCHANGING, Decode, Message, identity, mails_in, messages_in
from scheduled.handlers.formats.safe_files import BusyFileError, read_settled, rewrite
from scheduled.state.beneath import READING, Place, holding, located, make_directory, open_directory
from scheduled.state.files import (
    SHORTAGE,
    Parts,
    RefusedError,
    clear_leftovers,
    copy_attributes,
    create_atomically,
    is_temporary,
    read_regular,
    remove_leftover,
)

T = TypeVar("T")

LOCK_TIMEOUT = 10.0  # seconds; the mail program holds its lock for milliseconds
SUBJECT_LENGTH, ID_LENGTH = 50, 32  # the mail program's limit, and one that keeps file names under 255 bytes


class Patience:
    """How long locked mailboxes may keep their user waiting, all of them together: *left* seconds, by default 10.

    Once it is used up, a locked mailbox is asked once and costs no more time.
    """

    def __init__(self) -> None:
        self.left = LOCK_TIMEOUT


class MailboxError(ScheduledError):
    """A mailbox could not be read or written; the message names the branch and the reason."""


class UnreadableMailboxError(MailboxError):
    """The inbox is damaged, is not a regular file or is outside the workspace. A retry does not help."""


class ShortageError(MailboxError):
    """No file descriptors or memory were left to read the inbox. A later run must repeat the work."""


class BusyMailboxError(MailboxError):
    """Another program held the lock, or kept writing the inbox, for too long. A later run can succeed."""


def read_messages(branch: Branch, inside: str) -> list[Any] | None:
    """Return the messages in the inbox of *branch*, None if it has no inbox. Raise the errors of `read_inbox`."""
    return read_inbox(branch, inside, lambda data: messages_in(parse(data)))


def read_inbox(branch: Branch, inside: str, decode: Callable[[bytes], T]) -> T | None:
    """Return `decode(content)` of the inbox of *branch*, None if it has no inbox. Reading needs no lock.

    Raise UnreadableMailboxError if the inbox is damaged, BusyMailboxError if another program keeps writing it,
    ShortageError if no descriptors or memory are left.
    """
    try:
        with _as_mailbox_errors(branch):
            return read_settled(branch.inbox, decode, inside=inside)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        kind = ShortageError if error.errno in SHORTAGE else UnreadableMailboxError
        raise kind(f"{branch.name}: {error}") from error


def update(
    branch: Branch,
    inside: str,
    edit: Callable[[Inbox], bool],
    decode: Decode = mails_in,
    patience: Patience | None = None,
    known: bytes = b"",
) -> bool:
    """Change the inbox of *branch* with *edit* under the mailbox's lock; return whether the file was replaced.

    *edit* returns whether it changed the inbox, and is called again if another program writes the file in between.
    *known* is the content that the inbox probably has, see `rewrite`.
    Raise MailboxError as `read_inbox` does, OSError if the file cannot be written; it is then unchanged.
    """

    def edited(data: bytes) -> Parts | None:
        inbox = Inbox(data, decode)
        return inbox.parts() if edit(inbox) else None

    with locked(branch, inside, patience) as mailbox, _as_mailbox_errors(branch):
        clear_leftovers(mailbox)
        return rewrite(Path(branch.inbox), edited, inside=inside, known=known)


@contextlib.contextmanager
def locked(branch: Branch, inside: str, patience: Patience | None = None) -> Iterator[int]:
    """Hold the lock file that the mail program uses too; yield the descriptor of the mailbox.

    Raise BusyMailboxError if it is not free before *patience* ends, by default within 10 seconds, UnreadableMailboxError if the mailbox is outside *inside*.
    """
    with contextlib.ExitStack() as opened:
        with _as_mailbox_errors(branch):
            mailbox = opened.enter_context(holding(branch.mailbox, inside))
            fd = _open_lock(branch, mailbox, inside)
        opened.callback(os.close, fd)
        _wait_for(fd, branch, patience or Patience())
        yield mailbox


class Folder:
    """A folder of mails such as `sent` or `deleted`: one file per mail, which is never replaced.

    A file is named by time, subject and message id, in the order of the mail program. Without the id, two mails with the
    same subject in the same second would be one file.
    """

    def __init__(self, branch: Branch, name: str, inside: str) -> None:
        self.form = branch.form
        self.path = Path(branch.mailbox, name)
        self.inbox = Path(branch.inbox)
        self.inside = inside
        self.names: dict[str, list[str]] | None = None

    def holds(self, message: Message, *, by: Sequence[str] = UNCHANGING) -> bool:
        """Return whether the folder has a mail with the same fields *by* as *message*, from any program."""
        return any(_same(message, self._read(name), by) for name in self._candidates(message))

    def has_named(self, message: Message) -> bool:
        """Return whether the folder has a file that `put` named after *message*."""
        return _id_in_name(message) in self._index()

    def put(self, message: Message, body: Message, now: datetime, zone: ZoneInfo, *, escaped: bool) -> None:
        """Write *body* to a new file named after *message*. *escaped*: in ASCII. Call `settle` after the last one."""
        time, subject = timestamps.compact(now, zone), _in_name(message.get("subject", "No Subject"))
        own, text = _id_in_name(message), dump(body, Style(ascii=escaped))
        with self._opened() as folder:
            for number in range(1, 100):
                suffix = "" if number == 1 else f"_{number}"
                with contextlib.suppress(FileExistsError):
                    name = self.form.mail_file.format(time=time, subject=f"{subject}{suffix}", id=own)
                    place = Place(folder, name, f"{self.path}/{name}")
                    return create_atomically(place, text.encode(), self._set_attributes)
        raise FileExistsError(f"{self.path}: there are already 99 mails with the same second, subject and id")

    def settle(self) -> None:
        """Sync the directory, so that the files written by `put` survive a power failure."""
        with contextlib.suppress(FileNotFoundError), holding(self.path, self.inside) as folder:
            os.fsync(folder)

    @contextlib.contextmanager
    def _opened(self) -> Iterator[int]:
        """Hold the folder open, which is created if it is missing."""
        try:
            # The owner of the mailbox must be able to use the folder even if root created it.
            with holding(self.path.parent, self.inside) as mailbox:
                folder = make_directory(mailbox, self.path.name, str(self.path), like=mailbox)
        except NotADirectoryError:  # or a link
            folder = open_directory(self.path, self.inside)
        try:
            yield folder
        finally:
            os.close(folder)

    def _set_attributes(self, fd: int) -> None:
        with located(self.inbox, self.inside) as inbox:
            copy_attributes(fd, inbox)

    def _candidates(self, message: Message) -> list[str]:
        """Return the names of files that may contain *message*: those with its id, and those with its subject alone."""
        index, subject = self._index(), _in_name(message.get("subject", "No Subject"))
        without_id = [n for n in index.get(subject.rpartition("_")[2], []) if n.endswith(f"_{subject}.json")]
        return list(dict.fromkeys(index.get(_id_in_name(message), []) + without_id))

    def _index(self) -> dict[str, list[str]]:
        """Return the file names of the folder, grouped by the parts in which an id can be: the third and the last one."""
        if self.names is None:
            self.names = {}
            for name in _listing(self.path, self.inside):
                parts = name.removesuffix(".json").split("_")
                for part in {parts[-1], *parts[2:3]}:
                    self.names.setdefault(part, []).append(name)
        return self.names

    def _read(self, name: str) -> Any:
        try:
            return parse(read_regular(self.path / name, inside=self.inside))
        except (OSError, ValueError):
            return None


def archived(message: Message, now: datetime, zone: ZoneInfo) -> Message:
    """Return *message* in the form of the folder `deleted/`: closed, read and with the time of archiving."""
    return {**message, "status": "closed", "read": True, "archived_at": timestamps.iso(now, zone)}


def _same(message: Message, other: Any, by: Sequence[str]) -> bool:
    return isinstance(other, dict) and all(message.get(key) == other.get(key) for key in by)


def _listing(directory: Path, inside: str) -> list[str]:
    """Return the names of the mail files in *directory*; remove temporary files that killed writers left."""
    names = []
    with contextlib.suppress(OSError), holding(directory, inside) as fd, os.scandir(fd) as entries:
        for entry in entries:
            if is_temporary(entry.name):
                remove_leftover(fd, entry.name)
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
        raise UnreadableMailboxError(f"{branch.name}: {branch.inbox} cannot be parsed: {error}") from error
    except RefusedError as error:
        raise UnreadableMailboxError(f"{branch.name}: {error}") from error


def _open_lock(branch: Branch, mailbox: int, inside: str) -> int:
    place = Place(mailbox, ".inbox.lock", f"{branch.mailbox}/.inbox.lock")
    try:
        fd = place.open(os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NONBLOCK, 0o600)
    except FileExistsError:
        if not stat.S_ISREG(place.stat().st_mode):
            raise RefusedError(f"{place.path}: not a regular file") from None
        fd = place.open(READING)
        with contextlib.suppress(OSError):  # the file of another user: its rights are theirs to set
            _close_to_readers(fd, branch, inside)
        return fd
    try:
        # Without this, a lock file created by root could not be opened by the owner's mail program.
        with located(branch.inbox, inside) as inbox:
            copy_attributes(fd, inbox)
        _close_to_readers(fd, branch, inside)
    except BaseException:
        os.close(fd)
        raise
    return fd


def _close_to_readers(fd: int, branch: Branch, inside: str) -> None:
    """Take the rights to the lock file *fd* from those that may not write the inbox: who may read it can hold the lock for ever."""
    try:
        with located(branch.inbox, inside) as inbox:
            writers = inbox.stat().st_mode & 0o022
    except FileNotFoundError:
        writers = 0
    mode = stat.S_IMODE(os.fstat(fd).st_mode)
    wanted = mode & (0o600 | writers | writers << 1)
    if wanted != mode:
        os.fchmod(fd, wanted)


def _wait_for(fd: int, branch: Branch, patience: Patience) -> None:
    pause, began = 0.001, time.monotonic()
    deadline = began + patience.left
    try:
        while True:
            try:
                return fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    held = f"{branch.mailbox}/.inbox.lock is held by another program"
                    raise BusyMailboxError(f"{branch.name}: {held}") from None
            time.sleep(pause)
            pause = min(pause * 2, 0.01)
    finally:
        patience.left = max(0.0, deadline - time.monotonic())
