"""What a job's table says that it does: the keys of the kinds of action, whichever there are, and what of a table is executed."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, cast

import msgspec

from scheduled.actions import registry
from scheduled.actions.kind import ActionKind
from scheduled.config.tables import JobTable
from scheduled.core.jobs import Action
from scheduled.errors import ConfigError
from scheduled.schedules.kinds import reading

# What may be said of a job without saying what it executes; of the keys of actions their kinds say it, and those of schedules are harmless.
HARMLESS = frozenset((
    "description", "enabled", "on", "where", "timezone", "on_failure",
    "after", "priority", "catch_up", "catch_up_limit", "grace", "not_between", "gate_deadline", "jitter",
    "timeout", "retry", "group", "success_codes", "output_limit", "limits", "nice", "ionice",
))  # fmt: skip


def job_table() -> type[JobTable]:
    """Return [jobs.X] as it is written, with the keys of all kinds of action."""
    return _with_keys(tuple(registry.KINDS.values()))


@lru_cache
def _with_keys(kinds: tuple[ActionKind, ...]) -> type[JobTable]:
    fields = {name: key.type | None for kind in kinds for name, key in kind.KEYS.items()}
    table = msgspec.defstruct(
        "JobTable",
        [(name, type_, None) for name, type_ in fields.items()],
        bases=(JobTable,),
        module=__name__,
        forbid_unknown_fields=True,
        kw_only=True,
    )
    return cast("type[JobTable]", table)


def read_action(raw: JobTable, name: str) -> Action:
    """Return what *raw* says that is done, by the kind *name* that it announces; raises ConfigError with the key."""
    value = getattr(raw, name)
    if _is_empty(value):
        raise ConfigError(f"{name}: is empty")
    kind = registry.KINDS[name]
    for other, foreign in registry.KINDS.items():
        for key in foreign.KEYS.keys() - kind.KEYS.keys():
            if getattr(raw, key) is not None:
                raise ConfigError(f"{key}: belongs to `{other}` only")
    return kind.read({key: getattr(raw, key) for key in kind.KEYS})


def _is_empty(value: object) -> bool:
    if isinstance(value, str):
        return not value.strip()
    return not value or (isinstance(value, list) and not value[0])


def executable_keys(table: Mapping[str, Any]) -> list[str]:
    """Return the keys of a job's table that say, or change, what is executed; a switch for who may write those."""
    actions = (key for key, found in registry.keys().items() if not found.executed)
    harmless = HARMLESS.union(actions, reading.known_keys())
    return sorted(
        key
        for key, value in table.items()
        if key not in harmless and not (key == "on_interrupted" and value in ("rerun", "skip", "ask"))
    )
