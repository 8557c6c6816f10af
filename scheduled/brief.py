"""`scheduled status --brief`: one line about what is wrong, or nothing, for the start of a shell.

It must not delay a shell, so it imports only built-in modules, and reads two files: the snapshot's first line, of which the
modification time is the heartbeat, and a file with how often ticks come and the problems that the last tick found.
"""

import posix
import sys
import time

from scheduled import idle

FILE = "brief"  # in the state directory
VERBS = ["status", "--brief"]
MOST = 1 << 14  # bytes
UNITS = ((86400, "d"), (3600, "h"), (60, "min"))


def text(seconds: int, since: int | None, problems: list[str]) -> bytes:
    """Return the content of the file: ticks are expected every *seconds* seconds from *since* on (None: not at all)."""
    lines = [f"{seconds} {-1 if since is None else since}", *problems]
    return ("\n".join(lines) + "\n").encode(errors="replace")[:MOST]


def line(content: bytes, beat: int | None, now: float) -> str:
    """Return the line about the *content* of the file and the last heartbeat *beat* (UTC seconds); '' if all is well."""
    head, *problems = content.decode(errors="replace").splitlines() or [""]
    numbers = head.split()
    try:
        seconds, since = (int(number) for number in numbers)
    except ValueError:
        return ""  # it is damaged; `status` does not need it
    last = max(beat or 0, since)
    if since >= 0 and now - last > 2 * seconds:
        return f"scheduled: ticks have stopped: the last one was {_distance(int(now - last))} ago (scheduled status)"
    if not problems:
        return ""
    more = f" (and {len(problems) - 1} more: scheduled status)" if len(problems) > 1 else ""
    return f"scheduled: {problems[0]}{more}"


def _distance(seconds: int) -> str:
    unit, name = next(((unit, name) for unit, name in UNITS if seconds >= 2 * unit), (1, "s"))
    return f"{seconds // unit} {name}"


def run(argv: list[str]) -> int | None:
    """Print the line if *argv* is `status --brief`, and return the exit code; None for other arguments."""
    found = idle.paths(argv, VERBS)
    if found is None:
        return None
    state = found[1]
    try:
        content = _read(state + b"/" + FILE.encode(), MOST)
    except OSError:
        return 0  # no tick has come yet, or the state can't be read: `status` reports that
    shown = line(content, _beat(state + b"/scheduled_state.json"), time.time())
    if shown:
        sys.stdout.write(shown + "\n")
    return 1 if shown else 0


def _beat(snapshot: bytes) -> int | None:
    """Return the last heartbeat (UTC seconds); None if it is not known."""
    try:
        numbers = idle.parse(_read(snapshot, idle.SIZE))
        modified = posix.stat(snapshot).st_mtime_ns
    except OSError:
        return None
    if idle.is_beat(modified):
        return modified // 10**9
    return None if numbers is None else numbers[3]


def _read(path: bytes, most: int) -> bytes:
    fd = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC | posix.O_NOFOLLOW | posix.O_NONBLOCK)
    try:
        return posix.read(fd, most)
    finally:
        posix.close(fd)
