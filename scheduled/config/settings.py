"""The settings in scheduled.toml: everything but its jobs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from scheduled.config.convert import converted
from scheduled.config.tables import DefaultsTable, SettingsTable
from scheduled.config.values import absolute, known_zone, monitor, seconds
from scheduled.errors import ConfigError


def read_settings(path: Path, tables: dict[str, Any]) -> SettingsTable:
    """Return the settings in the parsed *tables* of the file *path*. Raise ConfigError if one is wrong."""
    if "doors" in tables:
        old = tables["doors"] if isinstance(tables["doors"], dict) else {}
        new = ", ".join(f"[{name}]" for name in old or ("web", "mcp", "dbus"))
        raise ConfigError(f"{path}: doors: is no longer read; write its keys in {new}")
    try:
        settings = converted(tables, SettingsTable)
        seconds("compat.timeout", settings.compat.timeout)
        _check_times(settings)
        monitor("notify.heartbeat_url", settings.notify.heartbeat_url)
        absolute("notify.deadman", settings.notify.deadman)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    if settings.max_parallel < 1:
        raise ConfigError(f"{path}: max_parallel: must be at least 1, got {settings.max_parallel}")
    for table, key in (
        ("catch_up", "max_runs"),
        ("catch_up", "max_event_runs"),
        ("catch_up", "max_minutes"),
        ("catch_up", "max_sessions"),
        ("history", "keep_days"),
        ("history", "keep_runs"),
        ("metrics", "max_jobs"),
    ):
        value = getattr(getattr(settings, table), key)
        if value is not None and not 1 <= value < 1 << 31:
            raise ConfigError(f"{path}: {table}.{key}: must be from 1 to {(1 << 31) - 1}, got {value}")
    _check_defaults(path, settings)
    if "metrics" in tables:
        from scheduled.config.metrics_settings import refuse_invalid  # most configurations have no such table

        refuse_invalid(path, settings.metrics)
    if "\0" in (settings.workspace or ""):
        raise ConfigError(f"{path}: workspace: contains a NUL character; write the path without it")
    return settings


def zone_of(path: Path, settings: SettingsTable, of_host: Callable[[], str]) -> str:
    """Return the zone that *settings* name; without one, that which *of_host* returns. Raise ConfigError if unknown."""
    try:
        return known_zone(settings.timezone or of_host())
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def _check_times(settings: SettingsTable) -> None:
    from scheduled.config.notice_times import check_times  # a tick with a kept configuration needs no check

    check_times(settings.notify)


def _check_defaults(path: Path, settings: SettingsTable) -> None:
    try:
        converted(settings.defaults, DefaultsTable)
    except ConfigError as error:
        raise ConfigError(f"{path}: defaults: {error}") from None
