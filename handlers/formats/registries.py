"""Reads the branches from the registries of a workspace; invalid entries are skipped and reported."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from scheduled.handlers.formats.branches import Branch, WorkspaceError, normal_address
from scheduled.handlers.formats.form import Form
from scheduled.handlers.formats.json_text import MalformedError, parse
from scheduled.handlers.formats.safe_files import read_settled
from scheduled.state.links import is_inside


class Found(msgspec.Struct, kw_only=True):
    """The valid branches of a workspace, and a description of each problem with the others.

    *complete*: all entries of all registries could be read, so that no branch is missing.
    """

    branches: list[Branch] = []
    problems: list[str] = []
    complete: bool = True


class Entry(NamedTuple):
    """One unchecked entry of a registry: *label* is its name, or its number if it has none.

    *home* is the directory of the registry that contains the entry. Paths in it are relative to this directory. *hosted*:
    it is not the main registry.
    """

    label: str
    value: Any
    home: str
    hosted: bool


def read_branches(root: Path, form: Form) -> Found:
    """Return the branches of the registries under *root*. Those that are retired or in hidden directories are none.

    Raise WorkspaceError if there is no registry, or if the main one cannot be read.
    """
    accepted = _Branches(root, form)
    for entry in _entries(root, form, accepted.found):
        try:
            if not _is_retired(entry.value):
                accepted.add(entry)
        except MalformedError as error:
            accepted.found.complete = False
            accepted.found.problems.append(f"{entry.label}: {error}")
    return accepted.found


class _Branches:
    """The branches accepted so far. No two branches have the same name or resolved path."""

    def __init__(self, root: Path, form: Form) -> None:
        self.root, self.form, self.inside = root, form, os.path.realpath(root)
        self.tops = tuple(f"{top.rstrip('/')}/" for top in (self.inside, os.path.normpath(root)))
        self.found = Found()
        self.names: set[str] = set()
        self.paths: set[str] = set()
        self.addresses: dict[str, Branch] = {}
        self.resolved: dict[str, str] = {}

    def add(self, entry: Entry) -> None:
        """Accept the branch of *entry*. Raise MalformedError with the reason if the entry is not valid."""
        branch = _branch(entry, self.form)
        name, resolved = branch.name.upper(), self._resolved(branch.path)
        if not is_inside(resolved, self.inside):
            raise MalformedError(f"its path {branch.path} is outside the workspace")
        if self.form.skips_hidden and _is_hidden(os.path.relpath(branch.path, entry.home)):
            return
        if not f"{branch.path}/".startswith(self.tops):
            # A link outside the workspace leads into it. The files of a branch are opened from the workspace on.
            branch = msgspec.structs.replace(branch, path=resolved)
        if name in self.names or resolved in self.paths:
            # In the main registry, it may be the entry of a branch that is missing now.
            self.found.complete &= entry.hosted
            self.found.problems.append(f"{entry.label}: another entry has the same name or path")
            return
        self._add_address(branch)
        self.names.add(name)
        self.paths.add(resolved)
        self.found.branches.append(branch)

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
        other = self.addresses.get(address)
        receiver = other if other is not None and branch.hosted and not other.hosted else branch
        if other is not None:
            self.found.problems.append(
                f"{branch.name}: has the mail address of {other.name}; mail to this address goes only to {receiver.name}"
            )
        self.addresses[address] = receiver


def _entries(root: Path, form: Form, found: Found) -> Iterator[Entry]:
    registries = _registries(root, form)
    for registry in registries:
        hosted = registry != registries[0]
        try:
            entries = _read_registry(registry, os.path.realpath(root))
        except (OSError, ValueError) as error:
            # An unreadable main registry must not look like an empty workspace; the others can be skipped.
            if not hosted:
                raise WorkspaceError(f"{registry} cannot be read: {error}") from error
            found.complete = False
            found.problems.append(f"{registry.relative_to(root)}: {error}")
            continue
        inside, home = f"{registry.relative_to(root)}: " if hosted else "", str(registry.parent)
        for label, entry in entries:
            yield Entry(f"{inside}{label}", entry, home, hosted)


def _registries(root: Path, form: Form) -> list[Path]:
    """Return the registries, the main one first. Projects in hidden directories are copies.

    The main one has the name of the form's main registry, or that of the directory, or is the first of all.
    """
    own = form.registries_in(os.listdir(root))
    if not own:
        raise WorkspaceError(
            f"{root} has no {' or '.join(form.registries)}: check `workspace` and `workspace_layout` in scheduled.toml"
        )
    # As the program that makes a registry names it after the directory.
    mains = (form.main, f"{re.sub(r'[^A-Z0-9_-]', '_', root.name.upper()).strip('_')}_REGISTRY.json")
    own.sort(key=lambda name: mains.index(name) if name in mains else len(mains))
    projects = sorted(root.glob(form.projects)) if form.projects else []
    return [root / name for name in own] + [
        registry for registry in projects if not registry.parent.name.startswith(".")
    ]


def _read_registry(registry: Path, inside: str) -> list[tuple[str, Any]]:
    """Return the entries of a registry, a list of them or a table by name, each with its label."""
    document = read_settled(registry, parse, inside=inside)
    entries = document.get("branches") if isinstance(document, dict) else None
    if isinstance(entries, dict):
        return [(name, e | {"name": name} if isinstance(e, dict) else e) for name, e in entries.items()]
    if not isinstance(entries, list):
        raise MalformedError("`branches` is neither a list nor a table")
    return [(_label(number, entry), entry) for number, entry in enumerate(entries, start=1)]


def _label(number: int, entry: Any) -> str:
    name = entry.get("name") if isinstance(entry, dict) else None
    return name if isinstance(name, str) and name.strip() else f"entry {number}"


def _is_retired(entry: Any) -> bool:
    status = entry.get("status") if isinstance(entry, dict) else None
    return isinstance(status, str) and status.strip().casefold() == "retired"


def _is_hidden(path: str) -> bool:
    return any(part.startswith(".") and part not in (".", "..") for part in path.split("/"))


def _branch(entry: Entry, form: Form) -> Branch:
    """Return the branch that *entry* describes. Raise MalformedError with the reason if the entry is not valid."""
    if not isinstance(entry.value, dict):
        raise MalformedError("is not a JSON object")
    name, path, email = map(entry.value.get, ("name", "path", "email"))
    if not isinstance(name, str) or not name.strip():
        raise MalformedError("has no valid name")
    if "/" in name or not name.isprintable():
        raise MalformedError("has a name that is not allowed in a file name")
    if not isinstance(path, str) or not path.strip() or "\0" in path or not _is_text(path):
        raise MalformedError("has no valid path")
    address = email.strip() if isinstance(email, str) else ""
    if not address:
        address = f"@{name.lower()}" if entry.hosted else _derived_address(name)
    if not _is_text(address):
        raise MalformedError("has no valid email")
    located = os.path.normpath(os.path.join(entry.home, path))
    return Branch(name=name, address=address, path=located, form=form, hosted=entry.hosted)


def _is_text(value: str) -> bool:
    """Return whether *value* has no surrogates, which JSON can hold and a file name cannot."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _derived_address(name: str) -> str:
    """Return the address that the mail program derives from the name of a branch of the main registry."""
    if "." in name:
        local = name.rpartition(".")[2]
    elif " " in name:
        local = name.split(maxsplit=1)[0]
    elif name.startswith("AIPASS-"):
        local = name.removeprefix("AIPASS-")
    else:
        local = name.partition("-")[0]
    return "@" + local.lower()
