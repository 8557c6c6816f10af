"""Reads the branches from the workspace's registry; invalid entries are skipped and reported."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from scheduled.errors import ScheduledError
from scheduled.handlers.formats.json_text import MalformedError, parse
from scheduled.handlers.formats.safe_files import read_settled
from scheduled.state.files import is_inside, is_temporary

REGISTRY, LATER_REGISTRY = "BRANCH_REGISTRY.json", "AIPASS_REGISTRY.json"
MEMORY_KINDS = ("local.json", "observations.json")
DOTTED_KINDS = tuple(f".{kind}" for kind in MEMORY_KINDS)
OTHER_NAMES = frozenset({"logs", "inbox.json", "sent", "deleted", ".archive"})


class WorkspaceError(ScheduledError):
    """The workspace or its registry is missing or unreadable; the message names the path or key to correct."""


class Branch(msgspec.Struct, frozen=True, kw_only=True):
    """The directory of one agent. *path* is absolute; *later*: with the newer layout (`.ai_mail.local`, `.trinity`)."""

    name: str
    address: str
    path: str
    later: bool = False

    @property
    def mailbox(self) -> str:
        """The directory of the branch's mail."""
        return f"{self.path}/{'.' if self.later else ''}ai_mail.local"

    @property
    def inbox(self) -> str:
        """The path of the file with incoming mail."""
        return f"{self.mailbox}/inbox.json"

    @property
    def memories(self) -> str:
        """The directory of the branch's memory files."""
        return f"{self.path}/.trinity" if self.later else self.path

    def memory_file(self, kind: str) -> str:
        """Return the path of the memory file of *kind* (`local.json` or `observations.json`)."""
        return f"{self.memories}/{kind if self.later else f'{self.name.upper()}.{kind}'}"

    def is_memory(self, name: str) -> bool:
        """Return whether a file *name* in `memories` is a memory file: its end matches and it is not a dashboard."""
        return name.endswith(MEMORY_KINDS if self.later else DOTTED_KINDS) and "DASHBOARD" not in name


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

    *project* is the directory of the project registry that contains the entry, None for the workspace's registry.
    """

    label: str
    value: Any
    project: Path | None
    later: bool


def read_branches(root: Path) -> tuple[list[Branch], list[str]]:
    """Return the valid branches of the registry under *root*, and a description of each problem with the others.

    Raise WorkspaceError if there is no registry or it cannot be read.
    """
    found = _Branches(root)
    for entry in _entries(root, found.problems):
        try:
            found.add(entry)
        except ValueError as error:
            found.problems.append(f"{entry.label}: {error}")
    return found.branches, found.problems


def normal_address(address: str) -> str:
    """Return *address* in a normal form, so that different spellings of an address compare equal."""
    return "@" + address.strip().lstrip("@").casefold()


class _Branches:
    """The branches accepted so far. No two branches have the same name or resolved path."""

    def __init__(self, root: Path) -> None:
        self.root, self.inside = root, os.path.realpath(root)
        self.branches: list[Branch] = []
        self.problems: list[str] = []
        self.names: set[str] = set()
        self.paths: set[str] = set()
        self.addresses: dict[str, str] = {}
        self.resolved: dict[str, str] = {}

    def add(self, entry: Entry) -> None:
        branch = _branch(entry, self.root)
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


def _entries(root: Path, problems: list[str]) -> Iterator[Entry]:
    for registry, later in _registries(root):
        try:
            entries = _read_registry(registry, os.path.realpath(root))
        except (OSError, ValueError) as error:
            # An unreadable main registry must not look like an empty workspace; a project's registry can be skipped.
            if registry.parent == root:
                raise WorkspaceError(f"{registry} cannot be read, and nothing was done: {error}") from error
            problems.append(f"{registry.name}: {error}")
            continue
        project = None if registry.parent == root else registry.parent
        for number, entry in enumerate(entries, start=1):
            name = entry.get("name") if isinstance(entry, dict) else None
            label = name if isinstance(name, str) and name.strip() else f"entry {number}"
            yield Entry(label, entry, project, later)


def _registries(root: Path) -> list[tuple[Path, bool]]:
    if os.path.lexists(root / REGISTRY):
        return [(root / REGISTRY, False)]
    if os.path.lexists(root / LATER_REGISTRY):
        projects = sorted(root.glob("projects/*/*_REGISTRY.json"))
        return [(registry, True) for registry in (root / LATER_REGISTRY, *projects)]
    raise WorkspaceError(f"{root} has no {REGISTRY}: check `workspace` in scheduled.toml")


def _read_registry(registry: Path, inside: str) -> list[Any]:
    document = read_settled(registry, parse, inside=inside)
    entries = document.get("branches") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise MalformedError("`branches` is not a list")
    return entries


def _branch(entry: Entry, root: Path) -> Branch:
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
    return Branch(name=name, address=address, path=_located(path, entry, root), later=entry.later)


def _located(path: str, entry: Entry, root: Path) -> str:
    """Return *path* as an absolute path, relative to the workspace or, if not found there, to the project registry."""
    where = os.path.normpath(f"{root}/{path}" if not path.startswith("/") else path)
    if entry.project is not None and not os.path.isdir(where):
        return os.path.normpath(entry.project / path)
    return where


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
