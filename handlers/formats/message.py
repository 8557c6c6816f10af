"""The fields of a mail that decide how it is handled, decoded from an inbox without the other fields."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from scheduled.handlers.formats.json_text import MalformedError, parse

Message = dict[str, Any]
# The fields of a message that no program changes after delivery.
UNCHANGING = ("id", "from", "subject", "timestamp", "message")
SUBJECTS = ("[SCHEDULED]", "[DAILY]", "[MEMORY]")


class Mail(msgspec.Struct, gc=False):
    """The fields of a mail that decide how it is handled, with any JSON type; None if missing."""

    id: Any = None
    sender: Any = msgspec.field(default=None, name="from")
    subject: Any = None
    timestamp: Any = None
    status: Any = None
    read: Any = None
    auto_execute: Any = None
    auto_opened: Any = None
    auto_opened_at: Any = None
    opened_at: Any = None
    sent_id: Any = None
    last_updated: Any = None

    @property
    def unread(self) -> bool:
        """Whether the mail is unread by the mail program's rule; older mails have `read` and no `status`."""
        return self.status == "new" or (self.status is None and not self.read)

    @property
    def waits(self) -> bool:
        """Whether the mail waits for dispatch: it is new and has `auto_execute`."""
        return self.status == "new" and bool(self.auto_execute)

    @property
    def was_auto_opened(self) -> bool:
        """Whether the sweep opened the mail, and its status is still `opened`."""
        return self.status == "opened" and self.auto_opened is True

    @property
    def opened_stamp(self) -> Any:
        """The recorded time at which the mail was opened, even if it is not a valid time; None if there is none.

        If an invalid `auto_opened_at` were ignored, an old mail would be archived right after it was opened.
        """
        return self.opened_at if self.auto_opened_at is None else self.auto_opened_at

    @property
    def stamp(self) -> Any:
        """The time of the mail's text: when it was sent or, if the text was replaced, when that was."""
        return self.timestamp if self.last_updated is None else self.last_updated

    @property
    def key(self) -> str:
        """A text that names the mail in its inbox: its id or, without one, its time, sender and subject."""
        if isinstance(self.id, str) and self.id.isascii():
            return self.id
        name = f"{self.timestamp} {self.sender} {self.subject}" if self.id is None else str(self.id)
        return name.encode(errors="replace").decode()

    def is_own(self, sender: str) -> bool:
        """Return whether the mail is a notice of `scheduled`: it is from *sender* and its subject has a known prefix.

        Unread notices never count as stale, because each would cause another notice.
        """
        subject = self.subject
        return self.sender == sender and isinstance(subject, str) and subject.startswith(SUBJECTS)


FIELDS = Mail.__struct_encode_fields__


Decode = Callable[[bytes], list[Mail | None]]


class Counts(NamedTuple):
    """The number of messages in an inbox, and of the unread ones."""

    total: int
    unread: int


class _File(msgspec.Struct):
    messages: list[Mail]


_decode = msgspec.json.Decoder(_File).decode


def mails_in(data: bytes) -> list[Mail | None]:
    """Return the mails of an inbox file in any known layout, None for elements that are not messages.

    Raise ValueError if *data* is not an inbox.
    """
    try:
        mails: list[Mail | None] = _decode(data).messages  # type: ignore[assignment] # avoids copying a long list
        data.isascii() or data.decode()  # msgspec does not check that skipped strings are valid UTF-8
    except (msgspec.DecodeError, RecursionError):
        return [mail_of(message) for message in messages_in(parse(data))]
    return mails


def mail_of(message: Any) -> Mail | None:
    """Return the deciding fields of *message*, None if it is not a message."""
    return Mail(*map(message.get, FIELDS)) if isinstance(message, dict) else None


def messages_in(document: Any) -> list[Any]:
    """Return the messages of a parsed inbox in any known layout. Raise ValueError if it is not an inbox."""
    if isinstance(document, list):
        return document
    if not isinstance(document, dict):
        raise MalformedError("it is not an inbox")
    messages = document.get("messages", document.get("inbox", []))
    if not isinstance(messages, list):
        raise MalformedError("its messages are not a list")
    return messages


def count(mails: Sequence[Mail | None]) -> Counts:
    """Return the numbers of all and of unread mails in *mails*."""
    # The rule of `Mail.unread`, without a call for each mail.
    unread = [
        mail
        for mail in mails
        if mail is not None and (mail.status == "new" or (mail.status is None and not mail.read))
    ]
    return Counts(len(mails), len(unread))


def identity(message: Mapping[str, Any]) -> str:
    """Return the id of *message* or, if it has none, a digest of its unchanging fields."""
    if (given := message.get("id")) is not None:
        return str(given)
    import json

    from scheduled.digests import sha256

    text = json.dumps([message.get(key) for key in UNCHANGING])
    return sha256(text.encode()).hex()[:8]
