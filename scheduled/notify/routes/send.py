"""Send notices through a function of the workspace's mail program (`[compat] send`), such as `send_email_direct`.

If the function cannot be called, fails or returns False, the notice is delivered as without it, with a warning. It runs
in a child process that may be killed, so it can be unknown whether it has delivered a mail: `attempts` finds that out.
"""

from contextlib import AbstractContextManager

from scheduled.core.records import OutboxItem
from scheduled.errors import BusyError
from scheduled.handlers.formats.branches import Branch
from scheduled.handlers.formats.mailbox_files import locked
from scheduled.notify.adapter import MARGIN, Call, call
from scheduled.notify.routes.attempts import Attempts
from scheduled.notify.routes.base import RouteSettings
from scheduled.notify.routes.mail import MailRoute
from scheduled.state.locks import inherited

LOCK = "send.lock"  # of two ticks, one sends at a time: the other one then finds the mail
PATIENCE = 2 * MARGIN  # seconds after the timeout in which a child must have ended


class SendRoute:
    """Sends each notice in a child process of its own, so that one that hangs takes no other with it.

    After a failure other than the refusal of one notice, the function is not called again in this tick.
    """

    def __init__(self, settings: RouteSettings) -> None:
        if settings.adapter is None:
            raise ValueError("a route that sends through a function needs an adapter")
        self._settings, self._adapter = settings, settings.adapter
        self._mail = MailRoute(settings)
        self._attempts: Attempts | None = None
        self._unusable, self._fell_back = "", False

    def deliver(self, item: OutboxItem) -> None:
        """Send one notice, or deliver it as `MailRoute.deliver` does. Raise what that raises, or MailboxError."""
        branch = self._mail.workspace().branch_at(item.notice.recipient)
        if branch is None or not self._is_sent(item, branch):
            self._mail.deliver(item)
            self._fell_back = True

    def recorded(self, item: OutboxItem) -> None:
        """See `Route.recorded`."""
        self._mail.recorded(item)

    def finish(self) -> None:
        """Update the mail statistics as `MailRoute.finish` does: the function did so for its own mails."""
        if self._fell_back:
            self._mail.finish()

    def _is_sent(self, item: OutboxItem, branch: Branch) -> bool:
        """Send *item* unless an earlier tick has done so; return whether its mail is there."""
        if self._unusable:
            error = "not called again in this tick"
        else:
            try:
                with inherited(self._settings.state / LOCK, self._adapter.timeout + PATIENCE) as lock:
                    if self._attempts_here().delivered(item.id, branch, item.notice):
                        return True
                    error = self._call(item, branch, lock)
            except BusyError as busy:
                error = self._unusable = str(busy)
        if not error:
            return True
        arrived = self._attempts_here().delivered(item.id, branch, item.notice)
        self._warn(item, error, arrived=arrived)
        return arrived

    def _warn(self, item: OutboxItem, error: str, *, arrived: bool) -> None:
        what = "it has delivered the mail" if arrived else "the mail is delivered without it"
        self._settings.warn(
            f"[compat] send: {item.notice.recipient}: {item.notice.subject!r}: {error}; {what}"
        )

    def _call(self, item: OutboxItem, branch: Branch, lock: int) -> str:
        """Call the function for *item*; return the reason if it did not send the mail, or did not end.

        The child inherits *lock*: if this tick is killed, the next one waits for the child, and then finds its mail.
        """
        self._attempts_here().begin(item.id, branch, item.notice)
        keywords = {
            "to_branch": item.notice.recipient,
            "subject": item.notice.subject,
            "message": item.notice.body,
            "auto_execute": False,
            "from_branch": self._settings.sender,
        }
        key = item.notice.upsert_key  # it replaces an earlier notice that has the same one
        calls = [Call(keywords=keywords, optional={"upsert_key": key} if key else {})]
        answers = call(self._adapter, self._settings.send, calls, lambda: self._apart(branch), [lock])
        self._unusable = answers.error
        if answers.error:
            return answers.error
        answer = answers.given[0]
        return answer.error or ("" if answer.value is True else f"it returned {answer.value!r}")

    def _apart(self, branch: Branch) -> AbstractContextManager[object]:
        """Return the lock of the mailbox, so that the child is not killed while it writes the inbox."""
        return locked(branch, self._mail.workspace().inside)

    def _attempts_here(self) -> Attempts:
        if self._attempts is None:
            inside = self._mail.workspace().inside
            self._attempts = Attempts(self._settings.state, inside, self._settings.sender)
        return self._attempts
