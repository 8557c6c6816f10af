"""The system call openat2 of Linux, which resolves a path beneath a directory without links, in one step."""

import errno
import functools
import os
import struct
from collections.abc import Callable

NUMBER = 437  # the number of the system call, the same on every architecture
NO_LINKS = 0x08 | 0x04 | 0x02  # RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS, RESOLVE_NO_MAGICLINKS
MISSING = frozenset({errno.ENOSYS, errno.EPERM})  # an old kernel; a filter of system calls


@functools.cache
def call() -> Callable[[int, str, int], int]:
    """Return the system call that opens a path beneath a directory without following links."""
    try:
        import ctypes  # only where a workspace is used, and not in ordinary ticks
    except ImportError:  # a Python that was built without it
        return _missing
    system_call = ctypes.CDLL(None, use_errno=True).syscall
    system_call.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t]
    system_call.restype = ctypes.c_long

    def openat2(root: int, below: str, flags: int) -> int:
        if "\0" in below:
            raise ValueError("embedded null byte")
        how = struct.pack("QQQ", flags, 0, NO_LINKS)
        fd = int(system_call(NUMBER, root, os.fsencode(below), how, len(how)))
        if fd < 0:
            raise OSError(code := ctypes.get_errno(), os.strerror(code), below)
        return fd

    return openat2


def _missing(*_: object) -> int:
    raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
