"""Whether an attempt to send a notice through another program delivered a mail, although its result is not known.

Before an attempt, the mails that its recipient has already are recorded, in a file of the state directory: after the
attempt, or in a later tick if this one is killed, another mail with the same text is that of the attempt.
"""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from scheduled.core.conditions import Notice
from scheduled.handlers.formats.branches import Branch
from scheduled.handlers.formats.json_text import parse
from scheduled.handlers.formats.mailbox_files import read_messages
from scheduled.handlers.formats.message import identity
from scheduled.state.beneath import holding
from scheduled.state.files import read_regular, write_atomically

NAME = "send_attempts.json"
MARGIN = 60  # seconds by which a file's time may be before that of the attempt, on another clock
KEPT = (
    7 * 86_400
)  # seconds for which an attempt is kept: far longer than a notice that is due waits for its next try


class _Attempt(msgspec.Struct):
    """When the first attempt began (UTC seconds), and the ids of the same mails that were there before."""

    began: float
    before: list[str]


class Attempts:
    """The record of the attempts of the last days, in the directory *state*.

    It outlasts the delivery: another tick may have read the outbox before the ledger recorded that.

    *inside* is the workspace: mails at other places are not read. *sender* is the address of the notices.
    """

    def __init__(self, state: Path, inside: str, sender: str) -> None:
        self._path, self._inside, self._sender = state / NAME, inside, sender

    def begin(self, item_id: str, branch: Branch, notice: Notice) -> None:
        """Record that an attempt to send *notice* begins, unless an earlier one is recorded. Raise MailboxError, OSError."""
        known, now = self._read(), time.time()
        if item_id not in known:
            attempt = _Attempt(now, sorted(self._same_mails(branch, notice, now)))
            kept = {key: one for key, one in known.items() if one.began > now - KEPT}
            write_atomically(self._path, msgspec.json.encode({**kept, item_id: attempt}))

    def delivered(self, item_id: str, branch: Branch, notice: Notice) -> bool:
        """Return whether an attempt that was recorded has delivered *notice*. Raise MailboxError if that is not readable."""
        attempt = self._read().get(item_id)
        return attempt is not None and not self._same_mails(branch, notice, attempt.began) <= {
            *attempt.before
        }

    def _read(self) -> dict[str, _Attempt]:
        """Return the record. A damaged file is kept aside: of its attempts only the mails of our own are recognised."""
        try:
            return msgspec.json.decode(read_regular(self._path), type=dict[str, _Attempt])
        except FileNotFoundError:
            return {}
        except (ValueError, RecursionError):
            from scheduled.state import aside  # only if the file is damaged

            aside.keep(self._path, f"{self._path}.damaged")
            return {}

    def _same_mails(self, branch: Branch, notice: Notice, began: float) -> set[str]:
        """Return the ids of the mails from the sender that begin with the text of *notice*: unread, read or archived.

        Archived mails are only looked at if they were archived since *began* (UTC seconds).
        """
        mails = [*(read_messages(branch, self._inside) or []), *self._archived(branch, began - MARGIN)]
        return {identity(mail) for mail in mails if isinstance(mail, dict) and self._is(mail, notice)}

    def _is(self, mail: dict[str, Any], notice: Notice) -> bool:
        return (
            str(mail.get("from")).lower() == self._sender.lower()
            and mail.get("subject") == notice.subject
            and str(mail.get("message")).startswith(notice.body)
        )

    def _archived(self, branch: Branch, since: float) -> Iterator[Any]:
        folder = f"{branch.mailbox}/deleted"
        with (
            suppress(FileNotFoundError, NotADirectoryError),
            holding(folder, self._inside) as directory,
            os.scandir(directory) as entries,
        ):
            for entry in entries:
                with suppress(FileNotFoundError, ValueError, RecursionError):
                    if entry.name.endswith(".json") and entry.stat(follow_symlinks=False).st_mtime >= since:
                        yield parse(read_regular(f"{folder}/{entry.name}", inside=self._inside))
