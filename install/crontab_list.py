"""Read the user's crontab for its variables, in a tick that a person waits for.

`crontab_command` reads and writes it exactly. Its import takes longer than everything else that such a tick needs.
"""

import os

from scheduled.errors import StateError


def listed() -> bytes:
    """Return what `crontab -l` prints; b"" if it fails, as for a user without a crontab, or if there is no cron.

    Raise StateError if it can't be started for lack of resources: jobs would get another environment.
    """
    try:
        reader, writer = os.pipe()
    except OSError as error:
        raise StateError(f"crontab -l: {error.strerror}") from error
    try:
        process = _spawn(writer)
    except (FileNotFoundError, PermissionError):
        os.close(reader)
        return b""
    except OSError as error:
        os.close(reader)
        raise StateError(f"crontab -l: {error.strerror}") from error
    finally:
        os.close(writer)
    with os.fdopen(reader, "rb") as output:
        printed = output.read()
    return printed if os.waitpid(process, 0)[1] == 0 else b""


def _spawn(output: int) -> int:
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, output, 1),
        (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
    ]
    return os.posix_spawnp("crontab", ["crontab", "-l"], os.environ, file_actions=actions)
