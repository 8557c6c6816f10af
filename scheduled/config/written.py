"""The tables of a configuration as they are written in its files."""

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

Tables = dict[str, Any]
# Contents to use instead of those of files; None: the file does not exist.
Drafts = Mapping[Path, bytes | None]


class Written:
    """The tables of all jobs, valid or not, and all other tables. They are read with *load* when they are first used."""

    def __init__(self, load: Callable[[], tuple[Tables, Tables]] = lambda: ({}, {})) -> None:
        self._load = load

    @cached_property
    def _found(self) -> tuple[Tables, Tables]:
        return self._load()

    @property
    def jobs(self) -> Tables:
        """The tables of the jobs by name."""
        return self._found[0]

    @property
    def settings(self) -> Tables:
        """All other tables and keys of scheduled.toml."""
        return self._found[1]
