"""What a job's table says that it does: the keys of the kinds of action, whichever there are."""

from functools import lru_cache
from typing import cast

import msgspec

from scheduled.actions import registry
from scheduled.actions.kind import ActionKind
from scheduled.config.tables import JobTable
from scheduled.core.jobs import Action
from scheduled.errors import ConfigError


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
