"""Memory files that have grown over their limit: their branch is told once, until they are back under it.

Of one that can't be read nobody knows how large it is: that is told too, to whoever looks after the workspace.
"""

import os
from collections.abc import Iterator
from typing import Any

import msgspec

from scheduled.core.conditions import Change, Condition, Notice
from scheduled.handlers.base import Outcome, Task
from scheduled.handlers.formats import timestamps
from scheduled.handlers.formats.branches import Branch, WorkspaceError
from scheduled.handlers.formats.text import MOST_LISTED, escaped, many, plain
from scheduled.handlers.workspace.workspace import KEEPER, Workspace, in_workspace
from scheduled.state.files import SHORTAGE

EVENT = "memory_threshold_exceeded"
UNREADABLE = "unreadable_memory"


class Options(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A file of more than *limit* lines is over."""

    limit: int = 600


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """A memory file and its size; *trouble* instead, if it could not be read."""

    branch: Branch
    name: str
    lines: int = 0
    size: int = 0
    trouble: str = ""

    @property
    def path(self) -> str:
        """Where it lies."""
        return f"{self.branch.memories}/{self.name}"

    @property
    def label(self) -> str:
        """`BRANCH:file`, its name among all."""
        return f"{self.branch.name.upper()}:{self.name}"


def measured(workspace: Workspace) -> Iterator[Memory]:
    """Yield every branch's memory files with their sizes, dashboards left out."""
    inside = workspace.inside
    for branch in workspace.branches:
        for name in workspace.cache.memory_names(branch):
            try:
                lines, size = workspace.cache.lines(f"{branch.memories}/{name}", inside)
            except FileNotFoundError:
                if not os.path.lexists(f"{branch.memories}/{name}"):
                    continue  # gone since it was listed
                yield Memory(branch=branch, name=name, trouble="it leads nowhere")
            except OSError as error:
                if error.errno in SHORTAGE:
                    raise WorkspaceError(f"{error.filename}: can't be read now: {error.strerror}") from error
                yield Memory(branch=branch, name=name, trouble=str(error))
            else:
                yield Memory(branch=branch, name=name, lines=lines, size=size)


@in_workspace
def run(task: Task, workspace: Workspace) -> Outcome:
    """State a condition for each memory file that is over its limit, and for each that can't be read."""
    memories = list(measured(workspace))
    for memory in memories:
        if memory.trouble:
            task.report.condition(_unreadable(memory))
    over = [memory for memory in memories if memory.lines > task.options.limit]
    for memory in over:
        task.report.condition(_condition(memory, task))
    return Outcome(
        data={
            "notified_files": sorted(memory.label for memory in over),
            "addresses": {memory.label: memory.branch.address for memory in over},
            "files": len(memories),
            "problems": [f"{m.label}: {m.trouble}" for m in memories if m.trouble] + list(workspace.problems),
        },
        unknown=[f"memory:{m.label}" for m in memories if m.trouble],
    )


def notices(change: Change) -> list[Notice]:
    """Tell the branch of each file that has come over its limit; that one is back under needs no word.

    What can't be read, and that it can be again, is told to @dev_central.
    """
    if change.group == UNREADABLE:
        return [_alarm(change)]
    addresses = change.facts.get("addresses", {})
    return [
        Notice(recipient=addresses[label], subject=_subject(condition.payload), body=_body(condition.payload))
        for condition in change.appeared
        if (label := f"{condition.payload['branch']}:{condition.payload['file_name']}") in addresses
    ]


def _condition(memory: Memory, task: Task) -> Condition:
    key = f"memory:{memory.label}"
    payload = {
        "branch": memory.branch.name.upper(),
        "file_name": memory.name,
        "line_count": memory.lines,
        "branch_path": memory.branch.path,
        "file_path": memory.path,
        "threshold": task.options.limit,
        "timestamp": timestamps.iso(task.now, task.zone),
    }
    return Condition(key=key, group=key, payload=payload, event=EVENT)


def _unreadable(memory: Memory) -> Condition:
    payload = {"branch": memory.branch.name, "file_name": memory.name, "trouble": memory.trouble}
    return Condition(key=f"{UNREADABLE}:{memory.label}", group=UNREADABLE, payload=payload)


def _alarm(change: Change) -> Notice:
    """Return the one mail that tells of all files that can't be read, however many there are."""
    now = [*change.appeared, *change.stayed]
    files = many(len(now), "memory file")
    return Notice(
        recipient=KEEPER,
        subject=f"[SCHEDULED] {files} unreadable" if now else "[SCHEDULED] No memory file is unreadable now",
        body="\n".join(_lines(change)),
        priority="high" if change.appeared else "normal",
    )


def _lines(change: Change) -> Iterator[str]:
    yield "## Unreadable Memory Files"
    for title, found in (("New", change.appeared), ("No Longer", change.gone), ("Still", change.stayed)):
        if found:
            yield from ("", f"### {title}", "")
            yield from (f"- {_named(condition.payload)}" for condition in found[:MOST_LISTED])
        if more := found[MOST_LISTED:]:
            yield f"- and {len(more)} more"
    if change.appeared or change.stayed:
        yield ""
        yield "Nobody knows how large these are; whoever relies on them may not be able to read them either."


def _named(payload: dict[str, Any]) -> str:
    where = f"{escaped(payload['branch'])}/{escaped(payload['file_name'])}"
    return f"{where}: {escaped(payload['trouble'], 4096)}"


def _subject(payload: dict[str, Any]) -> str:
    return f"[MEMORY] {plain(payload['file_name'])} exceeded {payload['threshold']} lines - compress needed"


def _body(payload: dict[str, Any]) -> str:
    return "\n".join(
        [
            "## Memory Limit Exceeded",
            f"File: {escaped(payload['file_path'], 4096)}",
            f"Lines: {payload['line_count']} (threshold: {payload['threshold']})",
            f"Time: {payload['timestamp'].replace('T', ' ')}",
            "",
            "Please compress or roll over this memory file. You are told once, until it is back under the limit.",
        ]
    )
