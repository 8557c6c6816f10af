"""A job as a form shows it, and what a filled-in form changes in the job's table."""

import shlex
from collections.abc import Mapping
from typing import Any

from scheduled.errors import ConfigError
from scheduled.interfaces.web.request import number

WHEN = ("cron", "every", "at", "on")
WHAT = ("command", "python", "handler", "chain")
PLAIN = ("description", "timezone", "timeout", "grace", "priority", "catch_up")
FIELDS = (
    "name",
    "when",
    "schedule",
    "what",
    "work",
    *PLAIN,
    "after",
    "not_between",
    "max_attempts",
    "retry_delay",
)

Fields = dict[str, str]
Table = Mapping[str, Any]


def read(form: Mapping[str, Any]) -> Fields:
    """Return the text of every field; what is no text (a file) counts as empty."""
    given = {name: form.get(name, "") for name in FIELDS}
    return {name: value.strip() if isinstance(value, str) else "" for name, value in given.items()}


def blank() -> Fields:
    """Return the fields of a job that nobody has described yet."""
    return fields("", {}) | {"when": "cron", "what": "command"}


def fields(name: str, table: Table) -> Fields:
    """Write a job's table as the text of fields."""
    when = next((key for key in WHEN if key in table), "manual")
    retry = table.get("retry", {})
    return {
        "name": name,
        "when": when,
        "schedule": str(table.get(when, "")),
        **work(table),
        **{key: str(table.get(key, "")) for key in PLAIN},
        "after": ", ".join(table.get("after", ())),
        "not_between": "-".join(table.get("not_between", ())),
        "max_attempts": str(retry.get("max_attempts", "")),
        "retry_delay": str(retry.get("delay", "")),
    }


def work(table: Table) -> Fields:
    """Write what a job does as the text of its fields."""
    what = next((key for key in WHAT if key in table), "")
    return {"what": what, "work": _written(table.get(what, ""), chain=what == "chain")}


def _written(found: Any, *, chain: bool) -> str:
    if isinstance(found, str):
        return found
    if not chain:
        return shlex.join(found)
    return ", ".join(" + ".join(step) if isinstance(step, list) else step for step in found)


def schedule(filled: Fields) -> dict[str, Any]:
    """Return the keys of a table that say when."""
    found = {filled["when"]: filled["schedule"]} if filled["when"] in WHEN else {}
    return found | ({"timezone": filled["timezone"]} if filled["timezone"] else {})


def changes(table: Table, filled: Fields) -> dict[str, Any]:
    """Return the keys of a job's table that a filled-in form gives another value; None takes a key out."""
    shown = fields(filled["name"], table)
    differs = {name for name in FIELDS if filled[name] != shown[name]}
    found: dict[str, Any] = {key: filled[key] or None for key in PLAIN if key in differs}
    if differs & {"when", "schedule"}:
        found |= dict.fromkeys((key for key in WHEN if key in table), None)
        found |= {filled["when"]: filled["schedule"]} if filled["when"] in WHEN else {}
    if differs & {"what", "work"}:
        found |= dict.fromkeys((key for key in WHAT if key in table), None)
        found |= {filled["what"]: _work(filled, table)} if filled["what"] in WHAT else {}
    if "after" in differs:
        found["after"] = _names(filled["after"], ",") or None
    if "not_between" in differs:
        found["not_between"] = _names(filled["not_between"], "-") or None
    if differs & {"max_attempts", "retry_delay"}:
        found["retry"] = _retry(filled, table.get("retry", {})) or None
    return found


def _names(text: str, sign: str) -> list[str]:
    return [part.strip() for part in text.split(sign) if part.strip()]


def _work(filled: Fields, table: Table) -> Any:
    if filled["what"] == "chain":
        steps = [_names(step, "+") for step in _names(filled["work"], ",")]
        return [step[0] if len(step) == 1 else step for step in steps]
    if filled["what"] == "command" and isinstance(table.get("command"), list):
        try:
            return shlex.split(filled["work"])  # it ran without a shell, and goes on to
        except ValueError as error:
            raise ConfigError(f"command: {error}") from None
    return filled["work"]


def _retry(filled: Fields, retry: Table) -> dict[str, Any]:
    said, delay = filled["max_attempts"], filled["retry_delay"]
    attempts = number(said)
    if said and attempts is None:
        raise ConfigError(f"retry.max_attempts: is a number, got {said[:40]!r}")
    given = {"max_attempts": attempts, "delay": delay or None}
    return {key: value for key, value in {**retry, **given}.items() if value is not None}
