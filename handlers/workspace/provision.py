"""Creates the mailbox of a branch, where the mail program does so with the first mail."""

import os
import stat
import time
from contextlib import suppress
from functools import partial

from scheduled.handlers.formats.branches import Branch
from scheduled.handlers.formats.json_text import written
from scheduled.state.beneath import Place, make_directory, open_directory
from scheduled.state.files import create_atomically

EMPTY = {"mailbox": "inbox", "total_messages": 0, "unread_count": 0, "messages": []}
# Seconds. The mail program looks for the inbox and writes an empty one without its lock: one that is about to do that
# must not replace an inbox with a first mail.
SETTLING = 0.25


def provide_mailbox(branch: Branch, inside: str) -> bool:
    """Create the directory, `sent/` and inbox of a branch as far as they are missing; return whether the branch has them.

    False: the form's mail program creates no mailbox, or the branch has no directory. New files belong to the owner of
    the branch. Raise OSError if they cannot be created, RefusedError if they would be outside *inside*.
    """
    if not branch.form.provisions:
        return False
    try:
        home = open_directory(branch.path, inside)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        _provide(branch, home, inside)
    finally:
        os.close(home)
    time.sleep(SETTLING)
    return True


def _provide(branch: Branch, home: int, inside: str) -> None:
    mailbox = _opened(home, branch.form.mailbox, branch.mailbox, home, inside)
    try:
        os.close(_opened(mailbox, "sent", f"{branch.mailbox}/sent", home, inside))
        with suppress(FileExistsError):
            place = Place(mailbox, "inbox.json", branch.inbox)
            create_atomically(place, written(EMPTY), partial(_give_to_owner, home))
            os.fsync(mailbox)
    finally:
        os.close(mailbox)


def _opened(parent: int, name: str, path: str, home: int, inside: str) -> int:
    """Return the descriptor of a directory of the branch, which is created like the one that is open as *home*."""
    try:
        return make_directory(parent, name, path, like=home)
    except NotADirectoryError:  # or a link
        return open_directory(path, inside)


def _give_to_owner(home: int, fd: int) -> None:
    """Give a new file the owner and the permissions of the branch's directory."""
    model, here = os.fstat(home), os.fstat(fd)
    if (model.st_uid, model.st_gid) != (here.st_uid, here.st_gid):
        os.fchown(fd, model.st_uid, model.st_gid)
    os.fchmod(fd, stat.S_IMODE(model.st_mode) & 0o666)
