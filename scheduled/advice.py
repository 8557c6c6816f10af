"""Commands in messages: they must reach the instance that the message is about.

A message names a command in its short form, `scheduled status`. Here it is completed for the person who reads it: with
--config and --state where the instance is not the default of the environment, and with the path of a program that is
not on the PATH.
"""

import os
import re
import sys
from pathlib import Path
from typing import Any

from scheduled.paths import config_path, state_path
from scheduled.printable import printable

# Where documents hold messages. Other texts are the user's own: a command may contain backquotes, too.
MESSAGES = frozenset(
    {"problem", "problems", "warnings", "reason", "sentence", "last_outcome", "text", "error", "config_error"}
)
# In backquotes, or in parentheses, also behind another remark in them: `(not now; scheduled history a)`.
_COMMAND = r"(?<=[`(])scheduled(?= [a-z])|(?<=; )scheduled(?= [a-z-]+ [^()`;]+\))"
_instance: list[Path] = []  # the paths of the instance of this process, if it is not the default one


def use(config: Path, state: Path) -> None:
    """Complete the commands of this process for the instance with these absolute paths."""
    _instance[:] = [] if (config, state) == (config_path(None), state_path(None)) else [config, state]


def complete(message: str) -> str:
    """Return *message* with its commands completed."""
    if not _instance or "scheduled " not in message:
        return message
    command = _command(*_instance)
    return re.sub(_COMMAND, lambda _: command, message)


def _command(config: Path, state: Path) -> str:
    import shlex

    named = {"--config": (config, config_path(None)), "--state": (state, state_path(None))}
    options = [
        word for option, (path, default) in named.items() if path != default for word in (option, str(path))
    ]
    return printable(shlex.join([_program(), *options]))


def _program() -> str:
    """Return the name of the program if it is on the PATH, otherwise the path of the command beside this Python."""
    import shutil

    own, found = Path(sys.executable).with_name("scheduled"), shutil.which("scheduled")
    if not own.exists() or (found and os.path.realpath(found) == os.path.realpath(own)):
        return "scheduled"
    return str(own)


def complete_in(document: Any) -> Any:
    """Return *document* with the commands in its messages completed."""
    if not _instance:
        return document
    if isinstance(document, dict):
        return {key: _value(key, value) for key, value in document.items()}
    return [complete_in(entry) for entry in document] if isinstance(document, list) else document


def _value(key: str, value: Any) -> Any:
    if key in MESSAGES and isinstance(value, str):
        return complete(value)
    if key in MESSAGES and isinstance(value, list):
        return [complete(entry) if isinstance(entry, str) else complete_in(entry) for entry in value]
    return complete_in(value)
