"""Check what is expected of an attempt that ends with success: what it printed, a file that it changed, a command after it.

The supervisor does it before it records the result, so that an attempt of which this was not checked never counts as a success.
"""

import os
import signal
import stat
import time
from collections.abc import Callable, Iterator, Sequence

import msgspec

from scheduled.core.runs import UNEXPECTED, AttemptResult
from scheduled.execution import steps
from scheduled.execution.attempt import Attempt, ending, masked, not_startable
from scheduled.execution.process import detach
from scheduled.execution.protocol import Expected, Spec

PATIENCE = 60.0  # seconds to look for a file
COARSE = (
    2.0  # seconds by which the time of a change may be too early: some file systems keep only even seconds
)
# The exit codes of the child that looks for a file. Any other: it did not end.
CHANGED, MISSING, OLD, EMPTY = range(4)
WRONG = {MISSING: "there is none", OLD: "it was not changed", EMPTY: "it is empty"}
UNKNOWN = "it could not be read, or not in time"


def without_output(running: Attempt, result: AttemptResult) -> AttemptResult:
    """Return the *result* of an attempt in which no line matches, or that could not be searched."""
    assert running.spec.expect is not None
    assert running.output.search is not None
    late = ", but it could not be searched in time" if running.output.search.failed else ""
    return _failed(running.spec, result, f'output that matches "{running.spec.expect.output}"{late}')


def next_check(
    running: Attempt, result: AttemptResult, start: Callable[[Spec], int]
) -> Attempt | AttemptResult:
    """Start the check that follows the last step of *running*, if its *result* so far is a success and one is left.

    *start* executes a specification, and returns the pid. Return the *result* if none is left, or if one can't be started.
    """
    wanted = running.spec.expect
    if wanted is None or result.status != "success" or running.step == "expect":
        return result
    if wanted.fresh and running.step != "fresh":
        return _look(running, wanted, result)
    return _execute(running, wanted, result, start) if wanted.argv else result


def after(running: Attempt, code: int) -> AttemptResult:
    """Given that a check has ended with the exit *code*, return the result of the attempt so far."""
    assert running.so_far is not None
    assert running.spec.expect is not None
    if code == 0 and running.cause is None:
        return running.so_far
    if running.step == "fresh":
        why = WRONG.get(code, UNKNOWN) if running.cause is None else UNKNOWN
        return _failed(running.spec, running.so_far, _of_file(running.spec.expect, why))
    if running.cause in ("stopped", "interrupted"):
        reason = f"expect.command: {ending(running, code)}"
        return msgspec.structs.replace(
            running.so_far, status=running.cause, reason=masked(running.spec, reason)
        )
    return _failed(running.spec, running.so_far, f"its command to succeed: {ending(running, code)}")


def _look(running: Attempt, wanted: Expected, result: AttemptResult) -> Attempt | AttemptResult:
    """Start a child that looks for the file: a file system that does not answer must not hold up the supervisor."""
    since = _since(running, wanted) - COARSE
    try:
        pid = os.fork()
    except OSError as error:
        return _failed(running.spec, result, _of_file(wanted, error.strerror or UNKNOWN))
    if pid == 0:
        _be_looker(running.output.fd, wanted.fresh, since)
    return steps.following_step(running, "fresh", pid, result, time.monotonic() + PATIENCE)


def _since(running: Attempt, wanted: Expected) -> float:
    """Return from which instant on a change counts: the start, by the clock as it is now if it was set back meanwhile."""
    began = running.started_at if wanted.since is None else wanted.since
    return min(began, time.time() - (time.monotonic() - running.started))


def _execute(
    running: Attempt, wanted: Expected, result: AttemptResult, start: Callable[[Spec], int]
) -> Attempt | AttemptResult:
    running.output.search = None  # what the command prints is not searched
    try:
        pid = start(steps.hook(running.spec, wanted.argv))
    except Exception as error:  # noqa: BLE001 - the reason is in the result
        why = not_startable(running.spec, running.started_at, error).reason
        return _failed(running.spec, result, f"its command to succeed: {why}")
    deadline = time.monotonic() + running.spec.timeout
    return steps.following_step(running, "expect", pid, result, deadline)


def _of_file(wanted: Expected, why: str) -> str:
    return f"{wanted.fresh} to be changed by the run, but {why}"


def _failed(spec: Spec, result: AttemptResult, what: str) -> AttemptResult:
    reason = masked(spec, f"expected {what}")
    return msgspec.structs.replace(result, status="failed", reason=reason, failure_class=UNEXPECTED)


def _be_looker(fd: int, pattern: str, since: float) -> None:
    """Look for the file in the forked child; never return."""
    code = len(WRONG) + 1
    try:
        detach(fd)
        signal.alarm(int(PATIENCE))  # also if the supervisor is killed
        code = state_of(pattern, since)
    finally:
        os._exit(code)


def state_of(pattern: str, since: float) -> int:
    """Return in which state the files are that *pattern* names: CHANGED if one of them was changed after *since*."""
    found = [_state(path, since) for path in _named(pattern)]
    return min(found, key=(CHANGED, EMPTY, OLD, MISSING).index, default=MISSING)


def _named(pattern: str) -> Sequence[str] | Iterator[str]:
    if os.path.lexists(pattern):
        return (pattern,)  # also if its name has a character of patterns
    from glob import iglob

    return iglob(pattern, recursive=True)


def _state(path: str, since: float) -> int:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return MISSING
    # What `rsync -t` or `cp -p` writes has an old time of modification; the time of the change of its inode is new.
    if max(found.st_mtime, found.st_ctime) < since:
        return OLD
    return EMPTY if stat.S_ISREG(found.st_mode) and found.st_size == 0 else CHANGED
