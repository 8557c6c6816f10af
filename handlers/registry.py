"""Which handlers there are: the built-in ones by hand, others by entry point, all on equal footing."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

import msgspec

from scheduled.core.conditions import Change, Notice
from scheduled.handlers.base import Handler

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint, EntryPoints

    from scheduled.handlers import daily_report, health, mail_cleanup, memory_rollover, metrics

    # The type checker holds every built-in module against the plugin surface; a run imports none of them.
    checked: dict[str, Handler] = {
        "health": health,
        "memory_rollover": memory_rollover,
        "mail_cleanup": mail_cleanup,
        "metrics": metrics,
        "daily_report": daily_report,
    }

GROUP = "scheduled.handlers"
# Jobs of one slot run in the order of the configuration; messages name the handlers in this one.
BUILT_IN = {
    "health": "scheduled.handlers.health",
    "memory_rollover": "scheduled.handlers.memory_rollover",
    "mail_cleanup": "scheduled.handlers.mail_cleanup",
    "metrics": "scheduled.handlers.metrics",
    "daily_report": "scheduled.handlers.daily_report",
}


class NoOptions(msgspec.Struct, forbid_unknown_fields=True):
    """The options of a handler that has none."""


def names() -> list[str]:
    """Return the names of all handlers: the built-in ones in their order, then the others."""
    return [*BUILT_IN, *sorted({entry.name for entry in _entry_points()} - BUILT_IN.keys())]


def find(name: str) -> Handler:
    """Return the handler called *name*, imported now and complete (`Options`, `run`, `notices`).

    A built-in name can't be taken by another distribution. Raise LookupError, naming those there are, if
    there is none; ImportError if it can't be imported, TypeError if it has no `run`.
    """
    if name in BUILT_IN:
        return _completed(name, import_module(BUILT_IN[name]))
    for entry in _entry_points().select(name=name):
        return _completed(name, _loaded(entry))
    raise LookupError(f"there is no handler {name!r}; there are {', '.join(names())}")


def _entry_points() -> "EntryPoints":
    # Imported here: it takes as long as a whole idle tick, and the built-in handlers need none of it.
    from importlib.metadata import entry_points

    return entry_points(group=GROUP)


def _loaded(entry: "EntryPoint") -> Any:
    try:
        return entry.load()
    except Exception as error:
        # Foreign code: whatever goes wrong in it, the message must say whose it is.
        raise ImportError(f"handler {entry.name!r} ({entry.value}) can't be loaded: {error}") from error


class _Completed:
    """A handler with what it left out: no options, and nothing to say of changes."""

    def __init__(self, found: Any) -> None:
        self.Options: type[msgspec.Struct] = getattr(found, "Options", NoOptions)
        self.run = found.run
        self.notices = getattr(found, "notices", _nothing)


def _completed(name: str, found: Any) -> Handler:
    if not callable(getattr(found, "run", None)):
        raise TypeError(f"handler {name!r} has no run(task)")
    return _Completed(found)


def _nothing(_: Change) -> list[Notice]:
    return []
