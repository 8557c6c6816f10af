"""The order to end one attempt, which any process can give to the supervisor of the attempt: a file.

The supervisor ends the attempt as at its timeout, and starts no further step but `post`. An attempt that has not begun ends
without one.

A tick that replaces a run sends the signals itself, and leaves a note for the supervisor: the attempt was stopped.
"""

import os
import time
from contextlib import suppress
from pathlib import Path

from scheduled.core.runs import AttemptResult
from scheduled.execution.protocol import Ended, Spec
from scheduled.paths import REPLACED

STOPPED = "stopped by hand"


def give(path: Path) -> None:
    """Give the order of which *path* is the file, as `Paths.stop_of` returns it. Raise OSError."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))


def announce(path: Path) -> None:
    """Note that this process ends the attempt with the order *path*; call it before the signal. Raise OSError."""
    give(path.with_suffix(REPLACED))


def taken(spec: Spec) -> bool:
    """Return whether there is an order for the attempt *spec*, and remove it: it is obeyed once."""
    return bool(spec.stop) and _removed(Path(spec.stop))


def announced(spec: Spec) -> bool:
    """Return whether another process has ended the attempt *spec*, and remove the note of it."""
    return bool(spec.stop) and _removed(Path(spec.stop).with_suffix(REPLACED))


def _removed(path: Path) -> bool:
    with suppress(OSError):
        path.unlink()
        return True
    return False


def not_begun(spec: Spec) -> Ended:
    """Return the record of an attempt that was stopped before its first process was started."""
    now = time.time()
    return Ended(
        attempt_result=AttemptResult(
            run_id=spec.run_id,
            attempt=spec.attempt,
            status="stopped",
            started_at=now,
            finished_at=now,
            duration_ms=0,
            reason=STOPPED,
        )
    )
