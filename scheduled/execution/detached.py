"""Detach a forked child from its supervisor."""

import os
import signal

MAX_FDS = 1 << 16


def detach(channel: int) -> None:
    """Detach the forked child from the supervisor: new session, default signals, only the *channel* open."""
    os.setsid()
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    os.closerange(3, channel)
    os.closerange(channel + 1, MAX_FDS)
