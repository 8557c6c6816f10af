"""Which configuration and which state a question is about."""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from scheduled.paths import Paths, config_path, state_path

if TYPE_CHECKING:
    from collections.abc import Callable


class Instance:
    """One configuration and its state: those named, or else the environment's, or else XDG's.

    An answer puts what it found wrong beside what was asked for into *problems*; the command line prints it on stderr.
    *claimed* is called once what was asked for is claimed.
    """

    def __init__(self, config: str | None = None, state: str | None = None) -> None:
        self.config = config
        self.state = state
        self.problems: list[str] = []
        self.claimed: Callable[[], None] | None = None

    @property
    def config_file(self) -> Path:
        """The absolute path of scheduled.toml."""
        return config_path(self.config)

    @cached_property
    def paths(self) -> Paths:
        """The places in the state directory."""
        return Paths(state_path(self.state))
