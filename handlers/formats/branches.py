"""Reads the branches from the workspace's registry; invalid entries are skipped and reported."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from scheduled.errors import ScheduledError
from scheduled.handlers.formats.first_form import FIRST
from scheduled.handlers.formats.form import MEMORY_KINDS, Form
from scheduled.handlers.formats.json_text import MalformedError, parse
from scheduled.handlers.formats.safe_files import read_settled
from scheduled.state.files import is_inside, is_temporary

OTHER_NAMES = frozenset({"logs", "inbox.json", "sent", "deleted", ".archive"})


class WorkspaceError(ScheduledError):
    """The workspace or its registry is missing or unreadable; the message names the path or key to correct."""


class Branch(msgspec.Struct, frozen=True, kw_only=True):
    """The directory of one agent. *path* is absolute; *hosted*: it is in the registry of a project of the workspace."""

    name: str
    address: str
    path: str
    form: Form = FIRST
    hosted: bool = False

    @property
    def mailbox(self) -> str:
        """The directory of the branch's mail."""
        return f"{self.path}/{self.form.mailbox}"

    @property
    def inbox(self) -> str:
        """The path of the file with incoming mail."""
        return f"{self.mailbox}/inbox.json"

    @property
    def memories(self) -> str:
        """The directory of the branch's memory files."""
        return f"{self.path}/{self.form.memories}" if self.form.memories else self.path

    def memory_name(self, kind: str) -> str:
        """Return the name of the memory file of *kind* (`local.json` or `observations.json`)."""
        return self.form.memory_name(self.name, kind)

    def memory_file(self, kind: str) -> str:
        """Return the path of the memory file of *kind*."""
        return f"{self.memories}/{self.memory_name(kind)}"

    def is_memory(self, name: str) -> bool:
        """Return whether a file *name* in `memories` is a memory file: its end matches and it is not a dashboard."""
        return self.form.kind_of(name) is not None


def relevant_names(directory: str) -> list[str]:
    """Return the names in a branch's directory or mailbox that handlers use, sorted; [] if there is no such directory.

    Raise OSError if an existing directory cannot be listed.
    """
    try:
        names = os.listdir(directory)
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(n for n in names if n.endswith(MEMORY_KINDS) or n in OTHER_NAMES or is_temporary(n))


class Entry(NamedTuple):
    """One unchecked entry of a registry: *label* is its name, or its number if it has none.

    *home* is the directory of the registry that contains the entry. Paths in it are relative to this directory.
    """

    label: str
    value: Any
    home: Path


def read_branches(root: Path, form: Form) -> tuple[list[Branch], list[str]]:
    """Return the valid branches of the registries under *root*, and a description of each problem with the others.

    Retired branches are none. Raise WorkspaceError if there is no registry, or that of the workspace cannot be read.
    """
    found = _Branches(root, form)
    for entry in _entries(root, form, found.problems):
        try:
            if not _is_retired(entry.value):
                found.add(entry)
        except ValueError as error:
            found.problems.append(f"{entry.label}: {error}")
    return found.branches, found.problems


def normal_address(address: str) -> str:
    """Return *address* in a normal form, so that different spellings of an address compare equal."""
    return "@" + address.strip().lstrip("@").casefold()


class _Branches:
    """The branches accepted so far. No two branches have the same name or resolved path."""

    def __init__(self, root: Path, form: Form) -> None:
        self.root, self.form, self.inside = root, form, os.path.realpath(root)
        self.branches: list[Branch] = []
        self.problems: list[str] = []
        self.names: set[str] = set()
        self.paths: set[str] = set()
        self.addresses: dict[str, str] = {}
        self.resolved: dict[str, str] = {}

    def add(self, entry: Entry) -> None:
        branch = _branch(entry, self.form, hosted=entry.home != self.root)
        name, resolved = branch.name.upper(), self._resolved(branch.path)
        if not is_inside(resolved, self.inside):
            raise MalformedError(f"its path {branch.path} is outside the workspace")
        if name in self.names or resolved in self.paths:
            raise MalformedError("another entry has the same name or path")
        self._add_address(branch)
        self.names.add(name)
        self.paths.add(resolved)
        self.branches.append(branch)

    def _resolved(self, path: str) -> str:
        """Return *path* with symlinks resolved; each parent directory, shared by most branches, is resolved once."""
        if os.path.islink(path):
            return os.path.realpath(path)
        parent, _, name = path.rpartition("/")
        if parent not in self.resolved:
            self.resolved[parent] = os.path.realpath(parent or "/").rstrip("/")
        return f"{self.resolved[parent]}/{name}"

    def _add_address(self, branch: Branch) -> None:
        address = normal_address(branch.address)
        if other := self.addresses.get(address):
            self.problems.append(
                f"{branch.name}: has the mail address of {other}; mail to this address goes only to {branch.name}"
            )
        self.addresses[address] = branch.name


def _entries(root: Path, form: Form, problems: list[str]) -> Iterator[Entry]:
    for registry in _registries(root, form):
        try:
            entries = _read_registry(registry, os.path.realpath(root))
        except (OSError, ValueError) as error:
            # An unreadable main registry must not look like an empty workspace; a project's registry can be skipped.
            if registry.parent == root:
                raise WorkspaceError(f"{registry} cannot be read, and nothing was done: {error}") from error
            problems.append(f"{registry.relative_to(root)}: {error}")
            continue
        for number, entry in enumerate(entries, start=1):
            name = entry.get("name") if isinstance(entry, dict) else None
            label = name if isinstance(name, str) and name.strip() else f"entry {number}"
            yield Entry(label, entry, registry.parent)


def _registries(root: Path, form: Form) -> list[Path]:
    """Return the registries in *root*, then those of its projects. Projects in hidden directories are copies."""
    own = [root / name for name in sorted(os.listdir(root)) if form.is_registry(name)]
    if not own:
        raise WorkspaceError(
            f"{root} has no {' or '.join(form.registries)}: check `workspace` and `workspace_layout` in scheduled.toml"
        )
    projects = sorted(root.glob(form.projects)) if form.projects else []
    return own + [registry for registry in projects if not registry.parent.name.startswith(".")]


def _read_registry(registry: Path, inside: str) -> list[Any]:
    """Return the entries of a registry: a list of them, or a table by name."""
    document = read_settled(registry, parse, inside=inside)
    entries = document.get("branches") if isinstance(document, dict) else None
    if isinstance(entries, dict):
        return [
            value | {"name": name} if isinstance(value, dict) else value for name, value in entries.items()
        ]
    if not isinstance(entries, list):
        raise MalformedError("`branches` is neither a list nor a table")
    return entries


def _is_retired(entry: Any) -> bool:
    status = entry.get("status") if isinstance(entry, dict) else None
    return isinstance(status, str) and status.strip().casefold() == "retired"


def _branch(entry: Entry, form: Form, *, hosted: bool) -> Branch:
    """Return the branch that *entry* describes. Raise ValueError with the reason if the entry is not valid."""
    if not isinstance(entry.value, dict):
        raise MalformedError("is not a JSON object")
    name, path, email = (entry.value.get(key) for key in ("name", "path", "email"))
    if not isinstance(name, str) or not name.strip():
        raise MalformedError("has no valid name")
    if "/" in name or not name.isprintable():
        raise MalformedError("has a name that is not allowed in a file name")
    if not isinstance(path, str) or not path.strip() or "\0" in path:
        raise MalformedError("has no valid path")
    address = email.strip() if isinstance(email, str) and email.strip() else _derived_address(name)
    located = os.path.normpath(entry.home / path)
    return Branch(name=name, address=address, path=located, form=form, hosted=hosted)


def _derived_address(name: str) -> str:
    """Return the address that the mail program derives from the name of a branch without an address."""
    if "." in name:
        local = name.rpartition(".")[2]
    elif " " in name:
        local = name.split(maxsplit=1)[0]
    elif name.startswith("AIPASS-"):
        local = name.removeprefix("AIPASS-")
    else:
        local = name.partition("-")[0]
    return "@" + local.lower()
