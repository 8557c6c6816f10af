"""What a value in each column of the ledger may be. A value against the rules means that the file is damaged, or hostile.

The types are those of the schema: SQLite itself stores a BLOB in a column for text. Only a thorough check reads this.
"""

import json
import math
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any, get_args

from scheduled.core.conditions import Severity
from scheduled.core.runs import AttemptStatus, OpenReason, RunStatus, Verdict
from scheduled.paths import is_file_name
from scheduled.state.validation import INSTANTS, is_instant

LONGEST_TEXT = 1 << 16  # bytes
LARGEST = 1 << 53  # every whole number up to here is the same as a JSON number
TRIGGERS = frozenset({"schedule", "manual", "event", "chain"})
ROLES = {
    "runs.status": frozenset(get_args(RunStatus)),
    "runs.trigger": TRIGGERS,
    "other_attempts.status": frozenset(get_args(AttemptStatus)),
    "slots.verdict": frozenset(get_args(Verdict)),
    "jobs.open_reason": frozenset(get_args(OpenReason)),
    "jobs.last_status": frozenset(get_args(RunStatus)),
    "conditions.severity": frozenset(get_args(Severity)),
}
# Columns with the id of a run, or with another name that files are made of.
FILE_NAMES = frozenset({"run_id", "last_run_id", "parent", "tick"})
MAY_BE_EMPTY = frozenset({"parent", "tick"})
DOCUMENTS = frozenset(
    {"payload", "result", "last_result", "schedules", "notice", "slots", "epochs", "value", "incident"}
)
COUNTS = frozenset(
    {
        "count", "run_count", "failure_count", "slots", "attempt", "interruptions", "deferrals", "step", "depth",
        "tries", "enabled", "stop_requested", "printed",
    }
)  # fmt: skip
TIMES = INSTANTS | {"decided_at", "until", "created_at", "at", "seen_at", "back_to"}
SAVED_SLOT = ("first", "last", "count", "verdict", "reason", "run_id", "decided_at")  # see `clock_steps`
Rule = Callable[[Any], bool]


def check_rows(db: sqlite3.Connection) -> None:
    """Check the values of every table. Raise ValueError, which names the table, the column and the value, for a wrong one."""
    tables = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    for (table,) in tables:
        rules = list(_rules(db, table))
        for row in db.execute(f'SELECT * FROM "{table}"'):  # noqa: S608 - a name from the schema
            for (name, rule), value in zip(rules, row, strict=True):
                _require(table, name, value, rule)
    _check_saved(db)
    for (value,) in db.execute("SELECT value FROM meta WHERE key = 'generation'"):
        _require("meta", "generation", value, is_generation)


def is_generation(value: str) -> bool:
    """Return whether *value* is a generation: a whole number, as text, from 0 to 2^53."""
    return value.isascii() and value.isdigit() and len(value) <= len(str(LARGEST)) and int(value) <= LARGEST


def _require(table: str, name: str, value: Any, rule: Rule) -> None:
    if not rule(value):
        shown = value[:100] if isinstance(value, str | bytes) else value
        raise ValueError(f"{table}.{name}: {shown!r} is not valid")


def _rules(db: sqlite3.Connection, table: str) -> Iterator[tuple[str, Rule]]:
    """Yield the columns of *table*, each with the rule for its values. SQLite's own tables permit everything."""
    for _, name, kind, required, _, key in db.execute(f'PRAGMA table_info("{table}")').fetchall():
        own = table.startswith("sqlite_")
        yield name, _anything if own else _rule(f"{table}.{name}", kind, optional=not (required or key))


def _rule(column: str, kind: str, *, optional: bool) -> Rule:
    name = column.partition(".")[2]
    if column in ROLES:
        rule: Rule = ROLES[column].__contains__
    elif name in FILE_NAMES:
        rule = _is_id if name not in MAY_BE_EMPTY else _is_id_or_empty
    elif kind == "TEXT":
        rule = _is_document if name in DOCUMENTS else _is_text
    else:
        rule = _is_count if name in COUNTS else is_instant if name in TIMES else _is_number
    return (lambda value: value is None or rule(value)) if optional else rule


def _check_saved(db: sqlite3.Connection) -> None:
    """Check the slots that a clock step saved: they come back into the table of slots."""
    kinds = {name: kind for _, name, kind, *_ in db.execute("PRAGMA table_info(slots)")}
    nullable = ("verdict", "run_id")
    rules = [_rule(f"slots.{name}", kinds[name], optional=name in nullable) for name in SAVED_SLOT]
    for (text,) in db.execute("SELECT slots FROM saved_positions"):
        for row in json.loads(text):
            for name, rule, value in zip(SAVED_SLOT, rules, row, strict=True):
                _require("saved_positions", name, value, rule)


def _anything(_: Any) -> bool:
    return True


def _is_document(value: Any) -> bool:
    return isinstance(value, str)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and (len(value) * 4 <= LONGEST_TEXT or len(value.encode()) <= LONGEST_TEXT)


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and is_file_name(value)


def _is_id_or_empty(value: Any) -> bool:
    return value == "" or _is_id(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and 0 <= value <= LARGEST
