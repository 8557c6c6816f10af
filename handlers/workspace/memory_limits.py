"""The limits of memory files: those of the workspace's memory program, otherwise the options of the job.

The memory program of the later form keeps its limits in `memory.config.json`: for each kind of file the characters, and
the number of entries of each list, which a branch may override. In the first form a file is limited in lines.
"""

import os
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import msgspec

from scheduled.handlers.formats.branches import Branch
from scheduled.handlers.formats.form import AUTO_COMPACT, LOCAL, Limits
from scheduled.handlers.formats.json_text import MalformedError, parse
from scheduled.handlers.formats.memory_file import SESSIONS, Size
from scheduled.handlers.formats.safe_files import read_settled
from scheduled.handlers.workspace.workspace import Workspace

TODOS = "todos"


class Options(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The limits of a memory file above which it is over.

    *limit*, in lines, is for the first form of workspace. *max_chars* and *max_entries*, the entries of each list in the
    file, are used where the workspace's memory program has no configuration.
    """

    limit: int = 600
    max_chars: int | None = None
    max_entries: int | None = None


class MemoryLimits:
    """The limits of all memory files of a workspace."""

    def __init__(self, workspace: Workspace, options: Options) -> None:
        self._workspace, self._options = workspace, options
        self._inside = workspace.inside  # once: it follows links
        # Of every file in a form without a configuration of the memory program.
        self._in_lines = Limits(lines=options.limit, chars=options.max_chars, every=options.max_entries)
        self.problems: list[str] = []

    @classmethod
    def shared(cls, workspace: Workspace, options: Options) -> "MemoryLimits":
        """Return the limits by these *options* that a previous handler used, with their problems; or new ones."""
        key = (cls, options.limit, options.max_chars, options.max_entries)
        return workspace.shared(key, lambda: cls(workspace, options))

    def of(self, branch: Branch, name: str) -> Limits:
        """Return the limits of the memory file *name* of a branch."""
        if not branch.form.memory_config:
            return self._in_lines
        kind = branch.form.kind_of(name) or LOCAL
        if self._config is None:
            return branch.form.limits[kind] if self.problems else self._by_options(branch, kind)
        return self._configured(branch, kind)

    def size(self, branch: Branch, name: str) -> Size:
        """Return the size of a memory file, as far as a limit needs it. Raise OSError if it cannot be read."""
        complete = self.of(branch, name).need_content
        return self._workspace.cache.size(f"{branch.memories}/{name}", self._inside, complete=complete)

    def _by_options(self, branch: Branch, kind: str) -> Limits:
        default, options = branch.form.limits[kind], self._options
        return Limits(
            chars=default.chars if options.max_chars is None else options.max_chars,
            entries=default.entries if options.max_entries is None else {},
            every=options.max_entries,
        )

    def _configured(self, branch: Branch, kind: str) -> Limits:
        default, config = branch.form.limits[kind], self._config or {}
        budget = _at(config, "entry_limits", "file_budgets", kind, "max_chars")
        name, file = os.path.basename(branch.path).lower(), kind.removesuffix(".json")
        common = {**default.entries} | _counts(_at(config, "rollover", "defaults", file))
        own = _counts(_at(config, "rollover", "per_branch", name, file))
        # The limits of a branch replace those of all lists but the todos.
        todos = {TODOS: common[TODOS]} if TODOS in common else {}
        return Limits(chars=_number(budget, default.chars), entries=todos | own if own else common)

    @cached_property
    def _config(self) -> dict[str, Any] | None:
        """The configuration of the memory program; None if there is none, or, with a problem, if it cannot be read."""
        path = self._path()
        try:
            found = read_settled(path, parse, inside=self._workspace.inside)
            if not isinstance(found, dict):
                raise MalformedError("it is not a JSON object")
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError, RecursionError) as error:
            self.problems.append(f"{path} was skipped, so that the default limits apply: {error}")
            return None
        return found

    def _path(self) -> str:
        form = self._workspace.form
        return f"{self._workspace.directory_of('MEMORY', form.keeper_of_limits)}/{form.memory_config}"


def _at(document: Any, *keys: str) -> Any:
    for key in keys:
        document = document.get(key) if isinstance(document, Mapping) else None
    return document


def _number(value: Any, default: int | None) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else default


def _counts(table: Any) -> dict[str, int]:
    """Return the number of entries for each list that *table* limits."""
    found = {
        key: _number(_at(table, key, "count"), None) for key in (table if isinstance(table, dict) else ())
    }
    found[AUTO_COMPACT] = _number(_at(table, SESSIONS, "auto_compact_cap"), None)
    return {key: count for key, count in found.items() if count is not None}
