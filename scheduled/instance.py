"""The configuration and the state directory that a request is about."""

import os
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from scheduled.paths import Paths, config_path, state_path

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Instance:
    """A configuration and its state directory: the given paths, or those in the environment, or the XDG defaults.

    *problems* collects problems that did not prevent the result; the command line prints them on stderr. *notes* are
    what the last prediction assumed, or why the last list is empty; the command line prints them below it. *claimed* is
    called with the ids of the requested runs as soon as they are claimed. With *without_config* the queries that can do so
    answer from the ledger if the configuration cannot be read; *config_error* is then the reason. *shows_comments*: the diff of
    an edit has the comments of the file. *prints*: the caller prints the result of a tick, and then calls `printed`. *log_to* is
    called with each line of the log, as JSON.
    """

    def __init__(self, config: str | None = None, state: str | None = None) -> None:
        self.config = config
        self.state = state
        self.problems: list[str] = []
        self.notes: list[str] = []
        self.claimed: Callable[[Sequence[str]], None] | None = None
        self.without_config = False
        self.config_error = ""
        self.shows_comments = True
        self.prints = False
        self.log_to: Callable[[bytes], None] | None = None

    def for_client(self) -> "Instance":
        """Return an Instance for one call of an interface: its client does not see comments, which may have secrets."""
        found = Instance(self.config, self.state)
        found.shows_comments = False
        return found

    def printed(self) -> None:
        """Record that the caller has what the tick announced: no later tick prints it once more."""
        while self.paths.unprinted:
            path, lock = self.paths.unprinted.pop()
            with suppress(OSError):  # if it stays, a later tick prints the announcement again
                path.unlink(missing_ok=True)
            os.close(lock)

    def not_printed(self) -> None:
        """Leave it to the next tick to print what a tick announced that has failed since: the caller does not have it."""
        while self.paths.unprinted:
            _, lock = self.paths.unprinted.pop()
            os.close(lock)

    @property
    def config_file(self) -> Path:
        """The absolute path of scheduled.toml."""
        return config_path(self.config)

    @cached_property
    def paths(self) -> Paths:
        """The paths in the state directory."""
        return Paths(state_path(self.state), self.config_file)
