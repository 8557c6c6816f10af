"""A branch: the directory of one agent, and the names of the files in it."""

import msgspec

from scheduled.errors import ScheduledError
from scheduled.handlers.formats.first_form import FIRST
from scheduled.handlers.formats.form import MEMORY_KINDS, Form
from scheduled.state.beneath import names_in
from scheduled.state.files import is_temporary

OTHER_NAMES = frozenset({"logs", "inbox.json", "sent", "deleted", ".archive"})


class WorkspaceError(ScheduledError):
    """The workspace or its registry is missing or unreadable; the message names the path or key to correct."""


class Branch(msgspec.Struct, frozen=True, kw_only=True):
    """The directory of one agent. *path* is absolute; *hosted*: it is not in the main registry of the workspace."""

    name: str
    address: str
    path: str
    form: Form = FIRST
    hosted: bool = False

    @property
    def mailbox(self) -> str:
        """The directory of the branch's mail."""
        return f"{self.path}/{self.form.mailbox}"

    @property
    def inbox(self) -> str:
        """The path of the file with incoming mail."""
        return f"{self.mailbox}/inbox.json"

    @property
    def memories(self) -> str:
        """The directory of the branch's memory files."""
        return f"{self.path}/{self.form.memories}" if self.form.memories else self.path

    def memory_name(self, kind: str) -> str:
        """Return the name of the memory file of *kind* (`local.json` or `observations.json`)."""
        return self.form.memory_name(self.name, kind)

    def memory_file(self, kind: str) -> str:
        """Return the path of the memory file of *kind*."""
        return f"{self.memories}/{self.memory_name(kind)}"

    def is_memory(self, name: str) -> bool:
        """Return whether a file *name* in `memories` is a memory file: its end matches and it is not a dashboard."""
        return self.form.kind_of(name) is not None


def relevant_names(directory: str, inside: str) -> list[str]:
    """Return the names in a branch's directory or mailbox that handlers use, sorted; [] if there is no such directory.

    Raise OSError if an existing directory cannot be listed, RefusedError if it is outside *inside*.
    """
    try:
        names = names_in(directory, inside)
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(n for n in names if n.endswith(MEMORY_KINDS) or n in OTHER_NAMES or is_temporary(n))


def normal_address(address: str) -> str:
    """Return *address* in a normal form, so that different spellings of an address compare equal."""
    return "@" + address.strip().lstrip("@").casefold()
