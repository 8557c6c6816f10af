"""The processes of a run that is stopped: the one that leads its group, and those that stay in the group after it."""

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import suppress

from scheduled.execution import process
from scheduled.execution.protocol import Ended, Record, Started


def processes_of(records: Sequence[Record], run_id: str, attempt: int) -> list[Started]:
    """Return the records of the processes of an attempt, the newest last.

    With `pre` or `post` there are several, one after the other. That of `post` has the result *so_far*.
    """
    found = (record for record in records if isinstance(record, Started))
    return [one for one in found if (one.run_id, one.attempt) == (run_id, attempt)]


def started_of(records: Sequence[Record], run_id: str, attempt: int) -> Started | None:
    """Return the record of the newest process of an attempt; None if there is none."""
    return next(reversed(processes_of(records, run_id, attempt)), None)


def has_ended(records: Sequence[Record], run_id: str, attempt: int) -> bool:
    """Return whether the result of an attempt is among *records*."""
    results = (record.attempt_result for record in records if isinstance(record, Ended))
    return any((one.run_id, one.attempt) == (run_id, attempt) for one in results)


def leader_lives(started: Started) -> bool:
    """Return whether the process of the attempt itself has not ended."""
    return process.lives(started.pid, started.born)


def lives(started: Started, output: str) -> bool:
    """Return whether the process of an attempt, or another one of its group, has not ended; *output* is its output file.

    A process that left the group (`setsid`) does not count, nor does a later group that got the same number.
    """
    return leader_lives(started) or _has_members(started, output)


def end(started: Started, number: int) -> None:
    """Send the signal *number* to the group of an attempt. A stopped process handles it too."""
    process.signal_group(started.pid, number)
    process.signal_group(started.pid, signal.SIGCONT)


def _has_members(started: Started, output: str) -> bool:
    try:
        os.killpg(started.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's: a program that sets its user id
        return False
    return any(_is_of_run(pid, started.run_id, output) for pid in _members(started.pid))


def _members(group: int) -> Iterator[int]:
    """Yield the processes in *group* that are no zombies."""
    for name in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            with open(f"/proc/{name}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
            if int(fields[2]) == group and fields[0] not in (b"Z", b"X"):
                yield int(name)


def _is_of_run(pid: int, run_id: str, output: str) -> bool:
    """Return whether *pid* has the environment of the run, or its output open, and with it the run's lock."""
    with suppress(OSError):
        with open(f"/proc/{pid}/environ", "rb") as file:
            if f"SCHEDULED_RUN_ID={run_id}".encode() in file.read().split(b"\0"):
                return True
        return any(os.readlink(entry.path) == output for entry in os.scandir(f"/proc/{pid}/fd"))
    return False
