"""What runner and supervisor say to each other, a JSON line each: specifications down, records up.

The same records stand in the tick's outcome file, which is the truth if either of them dies.
"""

from typing import Any

import msgspec

from scheduled.jobs import Ending, Limits, Seconds


class Spec(msgspec.Struct, frozen=True, kw_only=True, tag="run"):
    """Everything the supervisor needs to execute one attempt.

    *argv* is executed as it is; where it is empty, *task* is a handler's task for a forked child. *output* and
    *report* are the paths of the attempt's files. Runs of the same *group* go one at a time.
    """

    run_id: str
    attempt: int
    job: str
    argv: tuple[str, ...] = ()
    task: dict[str, Any] | None = None
    cwd: str
    env: dict[str, str]
    umask: int | None = None
    nice: int | None = None
    limits: Limits = Limits()
    timeout: Seconds
    success_codes: tuple[int, ...] = (0,)
    group: str = ""
    output: str
    output_limit: int
    report: str = ""
    urgent: bool = False


class Stop(msgspec.Struct, frozen=True, tag="stop"):
    """End all attempts now (TERM, then KILL) and start no more."""


Order = Spec | Stop


class Started(msgspec.Struct, frozen=True, kw_only=True, tag="started"):
    """An attempt's process runs. *born* is the kernel's start time of *pid*, which no later process shares.

    *moment* is the monotonic clock's, which stands while the machine sleeps.
    """

    run_id: str
    attempt: int
    pid: int
    born: int
    at: float
    moment: float = 0.0


class Ended(msgspec.Struct, frozen=True, kw_only=True, tag="ended"):
    """An attempt is over."""

    ending: Ending


class NotStarted(msgspec.Struct, frozen=True, kw_only=True, tag="not_started"):
    """Nothing was started, through no fault of the job: its output or its lock could not be made.

    *deferred* is a start put off on purpose: the tick's time was up, or the runner was stopped.
    """

    run_id: str
    attempt: int
    reason: str
    deferred: bool = False


Record = Started | Ended | NotStarted

encode = msgspec.json.Encoder().encode
decode_record = msgspec.json.Decoder(Record).decode
decode_order = msgspec.json.Decoder(Order).decode


def read_records(data: bytes) -> list[Record]:
    """Given an outcome file's bytes, return its records; a last line cut short by a crash is left out."""
    records: list[Record] = []
    for line in data.split(b"\n")[:-1]:
        try:
            records.append(decode_record(line))
        except msgspec.DecodeError:
            continue  # torn by a power cut; what it told is asked of the run's lock
    return records
