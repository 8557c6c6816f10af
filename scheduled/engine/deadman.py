"""The file of `[notify] deadman`: its modification time is that of the last tick of cron that did its work.

An idle tick has no configuration: it touches what a link in the state directory names, see `idle`.
"""

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from scheduled import clock, idle
from scheduled.core.troubles import Trouble
from scheduled.paths import Paths

if TYPE_CHECKING:
    from scheduled.engine.runtime import Runtime

KEY = "tick:deadman"


def prepare(runtime: "Runtime") -> dict[str, Trouble]:
    """Create the file and the link to it, or remove the link of an earlier setting; return a trouble if that fails."""
    link, wanted = _link(runtime.paths), runtime.config.notify.deadman
    try:
        if not wanted:
            link.unlink(missing_ok=True)
            return {}
        _create(Path(wanted).expanduser())
        _point(link, os.path.expanduser(wanted))
    except (OSError, RuntimeError) as error:  # without a home `~` is a RuntimeError
        reason = getattr(error, "strerror", None) or str(error)
        text = (
            f"notify.deadman: {wanted}: can't be touched, so its monitor will report that no tick comes: "
            f"{reason} (create its directory, or correct the path)"
        )
        return {KEY: Trouble(text=text, kind="deadman")}
    return {}


def touch(paths: Paths) -> None:
    """Set the modification time of the file to now. `prepare` has reported what is wrong with it."""
    with suppress(OSError):
        now = int(clock.now() * 1e9)
        os.utime(_link(paths), ns=(now, now))


def _link(paths: Paths) -> Path:
    return paths.root / os.fsdecode(idle.DEADMAN)


def _create(path: Path) -> None:
    """Create the file, if it does not exist; its content is left as it is. Raise OSError if it can't be touched."""
    if path.is_symlink():  # a link in a directory of others would make any file of the user a recent one
        raise OSError(0, "it is a symbolic link")
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(0, "it is not a regular file")
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
