"""Convert a job that is given as JSON, or with the keys of another scheduler, to a job table."""

from collections.abc import Mapping
from typing import Any

from scheduled.actions.registry import KINDS
from scheduled.config.json_values import refuse_odd
from scheduled.config.rules import MOST_ATTEMPTS
from scheduled.errors import ConfigError
from scheduled.schedules.kinds.reading import choosing_keys

# Key of another scheduler -> key of a job table.
SPELLINGS = {"timeout_seconds": "timeout", "cron_expression": "cron"}
# Keys of another scheduler's job record that have no counterpart in a job table.
IGNORED = ("id", "profile_name", "last_run", "next_run", "run_count", "success_count", "fail_count", "last_result",
           "last_output", "created_at", "updated_at", "dist_type")  # fmt: skip


def in_order(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return *table* with its description, schedule and action first; the other keys keep their order."""
    return {
        key: table[key] for key in ("description", *choosing_keys(), "on", *KINDS, *table) if key in table
    }


def from_json(document: Any) -> tuple[str, dict[str, Any]]:
    """Return the name and the table of a job given as one JSON object, with our keys or with a `job_type`.

    Raise ConfigError if the object has no name or a value is wrong.
    """
    if not isinstance(document, dict) or not isinstance(document.get("name"), str):
        raise ConfigError(
            'the job must be one JSON object with a "name"; write for example '
            '{"name": "backup", "every": "1d", "command": "make backup"}'
        )
    given: dict[str, Any] = document
    return given["name"], from_words(given)


def from_words(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the table, without a name, of a job given with our keys or with a `job_type`.

    Raise ConfigError if a value is wrong.
    """
    table = together(given)
    table.pop("name", None)
    if "job_type" in table:
        table = _typed(table)
    if "max_retries" in table:
        _set_retries(table, _retries(table.pop("max_retries")))
    return in_order(table)


def together(*sources: Mapping[str, Any]) -> dict[str, Any]:
    """Merge the keys of a job from several *sources*. Raise ConfigError if they give a key different values, or one that no file can hold."""
    table: dict[str, Any] = {}
    for source in sources:
        refuse_odd(source)
    for key, value in (pair for source in sources for pair in source.items()):
        if value is not None:
            _set_once(table, SPELLINGS.get(key, key), value)
    return table


def _set_once(table: dict[str, Any], key: str, value: Any) -> None:
    if table.setdefault(key, value) != value:
        raise ConfigError(f"{key}: given twice with different values: {table[key]!r} and {value!r}; give one")


def _typed(table: dict[str, Any]) -> dict[str, Any]:
    """Return the job table for *table*, which has another scheduler's keys: job_type, schedule, script_path, ..."""
    kind, schedule = table.pop("job_type"), table.pop("schedule", None)
    keys = {"interval": "every", "cron": "cron", "event": "on", "manual": ""}
    if kind == "chain":
        raise ConfigError(
            'job_type: chain is not a type here; name the jobs of the chain instead: "chain": ["a", "b"]'
        )
    if not isinstance(kind, str) or kind not in keys:
        raise ConfigError(f"job_type: must be interval, cron, event or manual, got {kind!r}")
    if keys[kind] and schedule is None:
        raise ConfigError(f'schedule: is missing; a job with job_type = "{kind}" needs it')
    if keys[kind]:
        _set_once(table, keys[kind], schedule)
    for key in IGNORED:
        table.pop(key, None)
    _action(table)
    if "is_active" in table:
        table["enabled"] = _flag(table, "is_active")
    retries = table.pop("max_retries", 3)
    if "retry_on_fail" in table and _flag(table, "retry_on_fail"):
        table["retry"] = {"max_attempts": _retries(retries) + 1}
    return {key: value for key, value in table.items() if value not in ("", {}, [])}


def _set_retries(table: dict[str, Any], retries: int) -> None:
    retry = table.get("retry", {})
    if not isinstance(retry, dict):
        raise ConfigError(f"retry: given as {retry!r} and as max_retries; give one")
    table["retry"] = dict(retry)
    _set_once(table["retry"], "max_attempts", retries + 1)


def _retries(value: Any) -> int:
    """Return the number of retries that `max_retries` gives; programs may send it as text."""
    try:
        number = int("" if isinstance(value, bool) else value)
    except (TypeError, ValueError, OverflowError):
        raise ConfigError(f"max_retries: must be a number, got {value!r}; write for example 3") from None
    if not 0 <= number < MOST_ATTEMPTS or (isinstance(value, float) and value != number):
        raise ConfigError(
            f"max_retries: must be a whole number from 0 (one attempt) to {MOST_ATTEMPTS - 1}, got {value!r}"
        )
    return number


def _flag(table: dict[str, Any], key: str) -> bool:
    """Remove the flag *key* from *table* and return it; a program with a database may send it as 0 or 1."""
    value = table.pop(key)
    if value not in (False, True) or not isinstance(value, int):
        raise ConfigError(f"{key}: must be true or false, got {value!r}")
    return bool(value)


def _action(table: dict[str, Any]) -> None:
    """Set `command` from script_path, which takes precedence, or command, and the shell words of arguments."""
    import sys

    arguments, script = table.pop("arguments", ""), table.pop("script_path", "")
    words, command = _split(arguments), table.get("command", "")
    if not isinstance(script, str):
        raise ConfigError(f"script_path: must be a string, got {script!r}")
    if script:
        table["command"] = [sys.executable, script, *words]
    elif isinstance(command, list):
        table["command"] = [*command, *words]
    elif words:
        table["command"] = f"{command} {arguments}"


def _split(arguments: Any) -> list[str]:
    import shlex

    if not isinstance(arguments, str):
        raise ConfigError(f"arguments: must be a string, got {arguments!r}")
    try:
        return shlex.split(arguments)
    except ValueError as error:
        raise ConfigError(f"arguments: {error} in {arguments!r}") from None
