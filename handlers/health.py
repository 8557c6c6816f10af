"""The handler `health`: checks every branch and sends a notice when an issue appears or is gone."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from scheduled.core.conditions import Change, Condition, Notice, Severity
from scheduled.handlers.base import Outcome, Task
from scheduled.handlers.formats import timestamps
from scheduled.handlers.formats.branches import Branch
from scheduled.handlers.formats.form import MEMORY_KINDS
from scheduled.handlers.formats.text import escaped, many
from scheduled.handlers.workspace.checkup import Checkup, Finding, Inspector, Limits
from scheduled.handlers.workspace.workspace import Workspace, in_workspace

CENTRAL = "HEALTH.central.json"
UPSERT_KEY = "scheduled:health"  # the newest notice has all current issues
FOOTER = "---\nThis is an automated health check. For details, run:\n{command}"


class Options(Limits):
    """The limits of the check."""


@in_workspace
def run(task: Task, workspace: Workspace) -> Outcome:
    """Check all branches, write HEALTH.central.json and report a condition for each issue."""
    inspector = Inspector.shared(workspace, task.options, task)
    checkups, common = inspector.all(), inspector.common()
    found = Counter(checkup.status for checkup in checkups)
    counts = {
        "healthy": found["healthy"],
        "warnings": found["warning"],
        "errors": found["error"],
        "branches": len(checkups),
    }
    problems = [*workspace.problems, *inspector.memories.problems]
    for condition in _conditions(checkups, common, problems):
        task.report.condition(condition)
    stamp = timestamps.iso(task.now, task.zone)
    document = {"timestamp": stamp, **_document(checkups, common, problems)}
    workspace.write_central(CENTRAL, document)
    task.report.event("health_check_complete", **counts, timestamp=stamp)
    unknown = [f"health:{c.branch.name}:{kind}:" for c in checkups for kind in c.unreadable]
    return Outcome(data={**counts, "problems": problems}, unknown=unknown)


def notices(change: Change) -> list[Notice]:
    """Return one notice to the assistant with the current issues and those that are gone."""
    now = [*change.appeared, *change.stayed]
    found = f"{many(len(now), 'Issue')} Found" if now else "All Clear"
    urgent = any(condition.payload.get("status") == "error" for condition in now)
    return [
        Notice(
            recipient=change.recipients.assistant,
            subject=f"[SCHEDULED] Health Check - {found}",
            body="\n".join(_body(change, now)),
            priority="high" if urgent else "normal",
            upsert_key=UPSERT_KEY,
        )
    ]


def _conditions(
    checkups: Sequence[Checkup], common: Sequence[Finding], problems: Sequence[str]
) -> Iterator[Condition]:
    for checkup in checkups:
        name = checkup.branch.name
        for found in checkup.issues:
            yield _condition(name, found.key, found.level, found.text, _in_full(checkup.branch, found.text))
    for found in common:
        if found.level != "note":
            yield _condition("workspace", found.key, found.level, found.text, found.text)
    for problem in problems:
        yield _condition("registry", problem, "warning", problem, problem)


def _condition(branch: str, key: str, status: str, issue: str, line: str) -> Condition:
    payload = {"branch": branch, "status": status, "issue": issue, "line": line, "text": _text(branch, line)}
    severity: Severity = "error" if status == "error" else "warning"
    return Condition(key=f"health:{branch}:{key}", group="health", payload=payload, severity=severity)


def _in_full(branch: Branch, issue: str) -> str:
    """Return *issue* with the full file name: `local.json: 523 lines` becomes `DRONE.local.json: 523 lines`."""
    kind = next((kind for kind in MEMORY_KINDS if issue.startswith(kind)), None)
    return issue if kind is None else f"{branch.memory_name(kind)}{issue.removeprefix(kind)}"


def _document(
    checkups: Sequence[Checkup], common: Sequence[Finding], problems: Sequence[str]
) -> dict[str, Any]:
    details = [
        {
            "branch": checkup.branch.name,
            "status": checkup.status,
            "issues": [found.text for found in checkup.issues],
            "notes": checkup.notes,
        }
        for checkup in checkups
    ]
    brief = [{key: detail[key] for key in ("branch", "status", "issues")} for detail in details]
    return {
        "healthy": sum(entry["status"] == "healthy" for entry in brief),
        "warnings": [entry for entry in brief if entry["status"] == "warning"],
        "errors": [entry for entry in brief if entry["status"] == "error"],
        "details": details,
        "notes": [found.text for found in common],
        "problems": list(problems),
    }


def _body(change: Change, now: Sequence[Condition]) -> Iterator[str]:
    yield "## Health Check Summary"
    yield f"Time: {change.now:%Y-%m-%d %H:%M:%S}"
    yield f"Branches checked: {change.facts.get('branches', 0)}"
    yield ""
    yield "### Issues Found" if now else "No issues are left."
    yield ""
    for status in ("error", "warning"):
        yield from _by_branch(status, [c for c in now if c.payload.get("status") == status])
    if change.gone:
        yield "### No Longer"
        yield ""
        yield from (f"- {escaped(_named(condition))}" for condition in change.gone)
        yield ""
    yield FOOTER.format(command=change.footer_command)


def _by_branch(status: str, conditions: Sequence[Condition]) -> Iterator[str]:
    for branch in dict.fromkeys(str(condition.payload["branch"]) for condition in conditions):
        yield f"**{status.title()}: {escaped(branch)}**"
        lines = (c.payload["line"] for c in conditions if c.payload["branch"] == branch)
        yield from (f"- {escaped(line)}" for line in lines)
        yield ""


def _named(condition: Condition) -> str:
    line, branch = str(condition.payload["line"]), str(condition.payload["branch"])
    return _text(branch, line)


def _text(branch: str, line: str) -> str:
    return line if line.startswith(branch.upper()) else f"{branch}: {line}"
