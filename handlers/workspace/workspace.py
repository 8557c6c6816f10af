"""The workspace of the built-in handlers: its branches and the paths of its common files."""

import functools
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from scheduled.handlers.base import Outcome, Task
from scheduled.handlers.formats.branches import Branch, WorkspaceError, normal_address
from scheduled.handlers.formats.first_form import FIRST
from scheduled.handlers.formats.form import Form
from scheduled.handlers.formats.forms import form_of
from scheduled.handlers.formats.json_text import written
from scheduled.handlers.formats.mailbox_files import Patience
from scheduled.handlers.formats.registries import read_branches
from scheduled.handlers.workspace.cache import NAME as CACHE
from scheduled.handlers.workspace.cache import FileCache
from scheduled.handlers.workspace.opened import NAME as OPENED_MAILS
from scheduled.handlers.workspace.opened import OpenedMails
from scheduled.state.beneath import kept_open, located, make_directories
from scheduled.state.files import RefusedError, clear_leftovers, write_atomically

T = TypeVar("T")

MOST_PROBLEMS = 3  # problems of a registry without a valid entry
SHARED_SECONDS = 10.0  # for which the handlers of one child process share a loaded workspace

__all__ = ["Branch", "Workspace", "WorkspaceError", "in_workspace"]


class Workspace(msgspec.Struct, frozen=True, kw_only=True):
    """The branches of a workspace. *problems* describes the registry's invalid entries, which were skipped.

    *is_complete*: there is none that may be a branch. *receivers* are the branches by their addresses in normal form, filled by
    `branch_at`, *kept* what `shared` returns.
    """

    root: Path
    branches: tuple[Branch, ...]
    problems: tuple[str, ...] = ()
    is_complete: bool = True
    form: Form = FIRST
    cache: FileCache = msgspec.field(default_factory=FileCache)
    opened: OpenedMails = msgspec.field(default_factory=OpenedMails)
    receivers: dict[str, Branch] = msgspec.field(default_factory=dict)
    kept: dict[tuple[object, ...], Any] = msgspec.field(default_factory=dict)
    patience: Patience = msgspec.field(default_factory=Patience)  # of its deliveries

    @classmethod
    def load(
        cls,
        root: Path | None,
        cache: FileCache | None = None,
        opened: OpenedMails | None = None,
        layout: str | None = None,
    ) -> "Workspace":
        """Load the workspace at *root*, of the form *layout* or, if that is None, of the one that it has.

        Raise WorkspaceError if *root* is None or its registry has no valid branch.
        """
        if root is None:
            raise WorkspaceError('no workspace is configured: set `workspace = "/path"` in scheduled.toml')
        if not os.path.isdir(root):
            raise WorkspaceError(f"{root} is not a directory: correct `workspace` in scheduled.toml")
        form, doubt = _form_of(root, layout)
        found = read_branches(root, form)
        problems = found.problems
        if not found.branches:
            # The registry's writer saves an empty registry after a failed read, so an empty one is an error.
            listed = "; ".join(problems[:MOST_PROBLEMS]) or "it is empty"
            listed += f"; and {more} more" if (more := len(problems) - MOST_PROBLEMS) > 0 else ""
            raise WorkspaceError(
                f"the registry of {root} (`workspace` in scheduled.toml) has no valid branch: {listed}"
            )
        return cls(
            root=root,
            form=form,
            branches=tuple(found.branches),
            is_complete=found.complete,
            problems=tuple([doubt, *problems] if doubt else problems),
            cache=cache or FileCache(),
            opened=opened or OpenedMails(),
        )

    @classmethod
    def of(cls, given: "Workspace | Path") -> "Workspace":
        """Return *given* if it is a workspace, otherwise load the workspace at this path."""
        return given if isinstance(given, Workspace) else cls.load(given)

    @property
    def inside(self) -> str:
        """The root with symlinks resolved. Files with a resolved path outside it are neither read nor written."""
        return os.path.realpath(self.root)

    @property
    def central(self) -> Path:
        """The directory of the central files."""
        return self.root / self.form.central

    @property
    def logs(self) -> Path:
        """The directory of all branches' logs."""
        return self.root / self.form.logs

    def branch_at(self, address: str) -> Branch | None:
        """Return the branch with a mail address, None if there is none.

        As in the mail program, the main registry goes before the others, and of several branches the last gets the mail.
        """
        if not self.receivers:
            for hosted in (True, False):
                self.receivers.update(
                    {normal_address(b.address): b for b in self.branches if b.hosted == hosted}
                )
        return self.receivers.get(normal_address(address))

    def shared(self, key: tuple[object, ...], make: Callable[[], T]) -> T:
        """Return what *make* returned when a handler first asked for *key*."""
        if key not in self.kept:
            self.kept[key] = make()
        found: T = self.kept[key]
        return found

    def directory_of(self, name: str, default: str) -> str:
        """Return the directory of the branch *name* of the main registry; *default*, below the root, if there is none."""
        own = next((b.path for b in self.branches if b.name.upper() == name and not b.hosted), None)
        return own or str(self.root / default)

    def central_file(self, name: str) -> Path:
        """Create the directory of the central files, remove leftovers of killed writers and return the file's path.

        Raise WorkspaceError if the directory or the file is outside the workspace, OSError if it cannot be created.
        """
        try:
            with make_directories(self.root, self.form.central, self.inside) as central:
                clear_leftovers(central)
            with located(self.central / name, self.inside):
                return self.central / name
        except RefusedError as error:
            raise WorkspaceError(f"{error}: nothing is written there") from error

    def write_central(self, name: str, document: dict[str, Any]) -> None:
        """Write *document* atomically to the central file *name*, in the JSON style of the workspace's programs."""
        path = self.central_file(name)
        write_atomically(path, written(document), inside=self.inside)
        self.cache.forget(str(path))


def in_workspace(work: Callable[[Task, Workspace], Outcome]) -> Callable[[Task], Outcome]:
    """Decorate a handler's `run` so that it gets the workspace; a WorkspaceError becomes a failed outcome."""

    @functools.wraps(work)
    def run(task: Task) -> Outcome:
        try:
            workspace = _opened(task)
            with kept_open(workspace.inside):
                outcome = work(task, workspace)
        except WorkspaceError as error:
            return Outcome(status="failed", reason=str(error))
        workspace.cache.save()
        return outcome

    return run


def _form_of(root: Path, layout: str | None) -> tuple[Form, str]:
    try:
        form, doubt = form_of(root, layout)
    except OSError as error:
        raise WorkspaceError(f"{root}: cannot be listed: {error.strerror}") from error
    return form, f"{root}: {doubt}" if doubt else ""


class _Opened(NamedTuple):
    """A loaded workspace, the task's values that it depends on (*key*), and when it was loaded (monotonic seconds)."""

    key: tuple[object, ...]
    at: float
    workspace: Workspace


def _opened(task: Task) -> Workspace:
    """Return the task's workspace, shared with the previous handler of this process if it was loaded recently."""
    key = (task.workspace, task.files, task.zone.key, task.sender, task.layout)
    last = task.kept.get(CACHE)
    if last is None or last.key != key or time.monotonic() - last.at > SHARED_SECONDS:
        cache = FileCache(task.files.parent / CACHE, task.zone, task.sender)
        opened = OpenedMails(task.files.parent / OPENED_MAILS)
        last = _Opened(key, time.monotonic(), Workspace.load(task.workspace, cache, opened, task.layout))
        task.kept[CACHE] = last
    return last.workspace
