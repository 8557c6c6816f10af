"""A [jobs.NAME] table as it is written -> the job it means; every fault is told with its key."""

import re
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from scheduled.actions import registry
from scheduled.config.action_keys import job_table, read_action
from scheduled.config.convert import converted
from scheduled.config.rules import gate, limits, retry, where, window
from scheduled.config.tables import JobTable
from scheduled.config.values import (
    codes,
    count,
    environment_value,
    event_name,
    ionice,
    known_zone,
    nice,
    seconds,
    size,
    umask,
)
from scheduled.core.jobs import Job, Schedule
from scheduled.errors import ConfigError
from scheduled.schedules import timetable
from scheduled.schedules.zones import FIRST_YEAR, LAST_YEAR

NAME = re.compile(r"[^\W_][\w.@:+-]{0,99}")
A_NAME = "a job's name is 1 to 100 letters, digits and . _ @ : + -, and begins with a letter or digit"
REBOOT, BOOTED = (
    "@reboot",
    "machine_booted",
)  # no point in time, but an event: the first tick of a boot tells it
WHEN = ("cron", "every", "at", "on")


def parse_job(name: str, table: Any, *, source: Path, defaults: dict[str, Any], timezone: str) -> Job:
    """Given a [jobs.NAME] table, return the job; raises ConfigError with the key and what to do about it."""
    if not NAME.fullmatch(name):
        raise ConfigError(A_NAME)
    if not isinstance(table, dict):
        raise ConfigError(f"must be a table; write [jobs.{name}]")
    raw = converted(_merged(defaults, table), job_table())
    _refuse_nul("", table)
    if not raw.on_interrupted.strip():
        raise ConfigError(
            "on_interrupted: is rerun, skip, ask, or a command that tells whether the work was done"
        )
    return _job(name, raw, source, timezone)


def _job(name: str, raw: JobTable, source: Path, timezone: str) -> Job:
    schedule = _schedule(name, raw, timezone)
    kind = _one_of(raw, tuple(registry.KINDS), needed=True)
    return Job(
        name=name,
        source=str(source),
        schedule=schedule,
        action=read_action(raw, kind),
        description=raw.description,
        enabled=raw.enabled,
        priority=raw.priority,
        catch_up=raw.catch_up,
        catch_up_limit=count("catch_up_limit", raw.catch_up_limit) or 0,
        grace=None if raw.grace is None else seconds("grace", raw.grace, least=0),
        retry=retry(raw.retry),
        on_interrupted=raw.on_interrupted,
        not_between=window(raw.not_between),
        only_if=gate(raw.only_if),
        gate_deadline=None if raw.gate_deadline is None else seconds("gate_deadline", raw.gate_deadline),
        success_codes=codes(raw.success_codes),
        on=BOOTED if (raw.cron or "").strip().lower() == REBOOT else event_name(raw.on),
        where=where(raw),
        after=tuple(raw.after),
        on_failure=raw.on_failure,
        timeout=seconds("timeout", raw.timeout),
        group=raw.group if raw.group is not None else registry.KINDS[kind].GROUP,
        cwd=raw.cwd,
        env={key: environment_value(key, value) for key, value in raw.env.items()},
        env_file=raw.env_file,
        umask=umask(raw.umask),
        nice=nice(raw.nice),
        ionice=ionice(raw.ionice),
        inhibit_sleep=raw.inhibit_sleep,
        limits=limits(raw.limits),
        options=raw.options,
        output_limit=size("output_limit", raw.output_limit),
        doubts=_doubts(raw, timezone),
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


def _one_of(raw: JobTable, keys: tuple[str, ...], *, needed: bool) -> str:
    given = [key for key in keys if getattr(raw, key) is not None]
    if len(given) > 1:
        raise ConfigError(f"{' and '.join(given)}: only one of {', '.join(keys)} may be given")
    if needed and not given:
        raise ConfigError(f"one of {', '.join(keys)} must say what to do")
    return given[0] if given else ""


def _schedule(name: str, raw: JobTable, timezone: str) -> Schedule:
    zone = known_zone(raw.timezone or timezone)
    kind = _one_of(raw, WHEN, needed=False)
    anchor = raw.anchor if raw.anchor is not None else raw.slot
    if anchor is not None and kind != "every":
        raise ConfigError("anchor: belongs to `every` only")
    delay = _delay(name, raw)
    if kind == "cron" and str(raw.cron).strip().lower() == REBOOT:
        return Schedule("manual", zone=zone)
    if kind == "cron":
        return msgspec.structs.replace(_cron(name, str(raw.cron), zone), delay=delay)
    if kind == "every":
        assert raw.every is not None
        return Schedule(
            "every", str(seconds("every", raw.every)), zone, _instant("anchor", anchor, zone), "", delay
        )
    if kind == "at":
        instant = _instant("at", raw.at, zone)
        return Schedule("at", "", zone, instant, "", delay)
    return Schedule("manual", zone=zone)


def _delay(name: str, raw: JobTable) -> int:
    """Return by how much a job's jitter puts its slots off: always the same, so that its slots can be recomputed."""
    width = seconds("jitter", raw.jitter, least=0)
    if not width:
        return 0
    from zlib import crc32

    return crc32(name.encode()) % (width + 1)


def _cron(name: str, expression: str, zone: str) -> Schedule:
    try:
        timetable.cron(expression, zone, name)
    except timetable.ScheduleError as error:
        raise ConfigError(f"cron: {error}") from None
    return Schedule("cron", " ".join(expression.split()), zone, seed=name if "H" in expression else "")


def _instant(key: str, value: Any, zone: str) -> int | None:
    if value is None:
        return None
    try:
        instant = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        if not FIRST_YEAR <= instant.year <= LAST_YEAR:
            raise ConfigError(f"{key}: out of range: {value}")
        return int((instant if instant.tzinfo else instant.replace(tzinfo=ZoneInfo(zone))).timestamp())
    except (TypeError, ValueError, OverflowError):
        raise ConfigError(f"{key}: not an ISO date and time: {value!r} (write 2026-01-31T04:00)") from None


def _doubts(raw: JobTable, timezone: str) -> tuple[str, ...]:
    zone = raw.timezone or timezone
    given = (("at", raw.at), ("anchor", raw.anchor), ("slot", raw.slot))
    return tuple(
        f"{key}: {value} does not exist in {zone}, where clocks go forward over it; it is taken for {shown:%H:%M}"
        for key, value in given
        if (shown := _shown(key, value, zone)) is not None
    )


def _shown(key: str, value: Any, zone: str) -> datetime | None:
    """Return what a clock in *zone* shows where it never shows the local time *value*; None where it does."""
    instant = _instant(key, value, zone)
    if instant is None:
        return None
    written = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    if written.tzinfo is not None:
        return None
    shown = datetime.fromtimestamp(instant, ZoneInfo(zone)).replace(tzinfo=None)
    return None if shown == written.replace(microsecond=0) else shown
