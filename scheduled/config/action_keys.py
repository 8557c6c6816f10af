"""The keys of a job table, with those that belong to kinds of action."""

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


def job_table() -> type[JobTable]:
    """Return the struct type of a [jobs.NAME] table, with the keys of all registered kinds of action."""
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
    """Return the action of kind *name* that *raw* defines. Raise ConfigError with the key if a value is wrong."""
    value = getattr(raw, name)
    if _is_empty(value):
        raise ConfigError(f"{name}: is empty; write a value or remove the job")
    kind = registry.KINDS[name]
    for other, foreign in registry.KINDS.items():
        for key in foreign.KEYS.keys() - kind.KEYS.keys():
            if getattr(raw, key) is not None:
                raise ConfigError(f"{key}: only valid with `{other}`, and this job has `{name}`; remove it")
    action = kind.read({key: getattr(raw, key) for key in kind.KEYS})
    return msgspec.structs.replace(action, session=True) if getattr(kind, "SESSIONS", False) else action


def _is_empty(value: object) -> bool:
    if isinstance(value, str):
        return not value.strip()
    return not value or (isinstance(value, list) and not value[0])


def refuse_unknown(table: Mapping[str, Any]) -> None:
    """Raise ConfigError, with the nearest key, if *table* sets a key that no job has."""
    known = [*job_table().__struct_fields__, *reading.known_keys()]
    for key in (key for key, value in table.items() if value is not None and key not in known):
        import difflib

        near = difflib.get_close_matches(key, known, n=1)
        advice = f"did you mean {near[0]}?" if near else "correct its name or leave it out"
        raise ConfigError(f"{key}: unknown argument; {advice}")
