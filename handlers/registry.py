"""Finding handlers by name: the built-in ones from a table, others from entry points."""

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

import msgspec

from scheduled.core.conditions import Change, Notice
from scheduled.handlers.base import Handler

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint, EntryPoints

    from scheduled.handlers import daily_report, health, mail_cleanup, memory_rollover, metrics

    # Lets the type checker compare each built-in module with the protocol, without importing it at run time.
    checked: dict[str, Handler] = {
        "health": health,
        "memory_rollover": memory_rollover,
        "mail_cleanup": mail_cleanup,
        "metrics": metrics,
        "daily_report": daily_report,
    }

GROUP = "scheduled.handlers"
# The order in which messages list the handlers; jobs of the same slot run in the order of the configuration.
BUILT_IN = {
    "health": "scheduled.handlers.health",
    "memory_rollover": "scheduled.handlers.memory_rollover",
    "mail_cleanup": "scheduled.handlers.mail_cleanup",
    "metrics": "scheduled.handlers.metrics",
    "daily_report": "scheduled.handlers.daily_report",
}

# The modules with the function `notices` of handlers that do not have it themselves: they need few imports.
NOTICES = {"mail_cleanup": "scheduled.handlers.mail_notices"}


class NoOptions(msgspec.Struct, forbid_unknown_fields=True):
    """The type of `[jobs.X.options]` for a handler without `Options`: an empty table."""


def names() -> list[str]:
    """Return the names of all handlers: the built-in ones in the order of `BUILT_IN`, then the others sorted."""
    return [*BUILT_IN, *sorted({entry.name for entry in _entry_points()} - BUILT_IN.keys())]


def find(name: str) -> Handler:
    """Import the handler *name* and return it, with defaults for a missing `Options` or `notices`.

    An entry point cannot replace a built-in handler. Raise LookupError with a list of all handlers if there is none
    of that name, ImportError if it cannot be imported, TypeError if it has no `run`.
    """
    if name in BUILT_IN:
        return _completed(name, import_module(BUILT_IN[name]))
    for entry in _entry_points().select(name=name):
        return _completed(name, _imported(entry))
    raise LookupError(f"no handler {name!r}; the handlers are {', '.join(names())}")


def composer(name: str) -> Callable[[Change], list[Notice]]:
    """Return the function `notices` of the handler *name*, without importing what only its runs need. Raise as `find`."""
    if name in NOTICES:
        found: Callable[[Change], list[Notice]] = import_module(NOTICES[name]).notices
        return found
    return find(name).notices


def _entry_points() -> "EntryPoints":
    # Imported here because the import takes as long as an idle tick; only handlers that are not built in need it.
    from importlib.metadata import entry_points

    return entry_points(group=GROUP)


def _imported(entry: "EntryPoint") -> Any:
    try:
        return entry.load()
    except Exception as error:
        # Code of another distribution can raise any exception; the message must name the handler.
        raise ImportError(f"handler {entry.name!r} ({entry.value}) cannot be imported: {error}") from error


class _Completed:
    """A handler with the default `Options` (no keys) and `notices` (none) where it defines none."""

    def __init__(self, module: Any) -> None:
        self.Options: type[msgspec.Struct] = getattr(module, "Options", NoOptions)
        self.run = module.run
        self.notices = getattr(module, "notices", _no_notices)


def _completed(name: str, module: Any) -> Handler:
    if not callable(getattr(module, "run", None)):
        raise TypeError(f"handler {name!r} has no function run(task)")
    return _Completed(module)


def _no_notices(_: Change) -> list[Notice]:
    return []
