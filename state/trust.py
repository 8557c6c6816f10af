"""Nothing runs that the user did not write: whose files we believe."""

import os
import stat
from pathlib import Path

from scheduled.errors import ConfigError

MOUNTS = Path("/proc/self/mountinfo")
# File systems on which chmod and chown change nothing.
WITHOUT_MODES = frozenset({"vfat", "msdos", "exfat"})
# File systems on which they do so with certain options only.
PERHAPS_WITHOUT_MODES = frozenset({"ntfs", "ntfs3", "fuseblk", "cifs", "smb3", "9p"})


def warn_or_refuse(path: Path) -> list[str]:
    """Given a file or directory that decides what runs, return warnings about who else can write it.

    Raises ConfigError, with the fix, if it belongs to somebody else (but root) or everybody may write it, or
    if the directory it lies in does. A path that does not exist is not this function's business.
    """
    warnings: list[str] = []
    for place in (path, path.parent):
        try:
            found = place.stat()
        except OSError:
            continue
        _refuse(place, found, is_ours_to_give=place == path)
        if found.st_mode & stat.S_IWGRP and found.st_gid != os.getegid():
            warnings.append(f"{place}: its group may write it; {_fix(found, f'chmod g-w {quoted(place)}')}")
    return warnings


def refuse_foreign(path: Path) -> None:
    """Raise ConfigError, with the fix, if what lies at *path* is not the user's (or root's) or anybody may write it."""
    try:
        found = path.stat()
    except OSError:
        return
    _refuse(path, found)


def refuse_as_root_in_anothers(path: Path) -> None:
    """Raise ConfigError if root is about to make *path* in a directory of another user: sudo, with HOME kept."""
    if os.geteuid() != 0:
        return
    place = path
    while not place.exists():
        place = place.parent
    found = place.stat()
    if found.st_uid != 0:
        raise ConfigError(_foreign(place, found, is_ours_to_give=False))


def quoted(path: Path) -> str:
    """Return *path* as a shell reads it."""
    import shlex

    return shlex.quote(str(path))


def name_of(uid: int) -> str:
    """Return the name of a user; the number itself where there is none."""
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def refuse_unreadable(path: Path) -> None:
    """Raise ConfigError, with the fix, if the user may not read the file or directory at *path*.

    A path that does not exist may be read: there is nothing in it. Nothing is opened: closing a database's file
    would give up the locks that this process has on it.
    """
    if _may_read(path):
        return
    for place in (*reversed(path.parents), path):
        try:
            found = place.stat()
        except OSError:
            return  # it does not exist, or opening it fails with the same error
        if place != path and not stat.S_ISDIR(found.st_mode):
            return  # likewise
        if not (_may_read(place) if place == path else os.access(place, os.X_OK, effective_ids=True)):
            raise ConfigError(_unreadable(place, found, is_own_place=place == path))


def refuse_unwritable(path: Path) -> None:
    """Raise ConfigError, with the fix, if the file or directory at *path* exists and its mode keeps the user from writing it.

    A file system that is mounted read-only is another matter: it is named by the error that a write gets.
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
    raise ConfigError(_foreign(path, found, is_ours_to_give=True))


def _may_read(path: Path) -> bool:
    # Path.is_dir would raise where a directory above may not be searched.
    return os.access(path, os.R_OK | os.X_OK * os.path.isdir(path), effective_ids=True)


def _unreadable(place: Path, found: os.stat_result, *, is_own_place: bool) -> str:
    if found.st_uid == os.geteuid():
        return f"{place}: its mode does not let you read it; {_fix(found, f'chmod u+rX {quoted(place)}')}"
    return _foreign(place, found, is_ours_to_give=is_own_place)


def _foreign(place: Path, found: os.stat_result, *, is_ours_to_give: bool) -> str:
    """Return who owns *place*, and the fix. A directory above ours holds other files too: it keeps its owner."""
    me, name = os.geteuid(), f"user {name_of(found.st_uid)}"
    if not is_ours_to_give:
        return f"{place}: belongs to {name}: run this as {name}" + ", without sudo" * (me == 0)
    chown = _fix(found, f"{'chown -R' if stat.S_ISDIR(found.st_mode) else 'chown'} {me} {quoted(place)}")
    if me == 0:
        return f"{place}: belongs to {name}: run this as {name}, without sudo, or make it root's; {chown}"
    return f"{place}: belongs to {name}, not to you; sudo {chown}"


def refuse_shared(directory: Path) -> None:
    """Raise ConfigError, with the fix, if the group of *directory*, or everybody, may write it."""
    found = directory.stat()
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise ConfigError(
            f"{directory}: others may write it; {_fix(found, f'chmod 700 {quoted(directory)}')}"
        )


def _refuse(place: Path, found: os.stat_result, *, is_ours_to_give: bool = True) -> None:
    if found.st_uid not in (0, os.geteuid()):
        raise ConfigError(_foreign(place, found, is_ours_to_give=is_ours_to_give))
    # A sticky directory such as /tmp lets nobody replace another user's files.
    shared = stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX
    if found.st_mode & stat.S_IWOTH and not shared:
        raise ConfigError(f"{place}: everybody may write it; {_fix(found, f'chmod o-w {quoted(place)}')}")


def _fix(found: os.stat_result, command: str) -> str:
    """Return *command*, or what helps instead where the file system has no modes and owners."""
    kind = _file_system(found.st_dev)
    if kind in PERHAPS_WITHOUT_MODES:
        return f"{command} (where that changes nothing, its file system, {kind}, is mounted without modes)"
    if kind not in WITHOUT_MODES:
        return command
    return f"its file system ({kind}) has no modes: use another, or mount it with umask=077 and your uid"


def _file_system(device: int) -> str:
    """Return the kind of file system that a device number stands for; nothing where that is unknown."""
    try:
        lines = MOUNTS.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    number = f"{os.major(device)}:{os.minor(device)}"
    kinds = (line.partition(" - ")[2].split(" ")[0] for line in lines if line.split(" ")[2:3] == [number])
    return next(kinds, "")
