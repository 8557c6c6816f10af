"""Check for the libraries of the interfaces, which are extras, and name the command that installs a missing one."""

import importlib
from importlib.util import find_spec
from pathlib import Path

import scheduled
from scheduled import installation
from scheduled.errors import ConfigError

# Each extra, and the libraries of it that must be importable, by import name.
LIBRARIES = {"web": ("starlette", "uvicorn"), "mcp": ("mcp",), "dbus": ("dbus_fast",)}


def need(extra: str) -> None:
    """Raise ConfigError, with the command that installs it, unless the libraries of *extra* can be imported."""
    for library in LIBRARIES[extra]:
        try:
            importlib.import_module(library)
        except ImportError as error:
            command = installation.with_extra(
                Path(scheduled.__file__).parent, extra, present=_present() - {extra}
            )
            raise ConfigError(
                f"`scheduled {extra}` needs the library {library} ({error}): run {command}"
            ) from None


def _present() -> set[str]:
    return {extra for extra, libraries in LIBRARIES.items() if all(map(find_spec, libraries))}
