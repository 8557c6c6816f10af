"""The handler `metrics`: numbers about logs, memory files and mail in a central file, and their history."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from scheduled.core.conditions import Change, Notice
from scheduled.handlers.base import Outcome, Task
from scheduled.handlers.formats import timestamps
from scheduled.handlers.formats.json_text import parse
from scheduled.handlers.formats.mail_index import MailIndex
from scheduled.handlers.formats.mailbox_files import MailboxError
from scheduled.handlers.formats.memory_file import Size
from scheduled.handlers.memory_rollover import Memory, memory_files
from scheduled.handlers.workspace import memory_limits
from scheduled.handlers.workspace.logs import LogFile, Window, branch_of, read_logs
from scheduled.handlers.workspace.memory_limits import MemoryLimits
from scheduled.handlers.workspace.workspace import Workspace, in_workspace
from scheduled.state.files import RefusedError, read_regular, write_atomically

CENTRAL, HISTORY = "METRICS.central.json", "METRICS.history.jsonl"


class Options(memory_limits.Options, forbid_unknown_fields=True, kw_only=True):
    """Log lines of the last *hours* are counted, and the memory files that are over their limits."""

    hours: float = 1
    history_days: float = 7


@in_workspace
def run(task: Task, workspace: Workspace) -> Outcome:
    """Replace METRICS.central.json with the current numbers, and append their totals to METRICS.history.jsonl."""
    options = task.options
    problems = list(workspace.problems)
    limits = MemoryLimits.shared(workspace, options)
    window = Window(task.now, timedelta(hours=options.hours), task.zone)
    metrics = {
        "timestamp": timestamps.iso(task.now, task.zone),
        "logs": _logs(workspace, list(read_logs(workspace, window)), problems),
        "memory": _memory(memory_files(workspace, limits), problems),
        "mail": _mail(workspace, problems),
        "branches": {"total": len(workspace.branches), "names": [b.name for b in workspace.branches]},
    }
    workspace.write_central(CENTRAL, metrics)
    problems += limits.problems
    _add_to_history(workspace, task, _totals(metrics), problems)
    return Outcome(data={**_totals(metrics), "problems": problems})


def notices(change: Change) -> list[Notice]:  # noqa: ARG001 - required by the Handler protocol
    """Return no notices: this handler reports no conditions."""
    return []


def _logs(workspace: Workspace, logs: Sequence[LogFile], problems: list[str]) -> dict[str, Any]:
    problems.extend(log.problem for log in logs if log.problem)
    size = sum(log.size for log in logs)
    levels: Counter[str] = Counter()
    errors: Counter[str] = Counter()
    warnings: Counter[str] = Counter()
    for log in logs:
        levels.update(log.levels)
        branch = branch_of(log.name, workspace.branches) or "unknown"
        # Critical lines count as errors too.
        errors[branch] += log.levels.get("ERROR", 0) + log.levels.get("CRITICAL", 0)
        warnings[branch] += log.levels.get("WARNING", 0)
    return {
        "total_size_bytes": size,
        "total_size_mb": round(size / 1024 / 1024, 2),
        "file_count": len(logs),
        "recent_errors": levels["ERROR"] + levels["CRITICAL"],
        "recent_critical": levels["CRITICAL"],
        "recent_warnings": levels["WARNING"],
        "errors_by_branch": dict(+errors),
        "warnings_by_branch": dict(+warnings),
    }


def _memory(memories: Sequence[Memory], problems: list[str]) -> dict[str, Any]:
    problems.extend(f"{memory.label}: {memory.problem}" for memory in memories if memory.problem)
    files: dict[str, dict[str, Any]] = {}
    for memory in memories:
        if not memory.problem:
            of_branch = files.setdefault(memory.branch.name, {})
            of_branch[memory.name] = _measured(memory.size)
    return {
        "file_count": sum(map(len, files.values())),
        "total_lines": sum(memory.size.lines for memory in memories),
        "total_size_bytes": sum(memory.size.bytes for memory in memories),
        "over_limit": sum(bool(memory.over) for memory in memories),
        "files": files,
    }


def _measured(size: Size) -> dict[str, Any]:
    found: dict[str, Any] = {"lines": size.lines, "bytes": size.bytes}
    return found if size.chars is None else {**found, "characters": size.chars, "entries": size.entries}


def _mail(workspace: Workspace, problems: list[str]) -> dict[str, Any]:
    queues: dict[str, dict[str, int]] = {}
    inside = workspace.inside
    for branch in workspace.branches:
        try:
            index = workspace.cache.inbox(branch, inside)
        except MailboxError as error:
            problems.append(str(error))
            continue
        if index is not None:
            queues[branch.name] = _queue(index)
    return {
        "total_messages": sum(queue["total"] for queue in queues.values()),
        "total_unread": sum(queue["unread"] for queue in queues.values()),
        "waiting_dispatches": sum(queue["waiting_dispatches"] for queue in queues.values()),
        "queues": queues,
    }


def _queue(index: MailIndex) -> dict[str, int]:
    return {
        "total": index.total,
        "unread": index.unread,
        "opened": index.opened_total,
        "waiting_dispatches": index.waiting_total,
    }


def _totals(metrics: dict[str, Any]) -> dict[str, Any]:
    """Return *metrics* without the lists by branch and by file, so that a line of the history stays short."""
    parts = {key: metrics[key] for key in ("logs", "memory", "mail", "branches")}
    return {
        name: {key: value for key, value in part.items() if not isinstance(value, (dict, list))}
        for name, part in parts.items()
    }


def _add_to_history(workspace: Workspace, task: Task, totals: dict[str, Any], problems: list[str]) -> None:
    """Append a line to the history and remove the lines older than `history_days`; its timestamps have a UTC offset."""
    path = workspace.central_file(HISTORY)
    try:
        lines = read_regular(path, inside=workspace.inside).splitlines()
    except FileNotFoundError:
        lines = []
    except RefusedError as error:
        problems.append(f"{HISTORY} was skipped: {error}")
        return
    oldest = task.now.astimezone(UTC) - timedelta(days=task.options.history_days)
    kept = list(_since(oldest, lines, task, problems))
    newest = msgspec.json.encode({"timestamp": task.now.isoformat(timespec="seconds"), **totals})
    write_atomically(path, b"".join(line + b"\n" for line in (*kept, newest)), inside=workspace.inside)


def _since(oldest: datetime, lines: Sequence[bytes], task: Task, problems: list[str]) -> Iterator[bytes]:
    for number, line in enumerate(lines, start=1):
        try:
            entry = parse(line)
            stamp = entry["timestamp"] if isinstance(entry, dict) else None
            if timestamps.parse(stamp, task.zone) >= oldest:
                yield line
        except (ValueError, KeyError):
            problems.append(f"{HISTORY}: line {number} is damaged and was removed: {line[:80]!r}")
