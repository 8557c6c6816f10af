"""Messages between a tick and its supervisor, one JSON line each: orders to the supervisor, records from it.

The supervisor writes its records to the result file of the tick, which stays valid if either process dies.
"""

from typing import Any

import msgspec

from scheduled.core.jobs import KILL_AFTER, FailsIf, Limits, Stdin
from scheduled.core.runs import AttemptResult
from scheduled.schedules.zones import Seconds


class Expected(msgspec.Struct, frozen=True):
    """What is expected of an attempt that ends with success: see `core.jobs.Expect`.

    *argv* is executed as `post` is. A file that *fresh* names was changed after *since* (UTC seconds), by default the start
    of the attempt.
    """

    output: str = ""
    fresh: str = ""
    since: float | None = None
    argv: tuple[str, ...] = ()


class Spec(msgspec.Struct, frozen=True, kw_only=True, tag="run"):
    """The order to execute one attempt, with everything that the supervisor needs for it.

    *argv* is executed without a shell. If it is empty, *task* is the task of a handler, which runs in a
    forked process. *output* and *report* are the paths of the attempt's files. Runs of the same *group* run
    one at a time. *kill_after* is the time from SIGTERM to SIGKILL in seconds. *urgent* runs start even after the time limit
    of the tick. *secrets* are masked in the output and the report; if there are any, they are kept in the file *kept* until
    the output is masked. *pre* and *post* are executed before and after it, as *argv* is. *fails_if* makes it fail in spite of
    its exit code, and so does *expect* if it is not met. *secret_sources* are the secrets that the supervisor gets before it starts the attempt, see
    `core.secret_sources`. *stop* is the path of the order to end it, see `execution.stop_orders`.
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
    kill_after: float = KILL_AFTER
    success_codes: tuple[int, ...] = (0,)
    group: str = ""
    output: str
    output_limit: int
    report: str = ""
    urgent: bool = False
    secrets: tuple[str, ...] = ()
    secret_sources: dict[str, str] = {}
    kept: str = ""
    stop: str = ""
    stdin: Stdin | None = None
    fails_if: FailsIf | None = None
    expect: Expected | None = None
    pre: tuple[str, ...] = ()
    post: tuple[str, ...] = ()


class Stop(msgspec.Struct, frozen=True, tag="stop"):
    """The order to end all attempts (SIGTERM, then SIGKILL) and to start no more."""


Order = Spec | Stop


class Started(msgspec.Struct, frozen=True, kw_only=True, tag="started"):
    """The process of an attempt was started.

    *born* is the kernel's start time of *pid*: a later process with the same pid has another one. *at* is in
    UTC seconds. *moment* is on the monotonic clock, which stops while the machine sleeps. An attempt with `pre`,
    `post` or the command of `expect` has several processes, one after the other: *follows* is true for all but the first. *so_far* is the result
    of the attempt when its `post` starts. *at* is that of the first process, *moment* that of this one.
    """

    run_id: str
    attempt: int
    pid: int
    born: int
    at: float
    moment: float = 0.0
    follows: bool = False
    so_far: AttemptResult | None = None


class Ended(msgspec.Struct, frozen=True, kw_only=True, tag="ended"):
    """An attempt has ended."""

    # The key in the file keeps its first name: a job may outlive an upgrade of the program.
    attempt_result: AttemptResult = msgspec.field(name="ending")


class NotStarted(msgspec.Struct, frozen=True, kw_only=True, tag="not_started"):
    """An attempt was not started for a *reason* that is not the job's fault, for example a lack of processes.

    *deferred* is True if the start was postponed on purpose: the tick's time limit was reached, or it was
    stopped.
    """

    run_id: str
    attempt: int
    reason: str
    deferred: bool = False


Record = Started | Ended | NotStarted

encode = msgspec.json.Encoder().encode
decode_record = msgspec.json.Decoder(Record).decode
_decode_order = msgspec.json.Decoder(Order).decode
# UTC seconds, from 1970 to the year 9987. A record with another instant is damaged; `datetime` ends with
# 9999.
EARLIEST, LATEST = 0, 253_000_000_000


def encode_order(order: Order) -> bytes:
    """Return *order* as one JSON line. Paths and environments may contain bytes that are not valid UTF-8."""
    try:
        return encode(order) + b"\n"
    except UnicodeEncodeError:
        import json

        return json.dumps(msgspec.to_builtins(order)).encode() + b"\n"


def decode_order(line: bytes) -> Order:
    """Return the order in *line*."""
    order: Order
    try:
        order = _decode_order(line)
    except msgspec.DecodeError:  # msgspec rejects the surrogates that encode bytes that are not valid UTF-8
        import json

        order = msgspec.convert(json.loads(line), Spec | Stop)
    return order


def read_records(data: bytes) -> list[Record]:
    """Given the content of a result file, return its records.

    Damaged lines, and a last line that a crash has cut off, are ignored.
    """
    return [record for line in data.split(b"\n")[:-1] if (record := _record(line)) is not None]


def unreadable(data: bytes) -> int:
    """Given the content of a result file, return how many of its complete lines are not valid records."""
    return sum(_record(line) is None for line in data.split(b"\n")[:-1])


def _record(line: bytes) -> Record | None:
    try:
        record = decode_record(line)
    except (ValueError, RecursionError):
        return None
    return record if all(EARLIEST <= at <= LATEST for at in _times(record)) else None


def _times(record: Record) -> tuple[float, ...]:
    if isinstance(record, Ended):
        return record.attempt_result.started_at, record.attempt_result.finished_at
    return (record.at,) if isinstance(record, Started) else ()
