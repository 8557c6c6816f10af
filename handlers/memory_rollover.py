"""The handler `memory_rollover`: one notice to a branch when one of its memory files exceeds a limit.

The size of an unreadable file is unknown, so unreadable files are reported too, as critical.
"""

import os
from collections.abc import Iterator
from typing import Any

import msgspec

from scheduled.core.conditions import Change, Condition, Notice
from scheduled.handlers.base import Outcome, Task
from scheduled.handlers.formats import timestamps
from scheduled.handlers.formats.branches import Branch, WorkspaceError
from scheduled.handlers.formats.memory_file import LINES, Excess, Size, excesses
from scheduled.handlers.formats.text import MOST_LISTED, escaped, many, plain
from scheduled.handlers.workspace.memory_limits import MemoryLimits, Options
from scheduled.handlers.workspace.workspace import Workspace, in_workspace
from scheduled.state.files import SHORTAGE

EVENT = "memory_threshold_exceeded"
UNREADABLE = "unreadable_memory"

__all__ = ["Options", "notices", "run"]


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """A memory file with its size and the limits it exceeds, or with the *problem* that prevented reading it.

    A file with both was read, but is damaged.
    """

    branch: Branch
    name: str
    size: Size = Size()
    over: tuple[Excess, ...] = ()
    problem: str = ""

    @property
    def path(self) -> str:
        """The path of the file."""
        return f"{self.branch.memories}/{self.name}"

    @property
    def label(self) -> str:
        """`BRANCH:file`, unique in the workspace."""
        return f"{self.branch.name.upper()}:{self.name}"

    @property
    def excess(self) -> str:
        """What is over a limit in words: `650 lines`."""
        return ", ".join(found.text for found in self.over)


def memory_files(workspace: Workspace, limits: MemoryLimits) -> list[Memory]:
    """Return the memory files of every branch. Raise WorkspaceError if descriptors or memory run out."""
    return workspace.shared((memory_files, limits), lambda: list(_memory_files(workspace, limits)))


def _memory_files(workspace: Workspace, limits: MemoryLimits) -> Iterator[Memory]:
    inside = workspace.inside
    for branch in workspace.branches:
        for name in workspace.cache.memory_names(branch, inside):
            try:
                size = limits.size(branch, name)
            except FileNotFoundError:
                if not os.path.lexists(f"{branch.memories}/{name}"):
                    continue  # deleted after the directory was listed
                yield Memory(branch=branch, name=name, problem="it is a broken symlink")
            except OSError as error:
                if error.errno in SHORTAGE:
                    raise WorkspaceError(f"{error.filename}: cannot be read now: {error.strerror}") from error
                yield Memory(branch=branch, name=name, problem=str(error))
            else:
                over = tuple(excesses(size, limits.of(branch, name)))
                problem = "it is not a valid JSON object" if size.damaged else ""
                yield Memory(branch=branch, name=name, size=size, over=over, problem=problem)


@in_workspace
def run(task: Task, workspace: Workspace) -> Outcome:
    """State a condition for each memory file that is over a limit, and for each that is unreadable."""
    limits = MemoryLimits.shared(workspace, task.options)
    memories = memory_files(workspace, limits)
    for memory in memories:
        if memory.problem:
            task.report.condition(_unreadable(memory))
    over = [memory for memory in memories if memory.over]
    for memory in over:
        task.report.condition(_condition(memory, task))
    return Outcome(
        data={
            "notified_files": sorted(memory.label for memory in over),
            "addresses": {memory.label: memory.branch.address for memory in over},
            "files": len(memories),
            "problems": [
                *(f"{m.label}: {m.problem}" for m in memories if m.problem),
                *limits.problems,
                *workspace.problems,
            ],
        },
        unknown=[f"memory:{m.label}" for m in memories if m.problem],
    )


def notices(change: Change) -> list[Notice]:
    """Return a notice to the branch of each file that is newly over a limit; none for a file back within it.

    For a change of the unreadable files, return one notice about all of them.
    """
    if change.group == UNREADABLE:
        return [_alarm(change)]
    addresses = change.facts.get("addresses", {})
    return [
        Notice(
            recipient=addresses[label],
            subject=_subject(condition.payload),
            body=_body(condition.payload),
            upsert_key=f"scheduled:{condition.key}",
        )
        for condition in change.appeared
        if (label := f"{condition.payload['branch']}:{condition.payload['file_name']}") in addresses
    ]


def _condition(memory: Memory, task: Task) -> Condition:
    key = f"memory:{memory.label}"
    worst = memory.over[0]
    payload: dict[str, Any] = {
        "branch": memory.branch.name.upper(),
        "file_name": memory.name,
        "line_count": memory.size.lines,
        "branch_path": memory.branch.path,
        "file_path": memory.path,
        "threshold": worst.limit,
        "timestamp": timestamps.iso(task.now, task.zone),
    }
    if worst.what != LINES:  # the programs of the first form know no other fields
        payload |= {"unit": worst.what, "count": worst.number, "excess": memory.excess}
    return Condition(key=key, group=key, payload=payload, event=EVENT)


def _unreadable(memory: Memory) -> Condition:
    payload = {
        "branch": memory.branch.name,
        "file_name": memory.name,
        "problem": memory.problem,
        "text": memory.problem,
    }
    return Condition(key=f"{UNREADABLE}:{memory.label}", group=UNREADABLE, payload=payload)


def _alarm(change: Change) -> Notice:
    """Return one notice about all unreadable files."""
    now = [*change.appeared, *change.stayed]
    files = many(len(now), "memory file")
    return Notice(
        recipient=change.recipients.critical_to,
        subject=f"[SCHEDULED] {files} unreadable"
        if now
        else "[SCHEDULED] All memory files are readable again",
        body="\n".join(_lines(change)),
        priority="high" if change.appeared else "normal",
        upsert_key=f"scheduled:{UNREADABLE}",
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
        yield "Their size is unknown, and the programs that use these files may not be able to read them either."


def _named(payload: dict[str, Any]) -> str:
    where = f"{escaped(payload['branch'])}/{escaped(payload['file_name'])}"
    return f"{where}: {escaped(payload['problem'], 4096)}"


def _subject(payload: dict[str, Any]) -> str:
    return f"[MEMORY] {plain(payload['file_name'])} exceeded {_threshold(payload)} {payload.get('unit', LINES)} - compress needed"


def _threshold(payload: dict[str, Any]) -> str:
    return f"{payload['threshold']:,}" if "unit" in payload else str(payload["threshold"])


def _body(payload: dict[str, Any]) -> str:
    size = f"Size: {payload['excess']}" if "unit" in payload else f"Lines: {payload['line_count']}"
    return "\n".join(
        [
            "## Memory Limit Exceeded",
            f"File: {escaped(payload['file_path'], 4096)}",
            f"{size} (threshold: {_threshold(payload)})",
            f"Time: {payload['timestamp'].replace('T', ' ')}",
            "",
            "Please compress or roll over this memory file.",
            "This notice is not repeated while the file stays over the limit.",
        ]
    )
