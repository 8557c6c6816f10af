"""A mail, as far as anything is decided by it: read off an inbox without making its text into objects."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from scheduled.handlers.formats.json_text import MalformedError, parse

Message = dict[str, Any]
UNCHANGING = ("id", "from", "subject", "timestamp", "message")  # whatever becomes of a mail's status
SUBJECTS = ("[SCHEDULED]", "[DAILY]", "[MEMORY]")


class Mail(msgspec.Struct, gc=False):
    """The fields that decide; whatever the file has there, or None."""

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

    @property
    def unread(self) -> bool:
        """The mail program's rule (older mails have `read`, no `status`)."""
        return self.status == "new" or (self.status is None and not self.read)

    @property
    def waits(self) -> bool:
        """Whether it waits for dispatch."""
        return self.status == "new" and bool(self.auto_execute)

    @property
    def was_auto_opened(self) -> bool:
        """Whether it was opened by the sweep, and lies there still."""
        return self.status == "opened" and self.auto_opened is True

    @property
    def opened_stamp(self) -> Any:
        """Since when it has been open. The first stamp there is decides, even a bad one.

        Falling back from `auto_opened_at` to the mail's own time would put away within the hour what was opened a
        moment ago.
        """
        if self.auto_opened_at is not None:
            return self.auto_opened_at
        return self.timestamp if self.opened_at is None else self.opened_at

    def is_own(self, sender: str) -> bool:
        """Tell whether it is a notice of ours, by its subject and our *sender*: they never count as stale.

        They would breed more of them.
        """
        subject = self.subject
        return self.sender == sender and isinstance(subject, str) and subject.startswith(SUBJECTS)


FIELDS = Mail.__struct_encode_fields__


class Counts(NamedTuple):
    """How many messages lie in an inbox, and how many of them are unread."""

    total: int
    unread: int


class _File(msgspec.Struct):
    messages: list[Mail]


_decode = msgspec.json.Decoder(_File).decode


def mails_in(data: bytes) -> list[Mail | None]:
    """Return the mails in an inbox file of whatever shape, None for what is no message; ValueError if it is none."""
    try:
        mails: list[Mail | None] = _decode(data).messages  # type: ignore[assignment] # copying 50,000 for their type
        data.isascii() or data.decode()  # of what it passes over it checks everything but this
    except (msgspec.DecodeError, RecursionError):
        return [mail_of(message) for message in messages_in(parse(data))]
    return mails


def mail_of(message: Any) -> Mail | None:
    """Return what decides about a *message*; None if it is none."""
    return Mail(*map(message.get, FIELDS)) if isinstance(message, dict) else None


def messages_in(document: Any) -> list[Any]:
    """Return the messages of a parsed inbox of whatever shape; ValueError if it is none."""
    if isinstance(document, list):
        return document
    if not isinstance(document, dict):
        raise MalformedError("it is no inbox")
    messages = document.get("messages", document.get("inbox", []))
    if not isinstance(messages, list):
        raise MalformedError("its messages are no list")
    return messages


def count(mails: Sequence[Mail | None]) -> Counts:
    """Return the counts that belong to *mails*."""
    return Counts(len(mails), sum(mail is not None and mail.unread for mail in mails))


def identity(message: Mapping[str, Any]) -> str:
    """Return what tells *message* from others: its id, or a digest of what never changes of it."""
    if (given := message.get("id")) is not None:
        return str(given)
    import json
    from hashlib import sha256

    said = json.dumps([message.get(key) for key in UNCHANGING])
    return sha256(said.encode()).hexdigest()[:8]
