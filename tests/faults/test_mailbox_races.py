"""The sweep while other programs write the same inbox, as the real mail program does.

Guaranteed and tested here: the sweep loses no mail of another program, with or without a lock. Afterwards
each mail is in the inbox or in `deleted/`, and the sweep never leaves a partial file. A lock of the test,
which the sweep does not use, keeps the other writers apart: without it the unlocked writer and the locked one
would lose each other's mails, as measured with the real code (formats.md A.2).

Not guaranteed: a writer without a lock that reads the inbox before a change of the sweep and writes it
afterwards undoes that change. The next sweep repeats it, and recognises an archived mail. A notice delivered
in between is lost.
"""

import errno
import fcntl
import json
import multiprocessing
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from scheduled.core.conditions import Notice
from scheduled.handlers.formats.branches import Branch
from scheduled.handlers.formats.mailbox_files import MailboxError
from scheduled.handlers.workspace.delivery import deliver
from scheduled.handlers.workspace.staleness import Options
from scheduled.handlers.workspace.sweep import Sweep
from scheduled.handlers.workspace.workspace import Workspace
from tests.fixtures.sample_workspace import NOW, Sample, mail

SENT = 150  # mails per writer: about one second and some hundred sweeps; 500 mails found no further errors
OLD = "2026-01-20 08:00:00"
fork = multiprocessing.get_context("fork")
# Since Python 3.12, a fork in a process with threads (of xdist) causes a warning; the children don't use
# them.
pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")


@contextmanager
def held(path: Path) -> Any:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def write_in_place(inbox: Path, change: Callable[[list[dict[str, Any]]], None]) -> None:
    """Read, change and write an inbox as the real program does: the file is truncated, then filled."""
    document = json.loads(inbox.read_text(encoding="utf-8"))
    change(document["messages"])
    document["total_messages"] = len(document["messages"])
    document["unread_count"] = sum(m.get("status") == "new" for m in document["messages"])
    with inbox.open("w", encoding="utf-8") as file:
        json.dump(document, file, indent=2, ensure_ascii=False)


def send(inbox: Path, name: str, apart: Path, *, locked: bool) -> None:
    """Deliver mails that are already stale, so that every sweep has a reason to write."""
    for number in range(SENT):
        status = "opened" if number % 3 else "new"
        new = mail(id=f"{name}{number}", timestamp=OLD, status=status, message="x" * (number * 37 % 5000))
        with held(apart):
            if locked:
                with held(inbox.with_name(".inbox.lock")):
                    write_in_place(inbox, lambda mails, new=new: mails.insert(0, new))
            else:
                write_in_place(inbox, lambda mails, new=new: mails.insert(0, new))


def open_all(inbox: Path, apart: Path) -> None:
    """Mark mails as opened without taking a lock, as the real program does."""
    for _ in range(SENT):
        with held(apart):
            write_in_place(inbox, open_newest)


def open_newest(mails: list[dict[str, Any]]) -> None:
    for message in mails[:3]:
        message.update(status="opened", read=True)


def sweep_until(done: Callable[[], bool], sample: Sample) -> int:
    """Sweep repeatedly until the writers have ended, and once more; return how many sweeps wrote."""
    workspace = Workspace.load(sample.root)
    branch = workspace.branch_at("@flow")
    assert branch is not None
    wrote = 0
    deadline = time.monotonic() + 60
    while True:
        last = done()
        wrote += sweep(workspace, branch)
        if last:
            return wrote
        assert time.monotonic() < deadline


def sweep(workspace: Workspace, branch: Branch) -> bool:
    try:
        swept = Sweep(workspace.inside, Options(), NOW, ZoneInfo("UTC"), "@trigger").sweep(branch)
    except MailboxError as error:
        pytest.fail(f"the sweep did not wait for a writer that takes milliseconds: {error}")
    return bool(swept and (swept.opened or swept.closed))


def everywhere(sample: Sample) -> set[str]:
    """Return the ids of all mails in the inbox and in `deleted/`; every file must be valid JSON."""
    archive = [json.loads(path.read_text()) for path in sample.inbox("FLOW").parent.glob("deleted/*.json")]
    return {m["id"] for m in [*sample.mails("FLOW"), *archive]}


@pytest.fixture(params=["leases", "no leases"])
def leases(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a test on a file system with leases, and on one without."""
    real = fcntl.fcntl

    def refuse(fd: int, command: int, argument: int = 0) -> int:
        if command == fcntl.F_SETLEASE:
            raise OSError(errno.EINVAL, "no leases here")
        return int(real(fd, command, argument))

    if request.param == "no leases":
        monkeypatch.setattr(fcntl, "fcntl", refuse)


@pytest.mark.usefixtures("leases")
@pytest.mark.parametrize(
    "writers", [("unlocked",), ("locked",), ("locked", "opener"), ("locked", "unlocked", "opener")]
)
def test_no_mail_is_lost_by_sweeping_while_others_write(
    sample: Sample, tmp_path: Path, writers: tuple[str, ...]
) -> None:
    inbox, apart = sample.put("FLOW"), tmp_path / "apart"
    targets = {
        "unlocked": lambda: send(inbox, "u", apart, locked=False),
        "locked": lambda: send(inbox, "l", apart, locked=True),
        "opener": lambda: open_all(inbox, apart),
    }
    processes = [fork.Process(target=targets[name]) for name in writers]
    for process in processes:
        process.start()

    wrote = sweep_until(lambda: not any(process.is_alive() for process in processes), sample)

    for process in processes:
        process.join()
    assert [0] * len(processes) == [process.exitcode for process in processes]
    assert wrote > 0
    names = [name[0] for name in writers if name != "opener"]
    expected = {f"{name}{number}" for name in names for number in range(SENT)}
    assert expected == everywhere(sample) & expected
    document = json.loads(inbox.read_text())
    assert len(document["messages"]) == document["total_messages"]
    assert not list(inbox.parent.glob(".scheduled-*"))


def test_a_notice_is_delivered_once_while_a_locked_writer_sends(sample: Sample, tmp_path: Path) -> None:
    inbox, apart = sample.put("FLOW"), tmp_path / "apart"
    process = fork.Process(target=send, args=(inbox, "l", apart), kwargs={"locked": True})
    process.start()
    for number in range(40):
        notice = Notice(recipient="@flow", subject=f"[SCHEDULED] {number}", body="text")
        for _ in range(2):
            deliver(
                sample.root,
                notice,
                notice_id=f"{number:08x}",
                sender="@trigger",
                now=NOW,
                zone=ZoneInfo("UTC"),
            )

    process.join()
    ids = [m["id"] for m in sample.mails("FLOW")]
    assert sorted([*(f"l{n}" for n in range(SENT)), *(f"{n:08x}" for n in range(40))]) == sorted(ids)
