"""`handler`: a built-in or installed handler does the work, in a forked child of the supervisor."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from scheduled.actions.kind import SUPERVISOR, ExecutionContext, Key, Work
from scheduled.core.jobs import Action, Job
from scheduled.core.runs import Claim

KEYS: Mapping[str, Key] = {"handler": Key(str, executed=False)}
GROUP: str = "workspace"
EXECUTOR: str = SUPERVISOR
LABEL: str = "a handler"
EXAMPLE: str = "the name of a built-in or installed handler"
METAVAR: str = "NAME"
HELP: str = "Action: a built-in or installed handler."


def read(given: Mapping[str, Any]) -> Action:
    """See `ActionKind.read`."""
    return Action("handler", name=given["handler"])


def from_text(text: str, before: Any) -> Any:  # noqa: ARG001 - the signature of every kind
    """See `ActionKind.from_text`."""
    return text


def to_text(value: Any) -> str:
    """See `ActionKind.to_text`."""
    return str(value)


def faults(job: Job) -> Iterable[str]:
    """See `ActionKind.faults`."""
    from scheduled.handlers import registry

    try:
        module = registry.find(job.action.name)
        if hasattr(module, "Options"):
            msgspec.convert(job.options, module.Options)
    except (LookupError, ImportError, TypeError) as error:
        return [f"handler: {error.args[0]}"]
    except msgspec.ValidationError as error:
        return [f"options: {error}"]
    return []


def missing(action: Action, environment: Mapping[str, str], directory: str) -> Iterable[str]:  # noqa: ARG001 - the signature of every kind
    """See `ActionKind.missing`."""
    return []


def describe(action: Action) -> str:
    """See `ActionKind.describe`."""
    return f"handler {action.name}"


def handler(action: Action) -> str:
    """See `ActionKind.handler`."""
    return action.name


def prepare(job: Job, claim: Claim, context: ExecutionContext, totals: Mapping[str, int]) -> Work:
    """See `ActionKind.prepare`."""
    return Work(
        task={
            "handler": job.action.name,
            "job": job.name,
            "target": claim.target,
            "zone": context.zone,
            "workspace": str(context.workspace) if context.workspace else None,
            "options": job.options,
            "scheduled_for": claim.scheduled_for,
            "window_start": claim.effective_window_start,
            "missed": claim.missed,
            "totals": dict(totals),
            "files": str(context.paths.reports),
            "sender": context.sender,
            "mailboxes": context.mailboxes,
            "recipients": msgspec.structs.asdict(context.recipients()),
            "layout": context.layout,
        }
    )
