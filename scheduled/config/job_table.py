"""A [jobs.NAME] table as it is written -> the job it means; every fault is told with its key."""

import re
from pathlib import Path
from typing import Any

import msgspec

from scheduled.clock import zone_exists
from scheduled.config.tables import GateTable, JobTable, LimitsTable, RetryTable
from scheduled.core.jobs import Action, Gate, Job, Limits, Retry, Window
from scheduled.errors import ConfigError
from scheduled.schedules.durations import read_seconds
from scheduled.schedules.kinds import reading
from scheduled.schedules.kinds.cron import is_reboot
from scheduled.schedules.schedule import ScheduleError

NAME = re.compile(r"[^\W_][\w.@:+-]{0,99}")
A_NAME = "a job's name is 1 to 100 letters, digits and . _ @ : + -, and begins with a letter or digit"
EVENT = re.compile(r"[A-Za-z]\w{0,99}")
BOOTED = "machine_booted"  # what `cron = "@reboot"` means: the event that the first tick of a boot publishes
SIZES = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
LEAST_NICE, MOST_NICE = -20, 19
MOST_ATTEMPTS = 1000
MOST_BACKOFF = 1000  # its 64th power is still a float
WHAT = ("command", "python", "handler", "chain")


def parse_job(name: str, table: Any, *, source: Path, defaults: dict[str, Any], timezone: str) -> Job:
    """Given a [jobs.NAME] table, return the job; raises ConfigError with the key and what to do about it."""
    if not NAME.fullmatch(name):
        raise ConfigError(A_NAME)
    if not isinstance(table, dict):
        raise ConfigError(f"must be a table; write [jobs.{name}]")
    try:
        given, others = reading.split(_merged(defaults, table))
        raw = msgspec.convert(others, JobTable)
    except msgspec.ValidationError as error:
        raise ConfigError(explain(error, JobTable)) from None
    _refuse_nul("", table)
    if not raw.on_interrupted.strip():
        raise ConfigError(
            "on_interrupted: is rerun, skip, ask, or a command that tells whether the work was done"
        )
    when = _when(given, raw, name, timezone)
    return Job(
        name=name,
        source=str(source),
        schedules=when.schedules,
        action=_action(raw),
        description=raw.description,
        enabled=raw.enabled,
        priority=raw.priority,
        catch_up=raw.catch_up,
        catch_up_limit=_count("catch_up_limit", raw.catch_up_limit) or 0,
        grace=None if raw.grace is None else _seconds("grace", raw.grace, least=0),
        retry=_retry(raw.retry),
        on_interrupted=raw.on_interrupted,
        not_between=_window(raw.not_between),
        only_if=_gate(raw.only_if),
        gate_deadline=None if raw.gate_deadline is None else _seconds("gate_deadline", raw.gate_deadline),
        success_codes=_codes(raw.success_codes),
        on=BOOTED if is_reboot(given.get("cron", "")) else _event_name(raw.on),
        where=_where(raw),
        after=tuple(raw.after),
        on_failure=raw.on_failure,
        timeout=_seconds("timeout", raw.timeout),
        group=raw.group if raw.group is not None else ("workspace" if raw.handler else ""),
        cwd=raw.cwd,
        env={key: _environment_value(key, value) for key, value in raw.env.items()},
        env_file=raw.env_file,
        umask=_umask(raw.umask),
        nice=_nice(raw.nice),
        ionice=_ionice(raw.ionice),
        inhibit_sleep=raw.inhibit_sleep,
        limits=_limits(raw.limits),
        options=raw.options,
        output_limit=_size("output_limit", raw.output_limit),
        doubts=when.doubts,
    )


def _refuse_nul(key: str, value: Any) -> None:
    """No process, file or shell can be given a NUL character. Options are a handler's own business, `env` says it itself."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if key or name not in ("options", "env"):
                _refuse_nul(f"{key}.{name}".lstrip("."), inner)
    elif isinstance(value, list):
        for inner in value:
            _refuse_nul(key, inner)
    elif isinstance(value, str) and "\0" in value:
        raise ConfigError(f"{key}: holds a NUL character")


def _merged(defaults: dict[str, Any], table: dict[str, Any]) -> dict[str, Any]:
    both = {**defaults, **table}
    for key in ("env", "retry", "limits"):
        if isinstance(defaults.get(key), dict) and isinstance(table.get(key), dict):
            both[key] = {**defaults[key], **table[key]}
    return both


def explain(error: msgspec.ValidationError, table: type[msgspec.Struct]) -> str:
    """Turn msgspec's message into "key: what is wrong", with a suggestion where a key is misspelt."""
    message, _, path = str(error).partition(" - at `$")
    key = re.sub(r"\[\.\.\.\]", "", path.strip("`").lstrip("."))
    unknown = re.search(r"unknown field `(.+)`", message)
    if unknown is None:
        message += _allowed(table, key) if message.startswith("Invalid enum value") else ""
        return f"{key}: {message}" if key else message
    name = f"{key}.{unknown[1]}" if key else unknown[1]
    import difflib

    known = [*table.__struct_fields__, *(reading.known_keys() if table is JobTable else ())]
    near = [] if key else difflib.get_close_matches(unknown[1], known, n=1)
    return f"{name}: unknown key" + (f"; did you mean {near[0]}?" if near else "")


def _allowed(table: type[msgspec.Struct], key: str) -> str:
    """Return which words a key, or one of a table in *table*, may have, as far as that is told by its type."""
    from typing import get_args, get_type_hints

    name, _, inner = key.partition(".")
    hint = get_type_hints(table).get(name)
    kinds = get_args(hint) or (hint,)
    tables = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, msgspec.Struct)]
    if inner:
        return _allowed(tables[0], inner) if tables else ""
    words = [word for kind in kinds for word in (kind, *get_args(kind)) if isinstance(word, str)]
    return f"; write one of {', '.join(words)}" if words else ""


def _one_of(raw: JobTable, keys: tuple[str, ...], *, needed: bool) -> str:
    given = [key for key in keys if getattr(raw, key) is not None]
    if len(given) > 1:
        raise ConfigError(f"{' and '.join(given)}: only one of {', '.join(keys)} may be given")
    if needed and not given:
        raise ConfigError(f"one of {', '.join(keys)} must say what to do")
    return given[0] if given else ""


def _when(given: dict[str, Any], raw: JobTable, name: str, timezone: str) -> reading.When:
    """Given the entries that belong to a kind of schedule, and the others, return when a job is due."""
    zone = raw.timezone or timezone
    if not zone_exists(zone):
        raise ConfigError(f"timezone: no such time zone: {zone!r} (write a name such as Europe/Berlin)")
    keys = [*reading.choosing_keys(), "on"]
    chosen = [key for key in keys if key in given or (key == "on" and raw.on is not None)]
    if len(chosen) > 1:
        raise ConfigError(f"{' and '.join(chosen)}: only one of {', '.join(keys)} may be given")
    try:
        return reading.read(given, name, zone, _seconds("jitter", raw.jitter, least=0))
    except ScheduleError as error:
        raise ConfigError(str(error)) from None
    except msgspec.ValidationError as error:
        raise ConfigError(explain(error, JobTable)) from None


def _window(raw: list[str] | None) -> Window | None:
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


def _gate(raw: GateTable | None) -> Gate | None:
    if raw is None:
        return None
    network = "default" if raw.network is True else raw.network or ""
    gate = Gate(raw.command or "", network, bool(raw.ac_power), bool(raw.idle), raw.path or "")
    if gate == Gate():
        raise ConfigError("only_if: says nothing; give command, network, ac_power, idle or path")
    return gate


def _steps(raw: list[str | list[str]]) -> tuple[tuple[str, ...], ...]:
    steps = tuple((step,) if isinstance(step, str) else tuple(step) for step in raw)
    if not all(steps) or any(len(set(step)) < len(step) for step in steps):
        raise ConfigError("chain: each step is a job, or a list of different jobs that run side by side")
    return steps


def _event_name(raw: str | None) -> str:
    if raw is not None and not EVENT.fullmatch(raw):
        raise ConfigError(f"on: not an event's name: {raw!r} (letters, digits and _, such as job_failed)")
    return raw or ""


def _where(raw: JobTable) -> dict[str, str]:
    if raw.where and raw.on is None:
        raise ConfigError("where: belongs to `on` only")
    return {
        key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in raw.where.items()
    }


def _codes(raw: list[int]) -> tuple[int, ...]:
    if not raw or not all(0 <= code <= 255 for code in raw):  # noqa: PLR2004 - exit codes
        raise ConfigError(f"success_codes: is a list of exit codes from 0 to 255, got {raw!r}")
    return tuple(raw)


def _action(raw: JobTable) -> Action:
    kind = _one_of(raw, WHAT, needed=True)
    given = getattr(raw, kind)
    if (
        not given
        or (isinstance(given, str) and not given.strip())
        or (isinstance(given, list) and not given[0])
    ):
        raise ConfigError(f"{kind}: is empty")
    if kind == "chain":
        return Action("chain", steps=_steps(raw.chain or []))
    if isinstance(given, list):
        return Action("command", words=tuple(given))
    if kind == "command":
        return Action("command", line=given)
    return Action("python" if kind == "python" else "handler", name=given)


def _retry(raw: RetryTable) -> Retry:
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
        delay=_seconds("retry.delay", delay, least=0),
        backoff_multiplier=multiplier,
        linear=raw.backoff == "linear" and raw.backoff_multiplier is None,
        max_delay=_seconds("retry.max_delay", _first(raw.max_delay, raw.max_delay_seconds, "1d")),
        jitter=_seconds("retry.jitter", raw.jitter, least=0),
    )


def _first(*given: int | str | None) -> int | str:
    """Return the first spelling that was used."""
    return next(value for value in given if value is not None)


def _limits(raw: LimitsTable) -> Limits:
    return Limits(
        memory=None if raw.memory is None else _size("limits.memory", raw.memory),
        cpu=None if raw.cpu is None else _seconds("limits.cpu", raw.cpu),
        file_size=None if raw.file_size is None else _size("limits.file_size", raw.file_size),
        open_files=_count("limits.open_files", raw.open_files),
        processes=_count("limits.processes", raw.processes),
    )


def _count(key: str, value: int | None) -> int | None:
    if value is not None and not 0 < value < 1 << 31:
        raise ConfigError(f"{key}: must be a positive count, got {value}")
    return value


def _seconds(key: str, value: int | str, least: int = 1) -> int:
    try:
        return read_seconds(value, least)
    except ScheduleError as error:
        raise ConfigError(f"{key}: {error}") from None


def _size(key: str, value: int | str) -> int:
    match = re.fullmatch(r"(\d{1,12})\s*([kmg]?)(?:i?b)?", str(value).strip().lower())
    if match is None:
        raise ConfigError(f'{key}: not a size: {value!r} (write "512M")')
    return int(match[1]) * SIZES[match[2]]


def _umask(value: int | str | None) -> int | None:
    if value is None:
        return None
    # A TOML number 022 is not valid TOML, and 22 would be read as decimal: only a string says what is meant.
    if not isinstance(value, str) or not re.fullmatch(r"[0-7]{3,4}", value):
        raise ConfigError(f'umask: write it as an octal string such as "022", got {value!r}')
    return int(value, 8)


def _nice(value: int | None) -> int | None:
    if value is not None and not LEAST_NICE <= value <= MOST_NICE:
        raise ConfigError(f"nice: is between -20 and 19, got {value}")
    return value


def _ionice(value: int | str | None) -> str:
    """Return the arguments of ionice(1): the idle class, or a level of the best-effort class."""
    if value is None:
        return ""
    if value == "idle":
        return "-c3"
    if not re.fullmatch(r"[0-7]", str(value)):
        raise ConfigError(f'ionice: is "idle", or a level from 0 (first) to 7 (last), got {value!r}')
    return f"-c2 -n{value}"


def _environment_value(key: str, value: str | float) -> str:
    if not key or "=" in key or "\0" in key or "\0" in str(value):
        raise ConfigError(f"env: not a variable that a process can be given: {key!r}")
    return str(value).lower() if isinstance(value, bool) else str(value)
