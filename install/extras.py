"""The doors' libraries are extras: whoever wants a door without its library is told what to install."""

import importlib

from scheduled.errors import ConfigError


def need(library: str, *, door: str) -> None:
    """Raise ConfigError, with what to install, unless *library* can be imported."""
    try:
        importlib.import_module(library)
    except ImportError as error:
        raise ConfigError(
            f"`scheduled {door}` needs the library {library} ({error}): pip install 'scheduled[{door}]'"
        ) from None
