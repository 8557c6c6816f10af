"""A small workspace in the real format, with a finding for each built-in handler."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

STAMP = "%Y-%m-%d %H:%M:%S"
NOTE = "a worked example, so that the sweep has lines to count"


@dataclass(frozen=True)
class _Branch:
    """A branch: the numbers of lines of its two memory files, and the ages of its mail in hours."""

    name: str
    sessions: int = 120
    observations: int = 90
    new: tuple[int, ...] = ()
    opened: tuple[int, ...] = ()
    mailbox: bool = True

    @property
    def address(self) -> str:
        return "@" + self.name.lower()


BRANCHES = (
    _Branch("DEV_CENTRAL", new=(2,)),
    _Branch("ASSISTANT"),
    _Branch(
        "FLOW", observations=640, new=(80, 5), opened=(30,)
    ),  # one memory file over the limit, one mail unread for more than two days
    _Branch("SEED", sessions=540, opened=(200, 240)),  # near the limit, two mails read more than a week ago
    _Branch("DRONE", new=(60,)),
    _Branch("API", mailbox=False),
)
LOG = (
    (170, "INFO", "connected"),
    (40, "WARNING", "answer took 4.1 s"),
    (25, "ERROR", "crash while polling"),
    (5, "INFO", "recovered, 0 errors since"),
)


def build(root: Path, now: datetime) -> None:
    """Fill the empty directory *root* with a workspace of six branches; *now* is the naive local time."""
    _write_json(root / "BRANCH_REGISTRY.json", _registry(root, now))
    _write_json(root / "aipass_os/AI_CENTRAL/PLANS.central.json", _plans(root, now))
    for branch in BRANCHES:
        _write_branch(root / branch.name.lower(), branch, now)
    for name, age in (("flow_registry_monitor", 0), ("seed_audit", 300)):
        lines = [
            f"{now - timedelta(minutes=minutes + age):{STAMP}} | captured_{name.partition('_')[2]} | {level} | {text}\n"
            for minutes, level, text in LOG
        ]
        _write(root / "system_logs" / f"{name}.log", "".join(lines))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _write_json(path: Path, document: Any) -> None:
    _write(path, json.dumps(document, indent=2, ensure_ascii=False))


def _registry(root: Path, now: datetime) -> dict[str, Any]:
    entries = [
        {
            "name": branch.name,
            "path": str(root / branch.name.lower()),
            "profile": "AIPass Workshop",
            "description": f"The demo's {branch.name.lower()}",
            "email": branch.address,
            "status": "active",
            "created": f"{now - timedelta(days=90):%Y-%m-%d}",
            "last_active": f"{now:%Y-%m-%d}",
        }
        for branch in BRANCHES
    ]
    about = {"version": "1.0.0", "last_updated": f"{now:%Y-%m-%d}", "total_branches": len(entries)}
    return {"metadata": about, "branches": entries}


def _plans(root: Path, now: datetime) -> dict[str, Any]:
    made = (now - timedelta(days=4)).astimezone().isoformat(timespec="seconds")
    plans = [
        {
            "plan_id": f"FPLAN-{number:04}",
            "subject": subject,
            "status": "open",
            "created": made,
            "file_path": str(root / f"flow/FPLAN-{number:04}.md"),
            "relative_path": "flow",
            "branch": "flow",
        }
        for number, subject in (
            (12, "Bring the watcher back up after sleep"),
            (13, "One page for all limits"),
        )
    ]
    return {
        "generated_at": made,
        "active_plans": plans,
        "recently_closed": [],
        "statistics": {"active_count": len(plans), "total_closed": 0, "recently_closed_included": 0},
        "branches": {},
        "global_statistics": {"total_active": len(plans), "total_closed": 0, "branches_reporting": 1},
    }


def _write_branch(home: Path, branch: _Branch, now: datetime) -> None:
    _write(home / "README.md", f"# {branch.name}\n\nA branch of the demo workspace.\n")
    _write(home / f"{branch.name}.local.json", _memory(branch, "session_history", branch.sessions, now))
    _write(
        home / f"{branch.name}.observations.json",
        _memory(branch, "collaboration_patterns", branch.observations, now),
    )
    _write_json(
        home / "DASHBOARD.local.json",
        {"branch": branch.name, "last_updated": f"{now:%Y-%m-%d}", "sections": {}},
    )
    if branch.mailbox:
        _write_json(home / "ai_mail.local/inbox.json", _inbox(branch, now))
        for folder in ("sent", "deleted"):
            (home / "ai_mail.local" / folder).mkdir()


def _memory(branch: _Branch, kind: str, lines: int, now: datetime) -> str:
    """Return the text of a memory file with *lines* lines."""
    document = {
        "document_metadata": {
            "document_type": kind,
            "managed_by": branch.name,
            "last_updated": f"{now:%Y-%m-%d}",
            "limits": {"max_lines": 600},
        },
        "entries": [NOTE],
    }
    bare = len(json.dumps(document, indent=2).splitlines())
    document["entries"] = [NOTE] * (lines - bare + 1)
    return json.dumps(document, indent=2) + "\n"


def _inbox(branch: _Branch, now: datetime) -> dict[str, Any]:
    """Return a mailbox in the order of the real writer: the newest mail first."""
    messages = sorted(_mails(branch, now), key=lambda message: str(message["timestamp"]), reverse=True)
    unread = sum(message["status"] == "new" for message in messages)
    return {"mailbox": "inbox", "total_messages": len(messages), "unread_count": unread, "messages": messages}


def _mails(branch: _Branch, now: datetime) -> Iterator[dict[str, Any]]:
    for status, ages in (("new", branch.new), ("opened", branch.opened)):
        for hours in ages:
            yield {
                "id": f"{BRANCHES.index(branch):02x}{hours:06x}",
                "timestamp": f"{now - timedelta(hours=hours):{STAMP}}",
                "from": "@drone",
                "from_name": "DRONE",
                "subject": f"Weekly notes, {hours} hours old",
                "message": f"Sent {hours} hours before the demo began.",
                "status": status,
                "auto_execute": False,
                "priority": "normal",
            }
