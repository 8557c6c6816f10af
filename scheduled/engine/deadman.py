"""The file of `[notify] deadman`: its modification time is that of the last tick of cron that did its work.

An idle tick has no configuration: it touches what a link in the state directory names, see `idle`.
"""

import errno
import os
import select
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from scheduled import clock, idle
from scheduled.core.troubles import Trouble
from scheduled.execution.process import MAX_FDS
from scheduled.paths import Paths

if TYPE_CHECKING:
    from scheduled.engine.runtime import Runtime

KEY = "tick:deadman"
SPARE = 1.0  # seconds by which a child may die later than it should
WORDS = {
    errno.ELOOP: "it is a symbolic link",  # in a directory of others it would make any file of the user a recent one
    errno.ENODEV: "it is not a regular file",
    errno.ETIMEDOUT: "its file system does not answer",
}


def prepare(runtime: "Runtime") -> dict[str, Trouble]:
    """Create the file and the link to it, or remove the link of an earlier setting; return a trouble if that fails.

    Call it outside of a transaction: it waits for the file system of the file.
    """
    link, wanted = _link(runtime.paths), runtime.config.notify.deadman or ""
    try:
        if not wanted:
            link.unlink(missing_ok=True)
            return {}
        path = Path(wanted).expanduser()
        code = _bounded(lambda: _create(path))
        if not code:
            _point(link, os.fspath(path))
    except (OSError, RuntimeError) as error:  # without a home `~` is a RuntimeError
        return _failed(wanted, getattr(error, "strerror", None) or str(error))
    return _failed(wanted, WORDS.get(code) or os.strerror(code)) if code else {}


def _failed(wanted: str, reason: str) -> dict[str, Trouble]:
    text = (
        f"notify.deadman: {wanted}: can't be touched, so its monitor will report that no tick comes: "
        f"{reason} (create its directory, or correct the path)"
    )
    return {KEY: Trouble(text=text, kind="deadman")}


def touch(paths: Paths) -> None:
    """Set the modification time of the file to now. `prepare` has reported what is wrong with it."""
    now = int(clock.now() * 1e9)
    with suppress(OSError):
        _bounded(lambda: os.utime(_link(paths), ns=(now, now)))


def _bounded(work: Callable[[], None]) -> int:
    """Do *work* in a child, and do not wait for long; return its errno, 0 if it was done. Raise OSError if it can't be forked.

    Whether a file system answers is not known before it is asked, so that this costs a process also with a local one.
    """
    answers, answer = os.pipe()
    try:
        try:
            pid = idle.in_child(lambda: _answer(work, answer))
        finally:
            os.close(answer)
        poll = select.poll()
        poll.register(answers, select.POLLIN)
        if not poll.poll((idle.HANGS + SPARE) * 1000):
            return errno.ETIMEDOUT  # not even a signal ends it
        found = os.read(answers, 1)
    finally:
        os.close(answers)
    with suppress(ChildProcessError):  # SIGCHLD is ignored
        os.waitpid(pid, 0)
    return found[0] if found else errno.ETIMEDOUT


def _answer(work: Callable[[], None], answer: int) -> None:
    """Do *work*, and write its errno to *answer*; without the locks of the tick, which a child that hangs would hold for longer."""
    os.closerange(0, answer)
    os.closerange(answer + 1, MAX_FDS)
    code = 0
    try:
        work()
    except OSError as error:
        code = error.errno or errno.EIO
    os.write(answer, bytes([code]))


def _link(paths: Paths) -> Path:
    return paths.root / os.fsdecode(idle.DEADMAN)


def _create(path: Path) -> None:
    """Create the file, if it does not exist; its content is left as it is. Raise OSError if it can't be touched."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(errno.ENODEV, WORDS[errno.ENODEV])
    finally:
        os.close(fd)


def _point(link: Path, target: str) -> None:
    with suppress(FileNotFoundError):
        if os.readlink(link) == target:
            return
    temporary = link.with_name(f".{link.name}.tmp")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    temporary.replace(link)
