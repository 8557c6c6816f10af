"""Which configuration and which state somebody asks about."""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from scheduled.state.paths import Paths, config_path, state_path

if TYPE_CHECKING:
    from collections.abc import Callable

    from scheduled.engine.runtime import Runtime


class Instance:
    """One question's place: what was said by name, or else the environment's and XDG's.

    *problems* is what an answer found wrong beside what was asked for; the command line says it on stderr. *claimed*
    is called once what was asked for is claimed.
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

    def runtime(self) -> "Runtime":
        """Open everything; raises ConfigError."""
        from scheduled.engine.runtime import Runtime

        runtime = Runtime(self.config_file, self.paths.root)
        runtime.paths = self.paths
        self.problems = runtime.config.problems
        return runtime
