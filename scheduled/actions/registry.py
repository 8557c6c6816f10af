"""Which kinds of action there are. A new one is a module beside this one, and a line here."""

from collections.abc import Mapping

from scheduled.actions import chain, command, handler, python
from scheduled.actions.kind import ActionKind, Key
from scheduled.core.jobs import Action

# In the order in which they are named to people.
KINDS: dict[str, ActionKind] = {
    "command": command,
    "python": python,
    "handler": handler,
    "chain": chain,
}


def kind_of(action: Action) -> ActionKind:
    """Return the kind of *action*."""
    return KINDS[action.kind]


def keys() -> Mapping[str, Key]:
    """Return the keys of the job table that belong to kinds, by name."""
    return {name: key for kind in KINDS.values() for name, key in kind.KEYS.items()}


def describe(action: Action) -> str:
    """Say what *action* does, for people."""
    return kind_of(action).describe(action)


def handler_of(action: Action) -> str:
    """Return the name of the handler that does the work of *action*; '' where none does."""
    return kind_of(action).handler(action)
