"""Inner tables and lists of a job's table -> the rules that they mean: retry, limits, gate, quiet hours, `where`."""

import re

from scheduled.config.tables import GateTable, JobTable, LimitsTable, RetryTable
from scheduled.config.values import count, seconds, size
from scheduled.core.jobs import Gate, Limits, Retry, Window
from scheduled.errors import ConfigError

MOST_ATTEMPTS = 1000


def retry(raw: RetryTable) -> Retry:
    """Return how often a slot is tried, and after which pauses."""
    if raw.max_attempts < 1:
        raise ConfigError("retry.max_attempts: counts the first try, so it is at least 1")
    if raw.max_attempts > MOST_ATTEMPTS:
        raise ConfigError(f"retry.max_attempts: is at most {MOST_ATTEMPTS}, got {raw.max_attempts}")
    multiplier = raw.backoff_multiplier
    if multiplier is None:
        multiplier = 2.0 if raw.backoff == "exponential" else 1.0
    if not 1 <= multiplier <= 1000:  # noqa: PLR2004 - beyond it every delay is the largest
        raise ConfigError("retry.backoff_multiplier: is between 1 and 1000")
    delay = _first(raw.delay, raw.delay_seconds, raw.initial_delay_seconds, 60)
    return Retry(
        max_attempts=raw.max_attempts,
        delay=seconds("retry.delay", delay, least=0),
        backoff_multiplier=multiplier,
        linear=raw.backoff == "linear" and raw.backoff_multiplier is None,
        max_delay=seconds("retry.max_delay", _first(raw.max_delay, raw.max_delay_seconds, "1d")),
        jitter=seconds("retry.jitter", raw.jitter, least=0),
    )


def _first(*given: int | str | None) -> int | str:
    """Return the first spelling that was used."""
    return next(value for value in given if value is not None)


def limits(raw: LimitsTable) -> Limits:
    """Return the limits of a job's processes."""
    return Limits(
        memory=None if raw.memory is None else size("limits.memory", raw.memory),
        cpu=None if raw.cpu is None else seconds("limits.cpu", raw.cpu),
        file_size=None if raw.file_size is None else size("limits.file_size", raw.file_size),
        open_files=count("limits.open_files", raw.open_files),
        processes=count("limits.processes", raw.processes),
    )


def gate(raw: GateTable | None) -> Gate | None:
    """Return what must hold before a due run starts; None: nothing."""
    if raw is None:
        return None
    network = "default" if raw.network is True else raw.network or ""
    gate = Gate(raw.command or "", network, bool(raw.ac_power), bool(raw.idle), raw.path or "")
    if gate == Gate():
        raise ConfigError("only_if: says nothing; give command, network, ac_power, idle or path")
    return gate


def window(raw: list[str] | None) -> Window | None:
    """Return the stretch of the day in which nothing starts; None: there is none."""
    if raw is None:
        return None
    times = [re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", text) for text in raw]
    if len(times) != 2 or not all(times):  # noqa: PLR2004 - a beginning and an end
        raise ConfigError(f'not_between: write two times of day, ["22:00", "08:00"], got {raw!r}')
    start, end = (int(time[1]) * 60 + int(time[2]) for time in times if time)
    if start == end:
        raise ConfigError(
            "not_between: the two times are the same; a job that never runs is `enabled = false`"
        )
    return Window(start, end)


def where(raw: JobTable) -> dict[str, str]:
    """Return what the payload of the event has to hold."""
    if raw.where and raw.on is None:
        raise ConfigError("where: belongs to `on` only")
    return {
        key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in raw.where.items()
    }
