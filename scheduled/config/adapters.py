"""Warnings about `[compat]`: objects with a wrong name, and modules that their interpreter does not find."""

import os
import re
import sys
from collections.abc import Iterator, Mapping

from scheduled import question
from scheduled.config.config import Config
from scheduled.config.values import seconds
from scheduled.notify.adapter import Adapter, not_found

NAME = r"[^\W\d]\w*(?:\.[^\W\d]\w*)*"
TARGET = re.compile(f"({NAME}):{NAME}")
LONGEST = 10  # seconds within which an interpreter must answer
EXAMPLES = {"trigger": "package.module:Trigger", "send": "package.module:send_email_direct"}


def doubts(found: Config, environment: Mapping[str, str]) -> Iterator[str]:
    """Yield the warnings about the `[compat]` table of *found*, each beginning with the file and the key.

    *environment* is that of every job. The interpreter is asked for the modules, and imports none; it is not started
    if an interface asks.
    """
    modules = {}
    for key, example in EXAMPLES.items():
        value = getattr(found.compat, key)
        if value is None:
            continue
        if match := TARGET.fullmatch(value):
            modules[key] = match[1]
        else:
            yield f"{found.path}: compat.{key}: {value!r} is not module:name; write for example {example!r}"
    if found.compat.send and found.workspace is None:
        yield f"{found.path}: compat.send: has no effect without a workspace; set `workspace`"
    yield from _absent(found, modules, environment)


def _absent(found: Config, modules: Mapping[str, str], environment: Mapping[str, str]) -> Iterator[str]:
    if not modules:
        return
    if question.is_limited():
        yield f"{found.path}: compat.python: not started for this answer; `scheduled check` asks it for the modules"
        return
    python = os.path.expanduser(found.compat.python or sys.executable)
    adapter = Adapter(
        python=python,
        timeout=min(seconds("compat.timeout", found.compat.timeout), LONGEST),
        workspace=found.workspace,
        environment=environment,
    )
    absent, error = not_found(adapter, [*modules.values()])
    if error:
        yield f"{found.path}: compat.python: cannot be asked for modules: {error}; correct its path"
    for key, module in modules.items():
        if module in absent:
            yield (
                f"{found.path}: compat.{key}: {python} finds no module {module}; correct the name, "
                "or set compat.python to the interpreter that has it"
            )
