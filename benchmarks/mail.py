"""Row `mail`: one very large inbox in which a few messages are stale."""

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.fixtures import age_files, encode_inbox, handler_runtime, inbox, make_workspace
from benchmarks.measure import BARE_PYTHON, Figure, NotDoneError, Work, compare

MAILS, STALE = 50_000, 100
REWRITE = """
import json, sys
with open(sys.argv[1], encoding="utf-8") as file:
    document = json.load(file)
with open(sys.argv[2], "w", encoding="utf-8") as file:
    json.dump(document, file, indent=2, ensure_ascii=False)
"""


def figures(root: Path, *, quick: bool) -> Iterator[Figure]:
    """Compare a sweep that opens the stale messages with reading and writing the file as the mail program does."""
    mails, runs = (MAILS // 10, 3) if quick else (MAILS, 9)
    cleanup, original = mail_cleanup(root / "first", mails)
    rewrite = Work(
        "`json.load` and `json.dump(indent=2)`",
        [[BARE_PYTHON[0], "-c", REWRITE, str(original), str(root / "rewritten.json")]],
        check=lambda _: _check_same(root / "rewritten.json", original),
    )
    yield compare("mail", cleanup, rewrite, limit=0.4, gate=3.5, runs=runs)


def mail_cleanup(root: Path, mails: int) -> tuple[Work, Path]:
    """Return the cleanup of an inbox with *mails* messages, and the path of a copy of the original inbox.

    The cleanup notifies the branch with a mail in the same inbox.
    """
    workspace, original = root / "workspace", root / "original.json"
    make_workspace(workspace, 1, lines=10, mails=1)
    messages = inbox(mails, datetime.now(UTC), stale=range(0, mails, mails // STALE))
    original.write_bytes(encode_inbox(messages))
    age_files(root)
    target = workspace / "dev_central" / "ai_mail.local" / "inbox.json"
    runtime = handler_runtime(root / "runtime", workspace, "mail_cleanup")

    def check_opened(_: str) -> None:
        """Check that exactly the stale messages are open and that the file has the mail program's format."""
        data = target.read_bytes()
        found = json.loads(data)
        if len(found["messages"]) != mails + 1:
            raise NotDoneError(f"{target}: has {len(found['messages'])} messages, not {mails + 1}")
        if sum(message.get("auto_opened", False) for message in found["messages"]) != STALE:
            raise NotDoneError(f"{target}: not all stale messages were opened")
        if data != json.dumps(found, indent=2, ensure_ascii=False).encode():
            raise NotDoneError(f"{target}: does not have the format of the mail program")

    def prepare() -> None:
        runtime.restore_state()
        shutil.copy2(original, target)

    label = f"tick that opens {STALE} stale of {mails:,} mails"
    return runtime.work(label, "run", prepare=prepare, check=check_opened), original


def _check_same(written: Path, original: Path) -> None:
    if written.read_bytes() != original.read_bytes():
        raise NotDoneError(f"{written}: differs from {original}")
