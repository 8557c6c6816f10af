"""The branches that a registry names; a bad entry is left out by name, and the others count."""

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
OTHERS = frozenset({"logs", "inbox.json", "sent", "deleted", ".archive"})


class WorkspaceError(ScheduledError):
    """There is no workspace to look after; the message names what to correct."""


class Branch(msgspec.Struct, frozen=True, kw_only=True):
    """One agent's home. *path* is absolute; *later* tells the later layout (`.ai_mail.local`, `.trinity/`)."""

    name: str
    address: str
    path: str
    later: bool = False

    @property
    def mailbox(self) -> str:
        """The directory of its mail."""
        return f"{self.path}/{'.' if self.later else ''}ai_mail.local"

    @property
    def inbox(self) -> str:
        """The file of its incoming mail."""
        return f"{self.mailbox}/inbox.json"

    @property
    def memories(self) -> str:
        """The directory of its memory files."""
        return f"{self.path}/.trinity" if self.later else self.path

    def memory_file(self, kind: str) -> str:
        """Return the path of its memory file of *kind* (`local.json` or `observations.json`)."""
        return f"{self.memories}/{kind if self.later else f'{self.name.upper()}.{kind}'}"

    def is_memory(self, name: str) -> bool:
        """Tell whether a file of that *name* among its memories is one: whatever ends like one, but no dashboard."""
        return name.endswith(MEMORY_KINDS if self.later else DOTTED_KINDS) and "DASHBOARD" not in name


def looked_for(directory: str) -> list[str]:
    """Return those names in a branch's directory, or in its mailbox, that any handler looks for; [] if it is none.

    Raise OSError if they can't be known now, though they may be there.
    """
    try:
        names = os.listdir(directory)
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(n for n in names if n.endswith(MEMORY_KINDS) or n in OTHERS or is_temporary(n))


class Entry(NamedTuple):
    """One entry of a registry as it stands there: *label* is its name, or its number if it has none.

    *project* is the directory of a project's own registry, None for the workspace's.
    """

    label: str
    said: Any
    project: Path | None
    later: bool


def read_branches(root: Path) -> tuple[list[Branch], list[str]]:
    """Return the good entries of the registry under *root*, and what is wrong with the others.

    Raise WorkspaceError if there is no registry, or none that can be read.
    """
    known = _Known(root)
    for entry in _entries(root, known.problems):
        try:
            known.take(entry)
        except ValueError as error:
            known.problems.append(f"{entry.label}: {error}")
    return known.branches, known.problems


def normal_address(address: str) -> str:
    """Return *address* such that two spellings of one are equal."""
    return "@" + address.strip().lstrip("@").casefold()


class _Known:
    """The branches taken so far: no two may share a name or a place."""

    def __init__(self, root: Path) -> None:
        self.root, self.inside = root, os.path.realpath(root)
        self.branches: list[Branch] = []
        self.problems: list[str] = []
        self.names: set[str] = set()
        self.places: set[str] = set()
        self.addresses: dict[str, str] = {}
        self.resolved: dict[str, str] = {}

    def take(self, entry: Entry) -> None:
        branch = _branch(entry, self.root)
        name, place = branch.name.upper(), self._resolved(branch.path)
        if not is_inside(place, self.inside):
            raise MalformedError(f"its path {branch.path} lies outside the workspace")
        if name in self.names or place in self.places:
            raise MalformedError("another entry names this branch already")
        self._note_address(branch)
        self.names.add(name)
        self.places.add(place)
        self.branches.append(branch)

    def _resolved(self, path: str) -> str:
        """Return the true place of *path*; that of the directory which most branches share is asked for once."""
        if os.path.islink(path):
            return os.path.realpath(path)
        parent, _, name = path.rpartition("/")
        if parent not in self.resolved:
            self.resolved[parent] = os.path.realpath(parent or "/").rstrip("/")
        return f"{self.resolved[parent]}/{name}"

    def _note_address(self, branch: Branch) -> None:
        address = normal_address(branch.address)
        if other := self.addresses.get(address):
            self.problems.append(f"{branch.name}: has the mail address of {other}, whose mail it gets now")
        self.addresses[address] = branch.name


def _entries(root: Path, problems: list[str]) -> Iterator[Entry]:
    for registry, later in _registries(root):
        try:
            said = _read_registry(registry, os.path.realpath(root))
        except (OSError, ValueError) as error:
            # The root's registry is never taken for empty; one project's is but one bad entry.
            if registry.parent == root:
                raise WorkspaceError(f"{registry} can't be read, and nothing was done: {error}") from error
            problems.append(f"{registry.name}: {error}")
            continue
        project = None if registry.parent == root else registry.parent
        for number, entry in enumerate(said, start=1):
            name = entry.get("name") if isinstance(entry, dict) else None
            label = name if isinstance(name, str) and name.strip() else f"entry {number}"
            yield Entry(label, entry, project, later)


def _registries(root: Path) -> list[tuple[Path, bool]]:
    if os.path.lexists(root / REGISTRY):
        return [(root / REGISTRY, False)]
    if os.path.lexists(root / LATER_REGISTRY):
        projects = sorted(root.glob("projects/*/*_REGISTRY.json"))
        return [(registry, True) for registry in (root / LATER_REGISTRY, *projects)]
    raise WorkspaceError(f"{root} has no {REGISTRY}: is `workspace` in scheduled.toml the right directory?")


def _read_registry(registry: Path, inside: str) -> list[Any]:
    document = read_settled(registry, parse, inside=inside)
    entries = document.get("branches") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise MalformedError("it has no list `branches`")
    return entries


def _branch(entry: Entry, root: Path) -> Branch:
    """Return the branch that *entry* describes; ValueError says what is wrong with it."""
    if not isinstance(entry.said, dict):
        raise MalformedError("is no table")
    name, path, email = (entry.said.get(key) for key in ("name", "path", "email"))
    if not isinstance(name, str) or not name.strip():
        raise MalformedError("has no name")
    if "/" in name or not name.isprintable():
        raise MalformedError("has a name that can't be part of a file's")
    if not isinstance(path, str) or not path.strip() or "\0" in path:
        raise MalformedError("has no path")
    address = email.strip() if isinstance(email, str) and email.strip() else _derived_address(name)
    return Branch(name=name, address=address, path=_located(path, entry, root), later=entry.later)


def _located(path: str, entry: Entry, root: Path) -> str:
    """Return *path* made absolute: relative ones count from the workspace, else from a project's registry."""
    where = os.path.normpath(f"{root}/{path}" if not path.startswith("/") else path)
    if entry.project is not None and not os.path.isdir(where):
        return os.path.normpath(entry.project / path)
    return where


def _derived_address(name: str) -> str:
    """Return the address that the mail program derives for a branch that is registered without one."""
    if "." in name:
        local = name.rpartition(".")[2]
    elif " " in name:
        local = name.split(maxsplit=1)[0]
    elif name.startswith("AIPASS-"):
        local = name.removeprefix("AIPASS-")
    else:
        local = name.partition("-")[0]
    return "@" + local.lower()
