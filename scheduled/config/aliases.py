"""A job as JSON or another scheduler's words give it -> the table that says the same in TOML."""

from collections.abc import Mapping
from typing import Any

from scheduled.actions.registry import KINDS
from scheduled.errors import ConfigError
from scheduled.schedules.kinds.reading import choosing_keys

# What other schedulers call it -> where it stands in ours.
SPELLINGS = {"timeout_seconds": "timeout", "cron_expression": "cron"}
IGNORED = ("id", "profile_name", "last_run", "next_run", "run_count", "success_count", "fail_count", "last_result",
           "last_output", "created_at", "updated_at", "dist_type")  # fmt: skip


def in_order(table: Mapping[str, Any]) -> dict[str, Any]:
    """Put what people look for first first: what it is for, when, what."""
    return {
        key: table[key] for key in ("description", *choosing_keys(), "on", *KINDS, *table) if key in table
    }


def from_json(document: Any) -> tuple[str, dict[str, Any]]:
    """Return name and table of a job given as one JSON object: in our own words, or with a `job_type`."""
    if not isinstance(document, dict) or not isinstance(document.get("name"), str):
        raise ConfigError('write one JSON object with a "name"')
    given: dict[str, Any] = document
    return given["name"], from_words(given)


def from_words(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the table of a job given in our own words, or with a `job_type`; its name is no part of it."""
    table = together(given)
    table.pop("name", None)
    if "job_type" in table:
        table = _typed(table)
    return in_order(table)


def together(*said: Mapping[str, Any]) -> dict[str, Any]:
    """Put together what is said of a job in several places; raises ConfigError where they differ."""
    table: dict[str, Any] = {}
    for key, value in (pair for one in said for pair in one.items()):
        if value is not None:
            _say_once(table, SPELLINGS.get(key, key), value)
    return table


def _say_once(table: dict[str, Any], key: str, value: Any) -> None:
    if table.setdefault(key, value) != value:
        raise ConfigError(f"{key}: is said to be {table[key]!r}, and {value!r}; say it once")


def _typed(table: dict[str, Any]) -> dict[str, Any]:
    """Read {job_type, schedule, command | script_path, arguments, ...}."""
    kind, schedule = table.pop("job_type"), table.pop("schedule", None)
    keys = {"interval": "every", "cron": "cron", "event": "on", "manual": ""}
    if kind == "chain":
        raise ConfigError('job_type: a chain names other jobs here: write "chain": ["a", "b"] instead')
    if kind not in keys:
        raise ConfigError(f"job_type: is interval, cron, event or manual, got {kind!r}")
    if keys[kind] and schedule is None:
        raise ConfigError(f'schedule: is missing; job_type = "{kind}" needs one')
    if keys[kind]:
        _say_once(table, keys[kind], schedule)
    for key in IGNORED:
        table.pop(key, None)
    _action(table)
    if "is_active" in table:
        table["enabled"] = bool(table.pop("is_active"))
    retries = table.pop("max_retries", 3)
    if table.pop("retry_on_fail", False):
        table["retry"] = {"max_attempts": int(retries) + 1}
    return {key: value for key, value in table.items() if value not in ("", {}, [])}


def _action(table: dict[str, Any]) -> None:
    """Let a script go before a command, as it does there; arguments are words for a shell."""
    import shlex
    import sys

    arguments = table.pop("arguments", "") or ""
    script = table.pop("script_path", "") or ""
    if script:
        table["command"] = [sys.executable, script, *shlex.split(arguments)]
    elif arguments:
        table["command"] = f"{table.get('command', '')} {arguments}"
