"""One very large inbox, of which a few messages are stale."""

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from math import inf
from pathlib import Path

from benchmarks.measure import BARE, Figure, NotDoneError, Work, compare
from benchmarks.worlds import as_inbox, inbox, settle, sweep_house, workspace

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
    ours, pristine = cleaning(root / "told", mails)
    theirs = Work(
        "`json.load` and `json.dump(indent=2)`",
        [[*BARE[:1], "-c", REWRITE, str(pristine), str(root / "rewritten.json")]],
        check=lambda _: _same(root / "rewritten.json", pristine),
    )
    yield compare("mail", ours, theirs, limit=0.25, gate=4.0, runs=runs)
    again, _ = cleaning(root / "again", mails, again=True)
    yield compare("mail", again, theirs, limit=inf, gate=inf, runs=runs)


def cleaning(root: Path, mails: int, *, again: bool = False) -> tuple[Work, Path]:
    """Return the cleaning of an inbox with *mails* messages, and where that inbox lies as it was.

    Its branch is told of it, by a mail to that inbox; not so *again*, of mails that it was told of before.
    """
    place, pristine = root / "workspace", root / "pristine.json"
    workspace(place, 1, lines=10, mails=1)
    messages = inbox(mails, datetime.now(UTC), stale=range(0, mails, mails // STALE))
    pristine.write_bytes(as_inbox(messages))
    settle(root)
    target = place / "dev_central" / "ai_mail.local" / "inbox.json"
    if again:
        shutil.copy2(pristine, target)
    house = sweep_house(root / "house", place, "mail_cleanup")

    def opened(_: str) -> None:
        """See that the file is what the mail program would have written, with just the stale messages opened."""
        data = target.read_bytes()
        found = json.loads(data)
        if len(found["messages"]) != mails + (not again):
            raise NotDoneError("the inbox's branch was told, or not, against expectation")
        if sum(message.get("auto_opened", False) for message in found["messages"]) != STALE:
            raise NotDoneError("not all stale messages were opened")
        if data != json.dumps(found, indent=2, ensure_ascii=False).encode():
            raise NotDoneError("the inbox is not in the mail program's own format")

    def prepare() -> None:
        house.back()
        shutil.copy2(pristine, target)

    label = f"tick that opens {STALE} stale of {mails:,} mails{', once more' * again}"
    return house.work(label, "run", prepare=prepare, check=opened), pristine


def _same(written: Path, pristine: Path) -> None:
    if written.read_bytes() != pristine.read_bytes():
        raise NotDoneError("the plain rewriting has changed the file")
