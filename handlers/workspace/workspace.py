"""The tree of branches that the built-in handlers look after, and where its common files lie."""

import functools
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from scheduled.handlers.base import Outcome, Task
from scheduled.handlers.formats.branches import Branch, WorkspaceError, normal_address, read_branches
from scheduled.handlers.formats.json_text import written
from scheduled.handlers.workspace.cache import NAME as CACHE
from scheduled.handlers.workspace.cache import FileCache
from scheduled.state.files import clear_leftovers, is_inside, write_atomically

KEEPER = "@dev_central"  # who looks after the workspace as a whole
MOST_NAMED = 3  # faults of a registry in which nothing is right
A_MOMENT = 10.0  # seconds for which the handlers of a slot share one reading of the workspace

__all__ = ["KEEPER", "Branch", "Workspace", "WorkspaceError", "in_workspace"]


class Workspace(msgspec.Struct, frozen=True, kw_only=True):
    """The branches, and what was wrong with those entries of the registry that had to be left out."""

    root: Path
    branches: tuple[Branch, ...]
    problems: tuple[str, ...] = ()
    cache: FileCache = msgspec.field(default_factory=FileCache)

    @classmethod
    def load(cls, root: Path | None, cache: FileCache | None = None) -> "Workspace":
        """Read the registry under *root*; WorkspaceError if there is nothing to look after."""
        if root is None:
            raise WorkspaceError('no workspace is configured: set `workspace = "/path"` in scheduled.toml')
        if not os.path.isdir(root):
            raise WorkspaceError(f"{root} is no directory: correct `workspace` in scheduled.toml")
        branches, problems = read_branches(root)
        if not branches:
            # Its own writer saves an empty registry after a failed read: no reason to forget every branch.
            said = "; ".join(problems[:MOST_NAMED]) or "it is empty"
            said += f"; and {more} more" if (more := len(problems) - MOST_NAMED) > 0 else ""
            raise WorkspaceError(
                f"the registry of {root} (`workspace` in scheduled.toml) names no branch: {said}"
            )
        return cls(root=root, branches=tuple(branches), problems=tuple(problems), cache=cache or FileCache())

    @classmethod
    def of(cls, given: "Workspace | Path") -> "Workspace":
        """Return the workspace that is *given*, or lies at the given path."""
        return given if isinstance(given, Workspace) else cls.load(given)

    @property
    def inside(self) -> str:
        """The resolved root: no file that truly lies elsewhere is read or written."""
        return os.path.realpath(self.root)

    @property
    def central(self) -> Path:
        """The directory of the central files."""
        return self.root / "aipass_os" / "AI_CENTRAL"

    @property
    def logs(self) -> Path:
        """The directory of all branches' logs."""
        return self.root / "system_logs"

    def branch_at(self, address: str) -> Branch | None:
        """Return whom *address* reaches; of several, the last, as the workspace's own delivery does."""
        wanted = normal_address(address)
        return next((b for b in reversed(self.branches) if normal_address(b.address) == wanted), None)

    def central_file(self, name: str) -> Path:
        """Return the path of a central file, its directory made and tidy; WorkspaceError if that leads elsewhere."""
        if not is_inside(os.path.realpath(self.central), self.inside):
            raise WorkspaceError(f"{self.central} leads out of the workspace: nothing is written there")
        self.central.mkdir(parents=True, exist_ok=True)
        clear_leftovers(self.central)
        if not is_inside(os.path.realpath(self.central / name), self.inside):
            raise WorkspaceError(
                f"{self.central / name} leads out of the workspace: nothing is written there"
            )
        return self.central / name

    def write_central(self, name: str, document: dict[str, Any]) -> None:
        """Make *document* the content of the central file *name*, written as the others there are."""
        path = self.central_file(name)
        write_atomically(path, written(document))
        self.cache.forget(str(path))


def in_workspace(work: Callable[[Task, Workspace], Outcome]) -> Callable[[Task], Outcome]:
    """Make a handler's `run` of *work*: without a workspace, or with one that can't be read, it fails and says so."""

    @functools.wraps(work)
    def run(task: Task) -> Outcome:
        try:
            workspace = _opened(task)
            outcome = work(task, workspace)
        except WorkspaceError as error:
            return Outcome(status="failed", reason=str(error))
        workspace.cache.save()
        return outcome

    return run


class _Opened(NamedTuple):
    """A workspace that was read: for whom, and when (monotonic)."""

    key: tuple[object, ...]
    at: float
    workspace: Workspace


def _opened(task: Task) -> Workspace:
    """Return the task's workspace, as the handler before in this child has read it, if that was a moment ago."""
    key = (task.workspace, task.files, task.zone.key, task.sender)
    last = task.kept.get(CACHE)
    if last is None or last.key != key or time.monotonic() - last.at > A_MOMENT:
        cache = FileCache(task.files.parent / CACHE, task.zone, task.sender)
        last = _Opened(key, time.monotonic(), Workspace.load(task.workspace, cache))
        task.kept[CACHE] = last
    return last.workspace
