"""Parse the inner tables and lists of a job table: retry, limits, only_if, not_between and where."""

import msgspec

from scheduled.config.tables import ApproveTable, ForEachTable, GateTable, JobTable, LimitsTable, RetryTable
from scheduled.config.values import count, seconds, size
from scheduled.core.jobs import Approve, ForEach, Gate, Limits, Retry, Window
from scheduled.core.runs import UNEXPECTED
from scheduled.errors import ConfigError
from scheduled.schedules.schedule import ScheduleError
from scheduled.schedules.windows import read_window

MOST_ATTEMPTS = 1000
MOST_FAULTS = 3  # of a list of targets that a message names
RETRY_ON = ("failed", "timed_out", "auth", "network", UNEXPECTED)


def for_each(raw: str | list[str] | ForEachTable | None) -> ForEach | None:
    """Return where the targets of a job come from; None if it has none. Raise ConfigError for a wrong value."""
    match raw:
        case None:
            return None
        case "branches" | "*":
            return ForEach(branches=True)
        case ForEachTable(command=command) if command.strip() and "\0" not in command:
            return ForEach(command=command)
        case [_, *_]:
            return ForEach(listed=_listed(raw))
    raise ConfigError(
        'for_each: must be "branches", a list of names, or { command = "..." }, none of them empty'
    )


def _listed(names: list[str]) -> tuple[str, ...]:
    from scheduled.core.targets import faults_of  # most jobs have no targets

    faults = faults_of(names)
    if faults:
        more = f"; and {len(faults) - MOST_FAULTS} more" if len(faults) > MOST_FAULTS else ""
        raise ConfigError(f"for_each: {'; '.join(faults[:MOST_FAULTS])}{more}; correct the list")
    return tuple(names)


def retry(raw: RetryTable | bool) -> Retry:
    """Return the number of attempts of a run and the pauses between them. Raise ConfigError for a wrong value."""
    if raw is True:
        raise ConfigError("retry: must be a table or false; write for example { max_attempts = 3 }")
    if raw is False:
        return Retry()
    if raw.retry_on == []:
        raise ConfigError("retry.retry_on: is empty; write retry = false for no retry, or remove the key")
    if not 1 <= raw.max_attempts <= MOST_ATTEMPTS:
        raise ConfigError(
            f"retry.max_attempts: must be from 1 (no retry) to {MOST_ATTEMPTS}, got {raw.max_attempts}"
        )
    multiplier = raw.backoff_multiplier
    if multiplier is None:
        multiplier = 2.0 if raw.backoff == "exponential" else 1.0
    if not 1 <= multiplier <= 1000:  # noqa: PLR2004 - above it every delay is max_delay
        raise ConfigError(f"retry.backoff_multiplier: must be from 1 to 1000, got {multiplier}")
    delay = _first(raw.delay, raw.delay_seconds, raw.initial_delay_seconds, 60)
    return Retry(
        max_attempts=raw.max_attempts,
        delay=seconds("retry.delay", delay, least=0),
        backoff_multiplier=multiplier,
        linear=raw.backoff == "linear" and raw.backoff_multiplier is None,
        max_delay=seconds("retry.max_delay", _first(raw.max_delay, raw.max_delay_seconds, "1d")),
        jitter=seconds("retry.jitter", raw.jitter, least=0),
        on=() if raw.retry_on is None else tuple(map(_failure, raw.retry_on)),
    )


def _failure(given: int | str) -> int | str:
    """Return an entry of `retry_on`: an exit code or a word. Raise ConfigError if it is neither."""
    if isinstance(given, int) and not 1 <= given <= 255:  # noqa: PLR2004 - the exit codes of failures
        raise ConfigError(f"retry.retry_on: an exit code must be from 1 to 255, got {given}")
    word = "timed_out" if given == "timeout" else given
    if isinstance(word, str) and word not in RETRY_ON:
        raise ConfigError(
            f"retry.retry_on: {given!r} is not known; write {', '.join(RETRY_ON)} or exit codes"
        )
    return word


def _first(*given: int | str | None) -> int | str:
    """Return the value of the first spelling of a key that was used."""
    return next(value for value in given if value is not None)


def approve(raw: bool | ApproveTable) -> Approve | None:
    """Return whether each run waits for approval, and until when. Raise ConfigError for a wrong value."""
    if isinstance(raw, bool):
        return Approve() if raw else None
    if raw.by is None and raw.default == "approve":
        raise ConfigError(
            'approve: has default = "approve" and no deadline, so nothing would ever wait; add by, for example "2h"'
        )
    return Approve(None if raw.by is None else seconds("approve.by", raw.by), raw.default)


def limits(raw: LimitsTable) -> Limits:
    """Return the resource limits of a job's processes. Raise ConfigError if a value is wrong."""
    return Limits(
        memory=None if raw.memory is None else size("limits.memory", raw.memory),
        cpu=None if raw.cpu is None else seconds("limits.cpu", raw.cpu),
        file_size=None if raw.file_size is None else size("limits.file_size", raw.file_size),
        open_files=count("limits.open_files", raw.open_files),
        processes=count("limits.processes", raw.processes),
    )


def gate(raw: GateTable | None) -> Gate | None:
    """Return the gate that must be open before a due run starts, if any. Raise ConfigError if it is empty."""
    if raw is None:
        return None
    network = "default" if raw.network is True else raw.network or ""
    gate = Gate(raw.command or "", network, bool(raw.ac_power), bool(raw.idle), raw.path or "")
    if gate == Gate():
        raise ConfigError("only_if: is empty; write command, network, ac_power, idle or path, or remove it")
    return msgspec.structs.replace(gate, skips=raw.otherwise == "skip")


def window(raw: list[str] | None) -> Window | None:
    """Return the daily window in which no run starts, if any. Raise ConfigError unless it is two different times."""
    if raw is None:
        return None
    try:
        found = read_window("not_between", raw)
    except ScheduleError as error:
        raise ConfigError(str(error)) from None
    return None if found is None else Window(*found)


def where(raw: JobTable) -> dict[str, str]:
    """Return the values, as text, that the event's payload must have. Raise ConfigError if there is no `on`."""
    if raw.where and raw.on is None:
        raise ConfigError("where: only valid with `on`; add `on`, or remove it")
    return {
        key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in raw.where.items()
    }
