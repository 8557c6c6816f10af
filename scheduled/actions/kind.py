"""What a kind of action has to be: a module that satisfies `ActionKind` and has its line in `registry.KINDS`.

Nothing else in the program knows a kind by its name. What the others ask of an action stands in the action (`steps`,
the jobs that it starts) or is asked of its kind.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

import msgspec

from scheduled.core.jobs import Action, Job
from scheduled.core.runs import Claim
from scheduled.paths import Paths

SUPERVISOR = "supervisor"  # the executor of every kind whose runs are processes


class Key(msgspec.Struct, frozen=True):
    """A key of the job table that belongs to one kind: the *type* of its TOML value.

    *executed*: its value says, or changes, what is executed, so that not everyone may write it.
    """

    type: Any
    executed: bool = True


class Work(msgspec.Struct, frozen=True):
    """What the supervisor is given of a run: a program's *argv*, or the *task* of a handler for a forked child."""

    argv: tuple[str, ...] = ()
    task: dict[str, object] | None = None


class ExecutionContext:
    """What jobs find around them: the runner's environment, the workspace, the state's places."""

    def __init__(
        self,
        paths: Paths,
        workspace: Path | None,
        zone: str,
        environment: Mapping[str, str],
        sender: str = "@trigger",
    ) -> None:
        self.paths = paths
        self.workspace = workspace
        self.zone = zone
        self.environment = environment
        self.sender = sender


class ActionKind(Protocol):
    """One kind of action; its name, in the registry, is the key of the job table that announces it.

    KEYS are its keys of the job table by name, the announcing one among them. GROUP is the group of its jobs that
    name none. EXECUTOR is who takes its claimed runs from the bus. A form offers it as LABEL, and shows EXAMPLE of what
    to write; METAVAR and HELP are those of its option on the command line.
    """

    KEYS: Mapping[str, Key]
    GROUP: str
    EXECUTOR: str
    LABEL: str
    EXAMPLE: str
    METAVAR: str
    HELP: str

    def read(self, given: Mapping[str, Any]) -> Action:
        """Return the action that the values *given* to KEYS mean (None: not given; the announcing one is never empty).

        Raises ConfigError with the key and what to do about it.
        """
        ...

    def from_text(self, text: str, before: Any) -> Any:
        """Return the value of the announcing key that a person writes as *text* on one line, in place of *before*.

        *before* is None where there was none. Raises ConfigError with the key.
        """
        ...

    def to_text(self, value: Any) -> str:
        """Return the value of the announcing key as a person writes it on one line: what `from_text` reads."""
        ...

    def faults(self, job: Job) -> Iterable[str]:
        """Return what is wrong with a *job* that only `check` looks for: what has to be looked up for it."""
        ...

    def describe(self, action: Action) -> str:
        """Say what *action* does, for people."""
        ...

    def handler(self, action: Action) -> str:
        """Return the name of the handler that does the work; '' where none does."""
        ...

    def prepare(self, job: Job, claim: Claim, context: ExecutionContext, totals: Mapping[str, int]) -> Work:
        """Return what to execute for a claimed run; *totals* are the job's running counts.

        Raises ScheduledError if it can't be executed.
        """
        ...
