"""The registry of the kinds of action. To add a kind, write a module beside this one and add it to KINDS."""

from collections.abc import Mapping

from scheduled.actions import chain, command, handler, python
from scheduled.actions.kind import ActionKind, Key
from scheduled.core.jobs import Action

# In the order in which messages and forms list them.
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
    """Return a description of *action* for the user."""
    return kind_of(action).describe(action)


def handler_of(action: Action) -> str:
    """Return the name of the handler that does the work of *action*; '' if it has no handler."""
    return kind_of(action).handler(action)
