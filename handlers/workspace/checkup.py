"""Checks branches: their issues decide the status (healthy, warning, error); notes do not change it."""

import os
from collections.abc import Iterator, Sequence
from datetime import UTC, timedelta
from typing import Literal

import msgspec

from scheduled.handlers.base import Task
from scheduled.handlers.formats import timestamps
from scheduled.handlers.formats.branches import Branch
from scheduled.handlers.formats.form import MEMORY_KINDS
from scheduled.handlers.formats.form import Limits as MemoryFileLimits
from scheduled.handlers.formats.mail_index import Kind, MailIndex
from scheduled.handlers.formats.mailbox_files import MailboxError
from scheduled.handlers.formats.memory_file import LINES, Excess, Size, approached, excesses
from scheduled.handlers.formats.text import many
from scheduled.handlers.workspace import memory_limits
from scheduled.handlers.workspace.memory_limits import MemoryLimits
from scheduled.handlers.workspace.opened import opened_before
from scheduled.handlers.workspace.staleness import NEW_HOURS
from scheduled.handlers.workspace.workspace import Workspace
from scheduled.schedules.zones import DAY
from scheduled.state.beneath import names_in, stat_of

Status = Literal["healthy", "warning", "error"]
OWN_CENTRALS = ("HEALTH.central.json", "METRICS.central.json")


class Limits(memory_limits.Options, forbid_unknown_fields=True, kw_only=True):
    """The limits of the health check.

    *approaching* is the size of a memory file in lines above which it comes near its *limit*; a file that is limited in
    characters comes near at the same share of them. *new_hours* and *opened_hours* are ages of unread
    and of opened mails. *dashboard_hours* applies to dashboards and to central files. *log_bytes* is the size of a log
    that is not rotated: the workspace's programs rotate logs at 200,000 bytes. *strict* turns the notes about README,
    dashboard, central files and logs into warnings.
    """

    approaching: int = 500
    new_hours: float = NEW_HOURS
    opened_hours: float = 24
    readme_days: float = 30
    dashboard_hours: float = 24
    log_bytes: int = 400_000
    strict: bool = False


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One finding. *key* stays the same while the numbers in *text* change; a *level* above note sets the status."""

    key: str
    text: str
    level: Literal["note", "warning", "error"]


class Checkup(msgspec.Struct, frozen=True, kw_only=True):
    """The findings about one branch."""

    branch: Branch
    findings: tuple[Finding, ...]

    @property
    def issues(self) -> list[Finding]:
        """The warnings and errors."""
        return [found for found in self.findings if found.level != "note"]

    @property
    def notes(self) -> list[str]:
        """The texts of the notes, which do not affect the status."""
        return [found.text for found in self.findings if found.level == "note"]

    @property
    def unreadable(self) -> list[str]:
        """The kinds of memory files that could not be read."""
        return [kind for kind in MEMORY_KINDS if any(f.key == f"{kind}:unreadable" for f in self.findings)]

    @property
    def status(self) -> Status:
        """`error` if any finding is an error, `warning` if any is a warning, otherwise `healthy`."""
        levels = {found.level for found in self.findings}
        return "error" if "error" in levels else "warning" if "warning" in levels else "healthy"


class Inspector:
    """Checks the branches of a workspace; ages are relative to the task's `now`."""

    def __init__(self, workspace: Workspace, limits: Limits, task: Task) -> None:
        self.inside, self.workspace = workspace.inside, workspace
        self.limits, self.memories = limits, MemoryLimits.shared(workspace, limits)
        self.now = task.now.astimezone(UTC)
        self.seconds = self.now.timestamp()
        ages: tuple[tuple[Kind, float], ...] = (("new", limits.new_hours), ("opened", limits.opened_hours))
        self.ages = [(kind, hours, (self.now - timedelta(hours=hours)).timestamp()) for kind, hours in ages]
        self.soft: Literal["note", "warning"] = "warning" if limits.strict else "note"

    @classmethod
    def shared(cls, workspace: Workspace, limits: Limits, task: Task) -> "Inspector":
        """Return the inspector with these limits, and its checkups, that a previous handler made; or a new one."""
        key = (cls, *(getattr(limits, name) for name in Limits.__struct_fields__))
        return workspace.shared(key, lambda: cls(workspace, limits, task))

    def all(self) -> list[Checkup]:
        """Return the checkups of all branches."""
        once = (
            self.workspace.cache.once
        )  # the cache forgets the inbox that a handler changes, and what is kept for it
        return [once(self._checkup, branch.inbox, branch) for branch in self.workspace.branches]

    def _checkup(self, _: str, branch: Branch) -> Checkup:
        return Checkup(branch=branch, findings=tuple(self._of(branch)))

    def common(self) -> list[Finding]:
        """Return the findings outside the branches: old central files and logs that are not rotated."""
        central = str(self.workspace.central)
        centrals = (name for name in self._names(central) if name.endswith("central.json"))
        dates = (
            self._age(f"{central}/{name}", name, self.limits.dashboard_hours / 24)
            for name in centrals
            if name not in OWN_CENTRALS
        )
        return [
            *(found for date in dates for found in date),
            *self._logs(str(self.workspace.logs), "system_logs"),
        ]

    def _of(self, branch: Branch) -> Iterator[Finding]:
        yield from self._memory(branch)
        if not branch.form.provisions and not self._is_directory(branch.mailbox):
            name = os.path.basename(branch.mailbox)
            yield Finding(key=f"{name}:missing", text=f"Missing {name} directory", level="error")
        if not self._is_directory(branch.path):
            yield Finding(key="missing", text=f"{branch.path} does not exist", level="note")
            return
        yield from self._mail(branch)
        yield from self._age(f"{branch.path}/README.md", "README.md", self.limits.readme_days)
        yield from self._age(
            f"{branch.path}/DASHBOARD.local.json", "DASHBOARD.local.json", self.limits.dashboard_hours / 24
        )
        if self.workspace.cache.may_hold(branch.path, self.inside, "logs"):
            yield from self._logs(f"{branch.path}/logs", "logs")

    def _is_directory(self, path: str) -> bool:
        cache = self.workspace.cache
        try:
            return bool(cache.names(path, self.inside)) or cache.once(os.path.isdir, path)
        except OSError:
            return cache.once(os.path.isdir, path)

    def _memory(self, branch: Branch) -> Iterator[Finding]:
        names = {kind: branch.memory_name(kind) for kind in MEMORY_KINDS}
        for kind, name in names.items():
            missing = False
            try:
                size = self.memories.size(branch, name)
            except (FileNotFoundError, NotADirectoryError):
                missing = True
            except OSError as error:
                yield Finding(key=f"{kind}:unreadable", text=f"{kind} was skipped: {error}", level="note")
                continue
            else:
                yield from self._size(kind, size, self.memories.of(branch, name))
            found = self.workspace.cache.memory_names(branch, self.inside)
            if others := [other for other in found if other not in names.values()]:
                yield from self._others(branch, kind, name, others, missing=missing)

    def _size(self, kind: str, size: Size, limits: MemoryFileLimits) -> Iterator[Finding]:
        if size.damaged:
            yield Finding(key=f"{kind}:damaged", text=f"{kind}: is not a valid JSON object", level="warning")
        if over := excesses(size, limits):
            texts = (f"{e.text} (threshold: {_number(e)})" for e in over)
            yield Finding(key=f"{kind}:over", text=f"{kind}: {', '.join(texts)}", level="warning")
        elif near := approached(size, limits, self.limits.approaching, self.limits.limit):
            text = f"{kind}: {', '.join(e.text for e in near)} (approaching threshold)"
            yield Finding(key=f"{kind}:approaching", text=text, level="warning")

    def _others(
        self, branch: Branch, kind: str, name: str, names: Sequence[str], *, missing: bool
    ) -> Iterator[Finding]:
        """Yield a note about the memory files *names* that are of *kind*, which only `memory_rollover` finds."""
        others = [other for other in names if branch.form.kind_of(other) == kind]
        if others:
            gone = f"{name} does not exist; " if missing else ""
            text = f"{gone}{', '.join(others)} {'is' if len(others) == 1 else 'are'} checked only by memory_rollover"
            yield Finding(key=f"{kind}:other", text=text, level="note")

    def _mail(self, branch: Branch) -> Iterator[Finding]:
        try:
            index = self.workspace.cache.inbox(branch, self.inside) or MailIndex()
        except MailboxError as error:
            yield Finding(key="inbox:unreadable", text=f"inbox was skipped: {error}", level="note")
            return
        for status, hours, since in self.ages:
            if number := self._older(branch, index, status, since):
                text = f"{many(number, f'{status} mail')} older than {hours:g} h"
                yield Finding(key=f"mail:{status}", text=text, level="note")

    def _older(self, branch: Branch, index: MailIndex, status: Kind, since: float) -> int:
        if status != "opened":
            return index.before(status, since)
        return opened_before(index, self.workspace.opened.of(branch.name), since, self.seconds)

    def _age(self, path: str, name: str, days: float) -> Iterator[Finding]:
        changed_at = self.workspace.cache.once(_changed_at, path, self.inside)
        if changed_at is None:
            yield Finding(key=f"{name}:missing", text=f"{name} is missing", level=self.soft)
            return
        age = self.seconds - changed_at
        if age > days * DAY:
            text = f"{name} was last changed {timestamps.span(timedelta(seconds=age))} ago"
            yield Finding(key=f"{name}:old", text=text, level=self.soft)

    def _logs(self, directory: str, label: str) -> Iterator[Finding]:
        names = self._names(directory)
        for name in names:
            if name.endswith(".log") and name != "scheduled.log":
                size = _size(f"{directory}/{name}", self.inside)
                if size > self.limits.log_bytes:
                    never = "" if f"{name}.1" in names else f", and there is no {name}.1"
                    text = f"{label}/{name} is not rotated: {size:,} bytes{never}"
                    yield Finding(key=f"{label}/{name}:large", text=text, level=self.soft)

    def _names(self, directory: str) -> list[str]:
        try:
            return sorted(names_in(directory, self.inside))
        except OSError:
            return []


def _number(excess: Excess) -> str:
    return str(excess.limit) if excess.what == LINES else f"{excess.limit:,}"


def _changed_at(path: str, inside: str) -> float | None:
    try:
        return stat_of(path, inside).st_mtime
    except OSError:
        return None


def _size(path: str, inside: str) -> int:
    try:
        return stat_of(path, inside).st_size
    except OSError:
        return 0
