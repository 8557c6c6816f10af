"""Append notices to the session memory of agents: one line of JSON for programs, one section of Markdown for readers."""

import os
from pathlib import Path

import msgspec

from scheduled import clock
from scheduled.core.channels import Channel
from scheduled.notify.routes.base import Message, RouteSettings
from scheduled.state.files import sync_directory, write_all
from scheduled.state.locks import exclusive

LAST = 1_048_576  # bytes of a file: about as much as one tick appends
DIRECTORY = "memory"  # of the state directory, if the channel has no path
LINES, SECTIONS, LOCK = "session_log.jsonl", "session_log.md", ".session_log.lock"


def send(channel: Channel, message: Message, settings: RouteSettings) -> None:
    """Append *message* to both files, unless they have it: an earlier tick may have been killed before it recorded that."""
    directory = Path(channel.path).expanduser() if channel.path else settings.state / DIRECTORY
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    at = clock.stamp(int(clock.now()), settings.zone) or ""
    with exclusive(directory / LOCK):
        _append(directory / LINES, message.id, _line(message, at))
        _append(directory / SECTIONS, message.id, _section(message, at))


def _line(message: Message, at: str) -> str:
    notice = message.notice
    document = {
        "id": message.id, "at": at, "kind": notice.kind, "verdict": notice.verdict, "priority": notice.priority,
        "job": notice.job, "target": notice.target, "subject": message.subject, "text": message.body, "link": notice.link,
    }  # fmt: skip
    return f"{msgspec.json.encode(document).decode()}\n"


def _section(message: Message, at: str) -> str:
    """Return a section, with the text as a quotation: what a job prints is no heading and no instruction."""
    quoted = "\n".join(f"> {line}".rstrip() for line in message.body.split("\n"))
    return f"## {at} {message.subject}\n\n{quoted}\n\n<!-- {message.id} -->\n\n"


def _append(path: Path, notice_id: str, text: str) -> None:
    """Append *text* to the file, unless its end has the id; after a line that was written in part, begin a new one.

    A notice comes again soon, if at all: its tick was killed before it recorded that it was delivered.
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        with open(fd, "rb", closefd=False) as file:
            file.seek(max(0, os.fstat(fd).st_size - LAST))
            known = file.read()
        if notice_id.encode() not in known:
            begun = known and not known.endswith(b"\n")
            write_all(fd, ("\n" * bool(begun) + text).encode())
            os.fsync(fd)
    finally:
        os.close(fd)
    sync_directory(path.parent)
