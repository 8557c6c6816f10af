"""Deliver notices as mail to the mailboxes of the workspace."""

from functools import partial
from zoneinfo import ZoneInfo

from scheduled import clock
from scheduled.core.records import OutboxItem
from scheduled.errors import ScheduledError
from scheduled.handlers.formats.message import Counts
from scheduled.handlers.workspace import delivery, mail_counts
from scheduled.handlers.workspace.cache import NAME, FileCache, Mark, mark_of
from scheduled.handlers.workspace.workspace import Workspace
from scheduled.notify.marks import Marks
from scheduled.notify.routes.base import RouteSettings, UndeliverableError


class _NoWorkspaceError(LookupError):
    """No workspace is configured, so that no address exists."""


class MailRoute:
    """Delivers notices to the recipients' inboxes and then updates the workspace's mail statistics."""

    def __init__(self, settings: RouteSettings) -> None:
        self._settings = settings
        self._zone = ZoneInfo(settings.zone)
        self._loaded: Workspace | None = None
        self._addressed: set[str] = set()
        self._counts: dict[str, tuple[Counts, Mark | None]] = {}  # of inboxes, with the marks of their files
        self._marks = Marks(settings.state)

    def deliver(self, item: OutboxItem) -> None:
        """Deliver a notice to its recipient's mailbox.

        Raise UndeliverableError if no branch has the address, what `delivery.deliver` raises, or LookupError.
        """
        self._addressed.add(item.notice.recipient)
        try:
            self._deliver(item)
        except delivery.UnknownRecipientError as error:
            if not error.final:
                raise
            raise UndeliverableError(f"{error}; correct the address, or register the branch") from error
        except _NoWorkspaceError as error:
            raise UndeliverableError(str(error)) from error

    def _deliver(self, item: OutboxItem) -> None:
        counts = delivery.deliver(
            self.workspace(),
            item.notice,
            notice_id=item.id,
            sender=self._settings.sender,
            now=clock.local(clock.now(), self._settings.zone),
            zone=self._zone,
            delivered=self._marks.has(item.id),
            on_delivered=partial(self._marks.put, item.id),
        )
        branch = self.workspace().branch_at(item.notice.recipient)
        if counts is not None and branch is not None:
            self._counts[branch.name] = counts, mark_of(branch.inbox)

    def recorded(self, item: OutboxItem) -> None:
        """See `Route.recorded`."""
        self._marks.drop(item.id)

    def finish(self) -> None:
        """Update the mail statistics of the addressed recipients; report an error with `cannot_record`."""
        try:
            if self._settings.workspace is not None:
                now = clock.local(clock.now(), self._settings.zone)
                mail_counts.recount_central(
                    self.workspace(), now=now, known=self._known(), only=self._addressed
                )
        except (LookupError, OSError, ScheduledError) as error:
            self._settings.cannot_record(f"mail was delivered, but the statistics were not updated: {error}")

    def _known(self) -> dict[str, Counts]:
        """Return the counts of the inboxes that no program has written since a notice was put into them."""
        branches = {branch.name: branch for branch in self.workspace().branches}
        return {
            name: counts
            for name, (counts, mark) in self._counts.items()
            if mark is not None and name in branches and mark_of(branches[name].inbox) == mark
        }

    def workspace(self) -> Workspace:
        """Return the workspace, loaded once for all notices. Raise LookupError if none is configured."""
        root = self._settings.workspace
        if root is None:
            raise _NoWorkspaceError("no mailboxes: set `workspace` in scheduled.toml")
        if self._loaded is None:
            cache = FileCache(self._settings.state / NAME, self._zone, self._settings.sender)
            self._loaded = Workspace.load(root, cache, layout=self._settings.layout)
        return self._loaded
