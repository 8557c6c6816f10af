"""Reads the active plans that the flow branch publishes."""

from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from functools import partial
from typing import Any, TypeVar

import msgspec

from scheduled.handlers.formats.json_text import MalformedError, parse
from scheduled.handlers.formats.safe_files import read_settled
from scheduled.handlers.workspace.workspace import Workspace
from scheduled.state.beneath import names_in

CENTRAL = "PLANS.central.json"
T = TypeVar("T")


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """One plan: its number, for example `FPLAN-0350`, and its title."""

    plan_id: str
    title: str


def active_plans(workspace: Workspace, problems: list[str]) -> list[Plan]:
    """Return the active plans, newest first, from the central file or, if that fails, from the flow branch's registries.

    A file that cannot be read adds a line to *problems*.
    """
    central = str(workspace.central / CENTRAL)
    found = _read(central, _in_central, workspace, problems)
    if found is not None:
        return found
    listed: list[tuple[str, Plan]] = []
    for path, prefix in _registries(workspace):
        listed += _read(path, partial(_in_registry, prefix), workspace, problems) or []
    return [plan for _, plan in sorted(listed, key=lambda found: found[0], reverse=True)]


def _read(
    path: str, listed: Callable[[Any], list[T]], workspace: Workspace, problems: list[str]
) -> list[T] | None:
    """Return what *listed* finds in a file, None if the file is missing or cannot be read."""
    try:
        return listed(read_settled(path, parse, inside=workspace.inside))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        problems.append(f"{path} was skipped: {error}")
        return None


def _registries(workspace: Workspace) -> Iterator[tuple[str, str]]:
    """Yield the path of each registry of plans, and the prefix of the ids of its plans."""
    directory = f"{workspace.directory_of('FLOW', workspace.form.flow)}/flow_json"
    try:
        names = sorted(names_in(directory, workspace.inside))
    except OSError:
        return
    for name in names:
        for pattern, prefix in workspace.form.plans.items():
            if fnmatchcase(name, pattern):
                yield f"{directory}/{name}", prefix or name.removesuffix("_registry.json").upper()


def _in_central(document: Any) -> list[Plan]:
    plans = document.get("active_plans") if isinstance(document, dict) else None
    if not isinstance(plans, list):
        raise MalformedError("`active_plans` is not a list")
    return [_plan(plan, plan.get("plan_id")) for plan in plans if isinstance(plan, dict)]


def _in_registry(prefix: str, document: Any) -> list[tuple[str, Plan]]:
    """Return the open plans of a registry with their times of creation. Its keys are numbers, or complete ids."""
    plans = document.get("plans") if isinstance(document, dict) else None
    if not isinstance(plans, dict):
        raise MalformedError("`plans` is not an object")
    numbered = ((number, plan) for number, plan in plans.items() if isinstance(plan, dict))
    return [
        (str(plan.get("created") or ""), _plan(plan, number if "-" in number else f"{prefix}-{number}"))
        for number, plan in numbered
        if plan.get("status") == "open"
    ]


def _plan(plan: dict[str, Any], plan_id: Any) -> Plan:
    # The flow branch writes `subject`; `title` is accepted too.
    title = plan.get("subject") or plan.get("title") or "untitled"
    return Plan(plan_id=str(plan_id or "unknown"), title=str(title))
