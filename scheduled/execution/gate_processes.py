"""Find and kill all processes of gates, by their session or by a variable in their environment.

The guard executes this file as a script, after its tick has ended: import only the standard library.
"""

import os
import signal
import sys
import time
from collections.abc import Collection, Iterator

MARK = "SCHEDULED_GATE"  # the variable that all processes of a gate inherit
REAP = 1.0  # seconds to wait for processes that were killed; one in an uninterruptible call ends later
PAUSE = 0.005  # seconds between two searches: a process that was killed needs some time to end


def kill_all(sessions: Collection[int], mark: str, *, within: float = REAP) -> None:
    """Kill what `kill_found` finds until it finds nothing twice in a row, at most for *within* seconds.

    A search can miss a process that is executing another program, or that another one starts meanwhile.
    """
    until, found = time.monotonic() + within, [True]
    while any(found[-2:]) and time.monotonic() < until:
        time.sleep(PAUSE)
        found.append(kill_found(sessions, mark))


def kill_session(session: int) -> None:
    """Kill the processes of a *session*, and none that have left it."""
    for pid in _processes():
        if _belongs(pid, [session], b""):
            _kill(pid)


def kill_found(sessions: Collection[int], mark: str) -> bool:
    """Kill the processes of the *sessions*, and those of this user with a `MARK` that begins with *mark*.

    Return whether there was one. Processes that may not be signalled are not counted.
    """
    beginning = f"{MARK}={mark}".encode()
    return sum(_kill(pid) for pid in _processes() if _belongs(pid, sessions, beginning)) > 0


def _processes() -> Iterator[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdecimal())


def _belongs(pid: int, sessions: Collection[int], beginning: bytes) -> bool:
    """Return whether process *pid* has one of the *sessions*, or a variable with this *beginning*, and has not ended.

    Without a *beginning* no variable counts.
    """
    state, _, _, session = (_read(f"/proc/{pid}/stat").rpartition(b")")[2].split() or [b"X"] * 4)[:4]
    if state in (b"Z", b"X"):
        return False
    if int(session) in sessions or not beginning:
        return int(session) in sessions
    return b"\0" + beginning in b"\0" + _read(f"/proc/{pid}/environ")


def _read(path: str) -> bytes:
    """Return the content of a file below /proc; b"" if its process has ended, or belongs to another user."""
    try:
        with open(path, "rb", buffering=0) as file:
            return file.readall()
    except OSError:
        return b""


def _kill(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIGKILL)
    except OSError:
        return False
    return True


if __name__ == "__main__":
    kill_all({int(word) for word in sys.argv[2:]}, sys.argv[1])
