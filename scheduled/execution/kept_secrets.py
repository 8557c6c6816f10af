"""The secrets with which an attempt was started, in a file of their own from before its start until its output is masked.

The file is private (mode 0600) like the output, which holds the same secrets if the job prints them. Readers of the
output take the secrets from here: the configuration and the environment may be others by then.
"""

import os
from collections.abc import Iterable
from pathlib import Path

from scheduled.errors import ScheduledError
from scheduled.masking import Mask
from scheduled.state.files import RefusedError, read_regular, write_all

LAST = b"\0end\n"  # a file without it is damaged; an environment variable holds no NUL
FLAGS = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW


class LostSecretsError(ScheduledError):
    """The file with the secrets of an attempt is damaged, so that its output can't be masked."""


def keep(path: Path, secrets: Iterable[str]) -> None:
    """Write *secrets* to the file *path*, on disk before this returns. Raise OSError."""
    fd = os.open(path, FLAGS, 0o600)
    try:
        write_all(fd, b"\0".join(map(os.fsencode, secrets)) + LAST)
        os.fsync(fd)
    finally:
        os.close(fd)


def mask_in(path: Path) -> Mask:
    """Return the mask for the secrets in the file *path*; an empty one if there is no file: nothing is left to mask.

    Raise LostSecretsError if the file is damaged, OSError if it can't be read now.
    """
    try:
        data = read_regular(path)
    except FileNotFoundError:
        return Mask()
    except RefusedError as error:
        raise LostSecretsError(str(error)) from None
    if not data.endswith(LAST):
        raise LostSecretsError(f"{path}: damaged: it is not complete")
    return Mask(map(os.fsdecode, data.removesuffix(LAST).split(b"\0")))
