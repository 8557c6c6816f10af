"""The description of a form of workspace: where its files are, and what its programs expect.

The agents' programs exist in two forms. Handlers do not know them: they ask the form of their workspace. `forms` finds
the form of a directory.
"""

import fnmatch
from collections.abc import Iterable, Mapping

import msgspec

from scheduled.core.conditions import Recipients

LOCAL, OBSERVATIONS = "local.json", "observations.json"
MEMORY_KINDS = (LOCAL, OBSERVATIONS)
# The sessions that the memory program writes by itself, with a limit of their own.
AUTO_COMPACT = "auto-compact sessions"


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The most that one memory file may hold: lines, characters, and entries by the key of their list.

    None: not limited. `every` applies to each list that *entries* does not name.
    """

    lines: int | None = None
    chars: int | None = None
    entries: Mapping[str, int] = {}
    every: int | None = None

    @property
    def need_content(self) -> bool:
        """Whether the file must be parsed to compare it with the limits."""
        return self.chars is not None or self.every is not None or bool(self.entries)


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """One form of workspace. Paths are relative: *central* and *projects* to the workspace, the others to a branch.

    *registries* are patterns of the file names of registries, *main* is the name of the main one, *excluded* are names of
    files that are none; *projects* is the pattern of the registries of its projects, "" if there are none.
    *skips_hidden*: branches in hidden directories are copies.
    *mailbox* is the directory of a branch's mail; *provisions*: delivery creates a missing one.
    *memories* is the directory of the memory files ("": that of the branch), *memory* the pattern of their names with
    the branch's name and the kind.
    *mail_file* is the name of a file in `sent/` and `deleted/`; *archives* are the folders in which a closed mail can
    be; *sent_id*: mails in `sent/` have an id.
    *plans* are patterns of the registries of plans, with the prefix of their ids ("": the name of the file has it);
    *flow* is the directory of the branch that keeps them if no branch is called FLOW.
    *memory_config* is the file with the limits of memory files in the branch MEMORY, "" if there is none. *limits*
    are those of the form by kind of file.
    """

    name: str
    registries: tuple[str, ...]
    main: str
    excluded: tuple[str, ...] = ()
    skips_hidden: bool = False
    projects: str = ""
    mailbox: str
    provisions: bool = False
    memories: str = ""
    memory: str
    central: str
    logs: str = "system_logs"
    mail_file: str
    archives: tuple[str, ...]
    sent_id: bool = False
    flow: str
    plans: Mapping[str, str]
    keeper_of_limits: str = ""
    memory_config: str = ""
    limits: Mapping[str, Limits]
    recipients: Recipients

    def registries_in(self, names: Iterable[str]) -> list[str]:
        """Return those of *names*, of files in the workspace's directory, that are registries of this form."""
        found = {name for pattern in self.registries for name in fnmatch.filter(names, pattern)}
        return sorted(found.difference(self.excluded))

    def memory_name(self, branch: str, kind: str) -> str:
        """Return the name of the memory file of *kind* (`local.json` or `observations.json`) of a branch."""
        return self.memory.format(branch=branch.upper(), kind=kind)

    def kind_of(self, name: str) -> str | None:
        """Return the kind of the memory file *name* of any branch; None if it is no memory file."""
        if "DASHBOARD" in name:
            return None
        prefixed = self.memory != "{kind}"
        for kind in MEMORY_KINDS:
            if name.endswith(f".{kind}") if prefixed else name == kind:
                return kind
        return None
