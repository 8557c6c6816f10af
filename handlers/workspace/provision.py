"""Creates the mailbox of a branch, where the mail program does so with the first mail."""

import os
import stat
import time
from contextlib import suppress
from pathlib import Path

from scheduled.handlers.formats.branches import Branch
from scheduled.handlers.formats.json_text import written
from scheduled.state.files import RefusedError, create_atomically, is_inside, sync_directory

EMPTY = {"mailbox": "inbox", "total_messages": 0, "unread_count": 0, "messages": []}
# Seconds. The mail program looks for the inbox and writes an empty one without its lock: one that is about to do that
# must not replace an inbox with a first mail.
SETTLING = 0.25


def provide_mailbox(branch: Branch, inside: str) -> bool:
    """Create the directory, `sent/` and inbox of a branch as far as they are missing; return whether the branch has them.

    False: the form's mail program creates no mailbox, or the branch has no directory. New files belong to the owner of
    the branch. Raise OSError if they cannot be created, RefusedError if they would be outside *inside*.
    """
    if not branch.form.provisions or not os.path.isdir(branch.path):
        return False
    mailbox = Path(branch.mailbox)
    for directory in (mailbox, mailbox / "sent"):
        _make_directory(directory, branch, inside)
    with suppress(FileExistsError):
        create_atomically(Path(branch.inbox), written(EMPTY))
        _give_to_owner(branch.inbox, branch, directory=False)
        sync_directory(mailbox)
    time.sleep(SETTLING)
    return True


def _make_directory(path: Path, branch: Branch, inside: str) -> None:
    with suppress(FileExistsError):
        path.mkdir()
        _give_to_owner(path, branch, directory=True)
    if not is_inside(os.path.realpath(path), inside):
        raise RefusedError(f"{path}: is a link to outside {inside}")


def _give_to_owner(path: Path | str, branch: Branch, *, directory: bool) -> None:
    """Give a new file the owner and the permissions of the branch's directory."""
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | (os.O_DIRECTORY if directory else 0)
    fd = os.open(path, flags)
    try:
        model, here = os.stat(branch.path), os.fstat(fd)
        if (model.st_uid, model.st_gid) != (here.st_uid, here.st_gid):
            os.fchown(fd, model.st_uid, model.st_gid)
        os.fchmod(fd, stat.S_IMODE(model.st_mode) & (0o7777 if directory else 0o666))
    finally:
        os.close(fd)
