"""What runner and supervisor say to each other, a JSON line each: specifications down, records up.

The same records stand in the tick's outcome file, which is the truth if either of them dies.
"""

from typing import Any

import msgspec

from scheduled.core.jobs import Limits
from scheduled.core.runs import AttemptResult
from scheduled.schedules.zones import Seconds


class Spec(msgspec.Struct, frozen=True, kw_only=True, tag="run"):
    """Everything the supervisor needs to execute one attempt.

    *argv* is executed as it is; where it is empty, *task* is a handler's task for a forked child. *output* and
    *report* are the paths of the attempt's files. Runs of the same *group* go one at a time. *secrets* are masked
    in whatever the job says.
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
    secrets: tuple[str, ...] = ()


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

    ending: AttemptResult


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
_decode_order = msgspec.json.Decoder(Order).decode
# No clock of ours has shown less, and no calendar reaches beyond: other times are damage.
EARLIEST, LATEST = 0, 253_000_000_000


def encode_order(order: Order) -> bytes:
    """Return *order* as one line. An environment and a path may hold bytes that are no text: they pass through."""
    try:
        return encode(order) + b"\n"
    except UnicodeEncodeError:
        import json

        return json.dumps(msgspec.to_builtins(order)).encode() + b"\n"


def decode_order(line: bytes) -> Order:
    """Return the order that stands in *line*."""
    order: Order
    try:
        order = _decode_order(line)
    except msgspec.DecodeError:  # what is no text is beyond it
        import json

        order = msgspec.convert(json.loads(line), Spec | Stop)
    return order


def read_records(data: bytes) -> list[Record]:
    """Given an outcome file's bytes, return its records; a last line cut short by a crash is left out.

    So is a damaged one: what it told is asked of the run's lock. `unreadable` says whether there is any.
    """
    return [record for line in data.split(b"\n")[:-1] if (record := _record(line)) is not None]


def unreadable(data: bytes) -> int:
    """Given an outcome file's bytes, return how many of its whole lines are no records."""
    return sum(_record(line) is None for line in data.split(b"\n")[:-1])


def _record(line: bytes) -> Record | None:
    try:
        record = decode_record(line)
    except (ValueError, RecursionError):
        return None
    return record if all(EARLIEST <= at <= LATEST for at in _times(record)) else None


def _times(record: Record) -> tuple[float, ...]:
    if isinstance(record, Ended):
        return record.ending.started_at, record.ending.finished_at
    return (record.at,) if isinstance(record, Started) else ()
