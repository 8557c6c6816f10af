"""Checks of owner and mode: only files that the user or root controls decide what runs."""

import os
import stat
from pathlib import Path

from scheduled.errors import ConfigError

MOUNTS = Path("/proc/self/mountinfo")
# File systems on which chmod and chown change nothing.
WITHOUT_MODES = frozenset({"vfat", "msdos", "exfat"})
# File systems on which chmod and chown work only with certain mount options.
PERHAPS_WITHOUT_MODES = frozenset({"ntfs", "ntfs3", "fuseblk", "cifs", "smb3", "9p"})


def warn_or_refuse(path: Path) -> list[str]:
    """Check *path*, a file or directory that decides what runs, and its parent directory; return warnings.

    A warning reports that a group other than the user's own can write it. Raise ConfigError, with the command that
    corrects it, if one of the two belongs to a user other than root and the current user, or if it is writable by all users.
    A path that does not exist is accepted.
    """
    warnings: list[str] = []
    for place in (path, path.parent):
        try:
            found = place.stat()
        except OSError:
            continue
        _refuse(place, found, may_chown=place == path)
        if found.st_mode & stat.S_IWGRP and found.st_gid != os.getegid():
            warnings.append(f"{place}: is writable by its group; {_fix(found, f'chmod g-w {quoted(place)}')}")
    return warnings


def refuse_foreign(path: Path) -> None:
    """Raise ConfigError, with the command that corrects it, if another user owns *path* or it is writable by all users.

    A path that does not exist is accepted, and so is one of root's.
    """
    try:
        found = path.stat()
    except OSError:
        return
    _refuse(path, found)


def refuse_as_root_in_anothers(path: Path) -> None:
    """Raise ConfigError if the user is root and *path* would be created in a directory of another user.

    This happens with `sudo` if it keeps HOME: the files would belong to root, and the user could not use them.
    """
    if os.geteuid() != 0:
        return
    place = path
    while not place.exists():
        place = place.parent
    found = place.stat()
    if found.st_uid != 0:
        raise ConfigError(_foreign(place, found, may_chown=False))


def quoted(path: Path) -> str:
    """Return *path*, quoted for a shell."""
    import shlex

    return shlex.quote(str(path))


def name_of(uid: int) -> str:
    """Return the name of the user *uid*; the number as text if it has no name."""
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def refuse_unreadable(path: Path) -> None:
    """Raise ConfigError, with the command that corrects it, if the user may not read the file or directory *path*.

    A path that does not exist is accepted. No file is opened: to close a file of the database would release the POSIX
    locks that this process holds on it.
    """
    if _may_read(path):
        return
    for place in (*reversed(path.parents), path):
        try:
            found = place.stat()
        except OSError:
            return  # it does not exist, or opening it reports the error
        if place != path and not stat.S_ISDIR(found.st_mode):
            return  # opening it reports the error
        if not (_may_read(place) if place == path else os.access(place, os.X_OK, effective_ids=True)):
            raise ConfigError(_unreadable(place, found, is_own_place=place == path))


def refuse_unwritable(path: Path) -> None:
    """Raise ConfigError, with the command that corrects it, if *path* exists and its mode forbids the user to write it.

    A path on a read-only file system is accepted: the error of a later write names that cause.
    """
    try:
        found = path.stat()
    except OSError:
        return
    if os.access(path, os.W_OK, effective_ids=True) or os.statvfs(path).f_flag & os.ST_RDONLY:
        return
    if found.st_uid == os.geteuid():
        raise ConfigError(
            f"{path}: its mode does not let you write it; {_fix(found, f'chmod u+w {quoted(path)}')}"
        )
    raise ConfigError(_foreign(path, found, may_chown=True))


def _may_read(path: Path) -> bool:
    # Path.is_dir raises if a parent directory may not be searched.
    return os.access(path, os.R_OK | os.X_OK * os.path.isdir(path), effective_ids=True)


def _unreadable(place: Path, found: os.stat_result, *, is_own_place: bool) -> str:
    if found.st_uid == os.geteuid():
        return f"{place}: its mode does not let you read it; {_fix(found, f'chmod u+rX {quoted(place)}')}"
    return _foreign(place, found, may_chown=is_own_place)


def _foreign(place: Path, found: os.stat_result, *, may_chown: bool) -> str:
    """Return a message with the owner of *place* and the command that corrects it.

    With *may_chown* the command is chown. A parent directory also holds other files, and must keep its owner.
    """
    me, name = os.geteuid(), f"user {name_of(found.st_uid)}"
    if not may_chown:
        return f"{place}: belongs to {name}: run this as {name}" + ", without sudo" * (me == 0)
    chown = _fix(found, f"{'chown -R' if stat.S_ISDIR(found.st_mode) else 'chown'} {me} {quoted(place)}")
    if me == 0:
        return f"{place}: belongs to {name}: run this as {name}, without sudo, or make it root's; {chown}"
    return f"{place}: belongs to {name}, not to you; sudo {chown}"


def refuse_shared(directory: Path) -> None:
    """Raise ConfigError, with the command that corrects it, if *directory* is writable by its group or by all users."""
    found = directory.stat()
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise ConfigError(
            f"{directory}: is writable by its group or by all users; {_fix(found, f'chmod 700 {quoted(directory)}')}"
        )


def _refuse(place: Path, found: os.stat_result, *, may_chown: bool = True) -> None:
    if found.st_uid not in (0, os.geteuid()):
        raise ConfigError(_foreign(place, found, may_chown=may_chown))
    # In a sticky directory such as /tmp no user can replace the files of another.
    shared = stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX
    if found.st_mode & stat.S_IWOTH and not shared:
        raise ConfigError(f"{place}: is writable by all users; {_fix(found, f'chmod o-w {quoted(place)}')}")


def _fix(found: os.stat_result, command: str) -> str:
    """Return *command*, or the advice that replaces it on a file system without modes and owners."""
    kind = _file_system(found.st_dev)
    if kind in PERHAPS_WITHOUT_MODES:
        return f"{command} (if that changes nothing, its file system, {kind}, is mounted without modes)"
    if kind not in WITHOUT_MODES:
        return command
    return f"its file system ({kind}) has no modes: use another, or mount it with umask=077 and your uid"


def _file_system(device: int) -> str:
    """Return the type of the file system with this device number; '' if it is unknown."""
    try:
        lines = MOUNTS.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    number = f"{os.major(device)}:{os.minor(device)}"
    kinds = (line.partition(" - ")[2].split(" ")[0] for line in lines if line.split(" ")[2:3] == [number])
    return next(kinds, "")
