"""Convert a job's table to the text fields of a form, and a submitted form to changes of the table."""

from collections.abc import Callable, Mapping
from typing import Any

from scheduled.actions.registry import KINDS as ACTIONS
from scheduled.errors import ConfigError
from scheduled.interfaces.web.request import number
from scheduled.schedules.kinds.reading import choosing_keys, known_keys
from scheduled.schedules.kinds.registry import KINDS as SCHEDULES
from scheduled.schedules.kinds.registry import MANUAL

PLAIN = (
    "description",
    "timezone",
    "timeout",
    "grace",
    "priority",
    "catch_up",
    "overlap",
    "start_delay",
    "kill_after",
)
OF_SCHEDULE = ("from", "between")  # keys of one kind of schedule, each with a field
FIELDS = (
    "name",
    "when",
    "schedule",
    "what",
    "work",
    *OF_SCHEDULE,
    *PLAIN,
    "for_each",
    "after",
    "not_between",
    "max_attempts",
    "retry_delay",
)

COMMAND = "command: "  # before a command that prints the targets, in the field of `for_each`
SEPARATOR = "; "  # of several schedules in one field

Fields = dict[str, str]
Table = Mapping[str, Any]


def when_keys() -> list[str]:
    """Return the keys of a job that name its schedule or the event that starts it."""
    return [*choosing_keys(), "on"]


def when_choices() -> list[tuple[str, str]]:
    """Return the choices for the kind of schedule, each as value and label."""
    by_time = [(name, SCHEDULES[name].LABEL) for name in choosing_keys()]
    return [*by_time, ("on", "on an event"), (MANUAL, SCHEDULES[MANUAL].LABEL)]


def when_hint() -> str:
    """Return an example of each kind of schedule."""
    by_time = [f"{SCHEDULES[name].LABEL}: {SCHEDULES[name].EXAMPLE}" for name in choosing_keys()]
    return " · ".join([*by_time, "event: job_failed", "several of cron or at: separate them with ;"])


def what_choices() -> list[tuple[str, str]]:
    """Return the choices for the kind of action, each as value and label."""
    return [(name, kind.LABEL) for name, kind in ACTIONS.items()]


def what_hint() -> str:
    """Return an example of each kind of action."""
    return " · ".join(f"{name}: {kind.EXAMPLE}" for name, kind in ACTIONS.items())


def executed() -> list[str]:
    """Return the kinds of action that execute a program; writing them needs `allow_edit`."""
    return [name for name, kind in ACTIONS.items() if kind.KEYS[name].executed]


def read(form: Mapping[str, Any], shown: Fields | None = None) -> Fields:
    """Return the text of every field of a submitted form, with line feeds at line ends.

    A field that was not sent has the text that was *shown*, or is empty. A value that is not text (a file) counts as
    not sent.
    """
    before = fields("", {}) if shown is None else shown
    filled = {name: _text_of(form.get(name), before[name]) for name in FIELDS}
    return filled | {"name": filled["name"].strip()}


def _text_of(sent: Any, shown: str) -> str:
    return _with_line_feeds(sent if isinstance(sent, str) else shown)


def _with_line_feeds(text: str) -> str:
    """Return *text* with the line ends that a browser shows; it sends CR and LF for each of them."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _tidy(text: str) -> str:
    """Return a text that the user wrote: one line without blanks around it, several lines as they are."""
    line = text.strip()
    return text if "\n" in line else line


def blank() -> Fields:
    """Return the fields of an empty form."""
    return fields("", {}) | {"when": "cron", "what": "command"}


def fields(name: str, table: Table) -> Fields:
    """Return a job's table as the text of the fields; a value of a wrong type is shown as it would be printed."""
    when = next((key for key in when_keys() if key in table), MANUAL)
    found = {
        "name": name,
        "when": when,
        "schedule": _shown(table.get(when, ""), _shown_schedule),
        **work(table),
        **{key: str(table.get(key, "")) for key in PLAIN},
        "for_each": _shown(table.get("for_each", ""), _shown_targets),
        "after": _shown(table.get("after", ()), ", ".join),
        "not_between": _shown(table.get("not_between") or (), "-".join),
        "between": _shown(table.get("between") or (), "-".join),
        "from": str(table.get("from", "")),
        **_shown_retry(table.get("retry", {})),
    }
    return {key: _with_line_feeds(text) for key, text in found.items()}


def _shown(value: Any, to_text: Callable[[Any], str]) -> str:
    """Return *value* as `to_text` writes it; any other text if the configuration has a wrong type there."""
    if isinstance(value, str):
        return value
    try:
        return to_text(value)
    except (TypeError, AttributeError):
        return str(value)


def _shown_targets(value: Any) -> str:
    """Return `for_each` as the text of its field: names separated by commas, or one a line; or COMMAND and a command line."""
    if isinstance(value, Mapping):
        return f"{COMMAND}{value['command']}" if [*value] == ["command"] else str(value)
    return ("\n" if any("," in name for name in value) else ", ").join(value)


def _targets(text: str) -> Any:
    """Return what `_shown_targets` shows as *text*; None for an empty text."""
    line = _tidy(text)
    if line.startswith(COMMAND):
        return {"command": line.removeprefix(COMMAND).strip()}
    return line if line in ("branches", "*") else _names(text, "\n" if "\n" in line else ",") or None


def _shown_schedule(value: Any) -> str:
    return SEPARATOR.join(map(str, value)) if isinstance(value, list) else str(value)


def _shown_retry(value: Any) -> Fields:
    """Return the fields of `retry`; false, which means no retry, is one attempt."""
    retry = value if isinstance(value, Mapping) else {"max_attempts": 1 if value is False else value}
    return {
        "max_attempts": str(retry.get("max_attempts", "")),
        "retry_delay": str(retry.get("delay", "")),
    }


def work(table: Table) -> Fields:
    """Return the action in a job's table as the text of its fields."""
    what = next((key for key in ACTIONS if key in table), "")
    return {"what": what, "work": _shown(table[what], ACTIONS[what].to_text) if what else ""}


def schedule(filled: Fields) -> dict[str, Any]:
    """Return the keys of a job's table for the schedule and the time zone in the form."""
    found = _when(filled)
    owned = SCHEDULES[filled["when"]].Keys.__struct_encode_fields__ if filled["when"] in SCHEDULES else ()
    found |= {key: value for key in OF_SCHEDULE if key in owned and (value := _of_schedule(filled, key))}
    return found | ({"timezone": zone} if (zone := _tidy(filled["timezone"])) else {})


def _of_schedule(filled: Fields, key: str) -> Any:
    """Return the value of a key of `OF_SCHEDULE`; None if its field is empty."""
    return (_names(filled[key], "-") if key == "between" else _tidy(filled[key])) or None


def _when(filled: Fields) -> dict[str, Any]:
    when, text = filled["when"], _tidy(filled["schedule"])
    if when not in when_keys():
        return {}
    several = _names(text, SEPARATOR.strip()) if when in SCHEDULES and SCHEDULES[when].SEVERAL else []
    return {when: several if len(several) > 1 else text}


def changes(table: Table, filled: Fields) -> dict[str, Any]:
    """Return the keys of a job's table that a submitted form changes, with their new values; None removes a key.

    A field changes nothing if it was sent as it was shown. Raise ConfigError if a field cannot be parsed.
    """
    shown = fields(filled["name"], table)
    differs = {name for name in FIELDS if filled[name] != shown[name]}
    found: dict[str, Any] = {key: _tidy(filled[key]) or None for key in PLAIN if key in differs}
    if differs & {"when", "schedule"}:
        gone = [*known_keys(), "on"] if "when" in differs else when_keys()
        found |= dict.fromkeys((key for key in gone if key in table), None)
        found |= _when(filled)
    found |= {key: _of_schedule(filled, key) for key in OF_SCHEDULE if key in differs}
    if differs & {"what", "work"}:
        found |= dict.fromkeys((key for key in ACTIONS if key in table), None)
        found |= {filled["what"]: _work(filled, table)} if filled["what"] in ACTIONS else {}
    if "for_each" in differs:
        found["for_each"] = _targets(filled["for_each"])
    if "after" in differs:
        found["after"] = _names(filled["after"], ",") or None
    if "not_between" in differs:
        found["not_between"] = _names(filled["not_between"], "-") or None
    if differs & {"max_attempts", "retry_delay"}:
        found["retry"] = _retry(filled, table.get("retry")) or None
    return found


def _names(text: str, sign: str) -> list[str]:
    return [part.strip() for part in text.split(sign) if part.strip()]


def _work(filled: Fields, table: Table) -> Any:
    return ACTIONS[filled["what"]].from_text(_tidy(filled["work"]), table.get(filled["what"]))


def _retry(filled: Fields, before: Any) -> dict[str, Any]:
    written, delay = _tidy(filled["max_attempts"]), _tidy(filled["retry_delay"])
    attempts = number(written)
    if written and attempts is None:
        raise ConfigError(f"retry.max_attempts: must be a number, got {written[:40]!r}")
    retry = before if isinstance(before, Mapping) else {}
    given = {"max_attempts": attempts, "delay": delay or None}
    return {key: value for key, value in {**retry, **given}.items() if value is not None}
