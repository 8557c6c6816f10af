"""The protocol of a kind of action: a module that satisfies `ActionKind` and is listed in `registry.KINDS`.

No other module depends on the name of a kind. It reads the fields of the `Action`, such as `steps`, or calls a
function of the kind.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

import msgspec

from scheduled.core.conditions import Recipients
from scheduled.core.jobs import Action, Job
from scheduled.core.runs import Claim
from scheduled.paths import Paths

SUPERVISOR = "supervisor"  # the executor of every kind that runs a process


class Key(msgspec.Struct, frozen=True):
    """A key of the job table that belongs to one kind. *type* is the type of its TOML value.

    *executed*: the value decides or changes what is executed, so an interface needs permission to write it.
    """

    type: Any
    executed: bool = True


class Work(msgspec.Struct, frozen=True):
    """What the supervisor executes for a run: the program *argv*, or the *task* of a handler in a forked child."""

    argv: tuple[str, ...] = ()
    task: dict[str, object] | None = None


class ExecutionContext:
    """What all runs of a tick share: paths of the state, workspace, zone, environment and the sender of mails.

    *layout* is the configured form of the workspace; *recipients* returns the addresses of notices. *mailboxes*: notices are put
    into the mailboxes of the workspace by `scheduled` itself.
    """

    def __init__(
        self,
        paths: Paths,
        workspace: Path | None,
        zone: str,
        environment: Mapping[str, str],
        sender: str = "@trigger",
        layout: str | None = None,
        recipients: Callable[[], Recipients] = Recipients,
        *,
        mailboxes: bool = True,
    ) -> None:
        self.paths = paths
        self.workspace = workspace
        self.zone = zone
        self.environment = environment
        self.sender = sender
        self.layout = layout
        self.recipients = recipients
        self.mailboxes = mailboxes


class ActionKind(Protocol):
    """One kind of action. Its name in the registry is also its main key in a job table.

    KEYS are its keys of the job table by name, including the main key. GROUP is the group of its jobs that do not
    name one. A kind may have SESSIONS = True: its runs are sessions of an agent. EXECUTOR is the name of the executor that takes its claimed runs from the bus. LABEL and EXAMPLE are
    its texts in a form, METAVAR and HELP those of its option on the command line.
    """

    KEYS: Mapping[str, Key]
    GROUP: str
    EXECUTOR: str
    LABEL: str
    EXAMPLE: str
    METAVAR: str
    HELP: str

    def read(self, given: Mapping[str, Any]) -> Action:
        """Return the action for *given*: the value of each key of KEYS, or None. The main key is never empty.

        Raise ConfigError with the key and what to write.
        """
        ...

    def from_text(self, text: str, before: Any) -> Any:
        """Return the value of the main key for the line *text*, which replaces the value *before* (None: no value).

        Raise ConfigError with the key.
        """
        ...

    def to_text(self, value: Any) -> str:
        """Return a value of the main key as a line that `from_text` parses."""
        ...

    def faults(self, job: Job) -> Iterable[str]:
        """Return the problems of *job* that only a lookup finds, such as a handler that is not installed."""
        ...

    def missing(self, action: Action, environment: Mapping[str, str], directory: str) -> Iterable[str]:
        """Return a warning, beginning with its key, for each program or file that *action* needs and that does not exist.

        *environment* is that of the job, with PATH, and *directory* its working directory.
        """
        ...

    def describe(self, action: Action) -> str:
        """Return a description of *action* for the user."""
        ...

    def handler(self, action: Action) -> str:
        """Return the name of the handler that does the work; '' if the action has no handler."""
        ...

    def prepare(self, job: Job, claim: Claim, context: ExecutionContext, totals: Mapping[str, int]) -> Work:
        """Return what to execute for a claimed run; *totals* are the counts of the job's earlier runs.

        Raise ScheduledError if nothing can be executed for it.
        """
        ...
