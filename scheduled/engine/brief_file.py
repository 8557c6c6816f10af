"""The file that `status --brief` reads: how often ticks come, and the problems that the last tick or command found."""

import os
from contextlib import suppress
from pathlib import Path

from scheduled import brief
from scheduled.advice import complete
from scheduled.engine.heartbeat import cadence, installed_at
from scheduled.notify.problems import OWNER
from scheduled.printable import printable
from scheduled.state.files import write_all
from scheduled.state.ledger import Ledger

UNKNOWN = b"300 -1"  # the first line of a file that no tick has written


def content(ledger: Ledger, beat: int | None) -> bytes:
    """Return the content of the file, with the last heartbeat *beat* (UTC nanoseconds)."""
    found = cadence(ledger, beat)
    since = None if found.source == "assumed" else installed_at(ledger) or 0
    texts = [str(item.condition.payload.get("text", "")) for item in ledger.conditions(OWNER)]
    problems = [printable(complete(text)) for text in texts]
    return brief.text(found.seconds, since, problems)


def write(root: Path, wanted: bytes) -> None:
    """Write the file in the state directory *root*, if it changes. It is not synced; an error is ignored: `status` has more."""
    path = root / brief.FILE
    with suppress(OSError):
        if path.exists() and path.read_bytes() == wanted:
            return
        temporary = path.with_name(f".{path.name}.tmp")  # a leftover of a killed tick is overwritten
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            write_all(fd, wanted)
        finally:
            os.close(fd)
        temporary.replace(path)


def refused(root: Path, reason: str) -> None:
    """Write why the configuration was refused in place of the problems: no job runs until the next tick that can read it."""
    with suppress(OSError):
        path = root / brief.FILE
        first = path.read_bytes().split(b"\n")[0] if path.exists() else UNKNOWN
        text = f"the configuration was refused, so no job runs: {reason} (scheduled check)"
        write(root, first + b"\n" + printable(complete(text)).encode(errors="replace") + b"\n")
