"""Reads the active plans that the flow branch publishes."""

from typing import Any

import msgspec

from scheduled.handlers.formats.json_text import MalformedError, parse
from scheduled.handlers.formats.safe_files import read_settled
from scheduled.handlers.workspace.workspace import Workspace

CENTRAL = "PLANS.central.json"


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """One plan: its number, for example `FPLAN-0350`, and its title."""

    plan_id: str
    title: str


def active_plans(workspace: Workspace, problems: list[str]) -> list[Plan]:
    """Return the active plans, newest first, from the central file or, if that fails, from the flow branch's registry.

    A file that cannot be read adds a line to *problems*.
    """
    for path, listed in (
        (str(workspace.central / CENTRAL), _in_central),
        (_registry(workspace), _in_registry),
    ):
        try:
            return listed(read_settled(path, parse, inside=workspace.inside))
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            problems.append(f"{path} was skipped: {error}")
    return []


def _registry(workspace: Workspace) -> str:
    flow = next((branch for branch in workspace.branches if branch.name.upper() == "FLOW"), None)
    home = flow.path if flow else f"{workspace.root}/aipass_core/flow"
    return f"{home}/flow_json/flow_registry.json"


def _in_central(document: Any) -> list[Plan]:
    plans = document.get("active_plans") if isinstance(document, dict) else None
    if not isinstance(plans, list):
        raise MalformedError("`active_plans` is not a list")
    return [_plan(plan, plan.get("plan_id")) for plan in plans if isinstance(plan, dict)]


def _in_registry(document: Any) -> list[Plan]:
    plans = document.get("plans") if isinstance(document, dict) else None
    if not isinstance(plans, dict):
        raise MalformedError("`plans` is not an object")
    numbered = ((number, plan) for number, plan in plans.items() if isinstance(plan, dict))
    active = [(number, plan) for number, plan in numbered if plan.get("status") == "open"]
    active.sort(key=lambda found: str(found[1].get("created", "")), reverse=True)
    return [_plan(plan, f"FPLAN-{number}") for number, plan in active]


def _plan(plan: dict[str, Any], plan_id: Any) -> Plan:
    # The flow branch writes `subject`; `title` is accepted too.
    title = plan.get("subject") or plan.get("title") or "untitled"
    return Plan(plan_id=str(plan_id or "unknown"), title=str(title))
