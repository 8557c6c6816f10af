"""The rules about links beneath a directory, and the walk along a path that applies them.

A link is followed if it does not lead out of the directory, and if root, the current user or the owner of the directory
made it. The link of another user is followed only to what belongs to that user.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress

LOOK = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
MOST_LINKS = 40  # in one path, as in the kernel


class RefusedError(OSError):
    """A file is not read or written because of what it is: not regular, too large, or outside the allowed directory."""


def is_inside(path: str, directory: str) -> bool:
    """Return whether *path* is *directory* or below it; both must be resolved paths."""
    return path == directory or path.startswith(directory.rstrip("/") + "/")


@contextmanager
def walking(root: int, path: str, inside: str) -> Iterator[tuple[int, str]]:
    """Yield the directory in which *path* is, and its name there, which was no link a moment ago."""
    walk = _Walk(root, path, inside)
    try:
        yield walk.to(below(path, inside, root))
    finally:
        walk.close()


class _Walk:
    """Follows a path step by step. *opened* are the directories that lead to the current one, the root first."""

    def __init__(self, root: int, path: str, inside: str) -> None:
        self.path, self.inside = path, inside
        self.opened = [os.dup(root)]
        self.trusted = {0, os.geteuid(), os.fstat(root).st_uid}
        self.links = 0
        self.bound: int | None = None  # the user that must own everything, after a link of this user

    def to(self, relative: str) -> tuple[int, str]:
        """Return the directory of a path, and the name there ("." for the directory itself)."""
        names = relative.split("/")[::-1]
        while names:
            name = names.pop()
            if name == "..":
                self._up()
            elif name not in ("", ".") and not self._step(name, names):
                return self.opened[-1], name
        return self.opened[-1], "."

    def close(self) -> None:
        """Close the directories."""
        while self.opened:
            os.close(self.opened.pop())

    def _step(self, name: str, names: list[str]) -> bool:
        """Go on to *name*, which *names* follow; return False if it is the last one and no link."""
        try:
            fd = os.open(name, LOOK, dir_fd=self.opened[-1])
        except FileNotFoundError:
            if names:
                raise
            self._check_owner(os.fstat(self.opened[-1]).st_uid)  # where the missing file will be created
            return False
        found = os.fstat(fd)
        if stat.S_ISLNK(found.st_mode):
            self._follow(fd, found.st_uid, names)
        else:
            self.opened.append(fd)
            self._check_owner(found.st_uid)
            if not names:
                os.close(self.opened.pop())
                return False
        return True

    def _follow(self, fd: int, owner: int, names: list[str]) -> None:
        try:
            target = os.readlink("", dir_fd=fd)
        finally:
            os.close(fd)
        self.links += 1
        if self.links > MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), self.path)
        if owner not in self.trusted:
            self._check_owner(owner)
            self.bound = owner
        if target.startswith("/"):
            while len(self.opened) > 1:
                os.close(self.opened.pop())
            target = self._relative(target)
        names.extend(target.split("/")[::-1])

    def _check_owner(self, owner: int) -> None:
        if self.bound not in (None, owner):
            raise RefusedError(
                f"{self.path}: not followed: a link of user {self.bound} to a file of another user"
            )

    def _relative(self, target: str) -> str:
        try:
            return below(target, self.inside, self.opened[0])
        except RefusedError:
            raise _outside(self.path, self.inside) from None

    def _up(self) -> None:
        if len(self.opened) == 1:
            raise _outside(self.path, self.inside)
        os.close(self.opened.pop())


def below(path: str, inside: str, root: int) -> str:
    """Return *path* relative to *inside*, which is open as *root*. A link above it may lead there."""
    if is_inside(path, inside):
        return path[len(inside.rstrip("/")) + 1 :] or "."
    names = path.split("/")
    for number in range(1, len(names) + 1):
        with suppress(OSError):
            if os.path.samestat(os.stat("/".join(names[:number]) or "/"), os.fstat(root)):
                return "/".join(names[number:]) or "."
    raise _outside(path, inside)


def _outside(path: str, inside: str) -> RefusedError:
    return RefusedError(f"{path}: is a link to outside {inside}")
