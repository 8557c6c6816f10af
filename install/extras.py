"""The libraries of the interfaces are extras: where one is missing the message says what to install."""

import importlib

from scheduled.errors import ConfigError


def need(library: str, *, interface: str) -> None:
    """Raise ConfigError, with what to install, unless *library* can be imported."""
    try:
        importlib.import_module(library)
    except ImportError as error:
        raise ConfigError(
            f"`scheduled {interface}` needs the library {library} ({error}): pip install 'scheduled[{interface}]'"
        ) from None
