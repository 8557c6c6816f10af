"""Check for the libraries of the interfaces, which are extras, and name the command that installs a missing one."""

import importlib

from scheduled.errors import ConfigError
from scheduled.installation import LIBRARIES, command_for


def need(extra: str) -> None:
    """Raise ConfigError, with the command that installs it, unless the libraries of *extra* can be imported."""
    for library in LIBRARIES[extra]:
        try:
            importlib.import_module(library)
        except ImportError as error:
            raise ConfigError(
                f"`scheduled {extra}` needs the library {library} ({error}): run {command_for(extra)}"
            ) from None
