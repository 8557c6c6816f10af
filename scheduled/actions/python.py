"""`python`: a function `module:function`, called with the job's options, or a script."""

import os
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from scheduled.actions.kind import SUPERVISOR, ExecutionContext, Key, Work
from scheduled.core.jobs import Action, Job
from scheduled.core.runs import Claim

KEYS: Mapping[str, Key] = {"python": Key(str)}
GROUP: str = ""
EXECUTOR: str = SUPERVISOR
LABEL: str = "Python"
EXAMPLE: str = "module:function"
METAVAR: str = "FUNCTION"
HELP: str = "Action: module:function, or a script."
CALL = os.path.join(os.path.dirname(__file__), "python_call.py")


def read(given: Mapping[str, Any]) -> Action:
    """See `ActionKind.read`."""
    return Action("python", name=given["python"])


def from_text(text: str, before: Any) -> Any:  # noqa: ARG001 - the signature of every kind
    """See `ActionKind.from_text`."""
    return text


def to_text(value: Any) -> str:
    """See `ActionKind.to_text`."""
    return str(value)


def faults(job: Job) -> Iterable[str]:  # noqa: ARG001 - the signature of every kind
    """See `ActionKind.faults`."""
    return []


def missing(action: Action, environment: Mapping[str, str], directory: str) -> Iterable[str]:
    """See `ActionKind.missing`. A module is looked up without an import, which would execute code of its package."""
    from scheduled.actions.programs import missing_file
    from scheduled.actions.python_lookup import LONGEST, missing_function

    if ":" not in action.name or "/" in action.name:
        limit = 0 if _is_program(action.name, directory) else LONGEST
        return missing_file("python", action.name, directory, limit=limit)
    return missing_function(action.name, environment, directory)


def _is_program(name: str, directory: str) -> bool:
    """Return whether *name* is a directory that Python executes."""
    return os.path.isfile(os.path.join(directory, os.path.expanduser(name), "__main__.py"))


def describe(action: Action) -> str:
    """See `ActionKind.describe`."""
    return f"python {action.name}"


def handler(action: Action) -> str:  # noqa: ARG001 - the signature of every kind
    """See `ActionKind.handler`."""
    return ""


def prepare(job: Job, claim: Claim, context: ExecutionContext, totals: Mapping[str, int]) -> Work:  # noqa: ARG001 - the signature of every kind
    """See `ActionKind.prepare`. A function gets the target of the run as the keyword argument `target`."""
    name = job.action.name
    if ":" not in name or "/" in name:
        return Work(argv=(sys.executable, os.path.expanduser(name)))
    import json

    options = {"target": claim.target, **job.options} if claim.target else job.options
    return Work(argv=(sys.executable, CALL, name, json.dumps(options, ensure_ascii=False)))
