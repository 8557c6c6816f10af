"""A full disk or SIGKILL at every step of a sweep and of a delivery: no partial, lost or duplicate mails.

As in the tests of SQLite: the first call that changes a file fails, then the second, and so on, until a run
completes before it reaches its fault.
"""

import json
import multiprocessing
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from scheduled.core.conditions import Notice
from scheduled.errors import ScheduledError
from scheduled.handlers.workspace.delivery import deliver
from scheduled.handlers.workspace.staleness import Options
from scheduled.handlers.workspace.sweep import Sweep
from scheduled.handlers.workspace.workspace import Workspace
from tests.fixtures.sample_workspace import NOW, Sample, mail

fork = multiprocessing.get_context("fork")
# Since Python 3.12, a fork in a process with threads (of xdist) causes a warning; the children don't use
# them.
pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
CHANGING = ("open", "mkdir", "write", "fsync", "link", "unlink", "replace", "fchown", "fchmod")
OLD = [
    mail(id="a", timestamp="2026-01-20 08:00:00"),
    mail(id="b", timestamp="2026-01-20 08:00:00", status="opened"),
    mail(id="c", timestamp="2026-01-20 08:00:00", status="opened"),
    mail(id="d"),
]


def full() -> None:
    raise OSError(28, "No space left on device")


def killed() -> None:
    os._exit(9)


def failing(at: int, fault: Callable[[], None], calls: list[int]) -> Iterator[tuple[Any, str, Any]]:
    """Yield (owner, name, replacement) to patch, so that *fault* is called at the *at*-th changing call."""

    def counted(real: Any) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            calls[0] += 1
            if calls[0] == at:
                fault()
            return real(*arguments, **named)

        return call

    for name in CHANGING:
        yield os, name, counted(getattr(os, name))


def attempt(work: Callable[[], object], at: int, fault: Callable[[], None]) -> bool:
    """Do *work* in a process with *fault* at its *at*-th changing call; return whether it ended before."""
    calls = [0]

    def run() -> None:
        for owner, name, call in failing(at, fault, calls):
            setattr(owner, name, call)
        try:
            work()
        except (OSError, ScheduledError):
            os._exit(1)
        os._exit(0 if calls[0] < at else 3)

    process = fork.Process(target=run)
    process.start()
    process.join()
    return process.exitcode == 0


def sweep(sample: Sample) -> None:
    workspace = Workspace.load(sample.root)
    branch = workspace.branch_at("@flow")
    assert branch is not None
    Sweep(workspace.inside, Options(), NOW, ZoneInfo("UTC"), "@trigger").sweep(branch)


@pytest.fixture
def mailbox(sample: Sample) -> Path:
    inbox = sample.put("FLOW", *OLD)
    for path in inbox.parent.glob("*/*"):
        if path.is_file():
            path.unlink()
    return inbox.parent


def archived(mailbox: Path) -> list[str]:
    return sorted(json.loads(path.read_text())["id"] for path in mailbox.glob("deleted/*.json"))


@pytest.mark.parametrize("fault", [full, killed])
def test_a_sweep_that_is_stopped_anywhere_is_finished_by_the_next(
    sample: Sample, mailbox: Path, fault: Callable[[], None]
) -> None:
    for at in range(1, 200):
        sample.put("FLOW", *OLD)
        for path in mailbox.glob("deleted/*"):
            path.unlink()

        through = attempt(lambda: sweep(sample), at, fault)

        remaining = [message["id"] for message in sample.mails("FLOW")]
        assert {"a", "b", "c", "d"} == {*remaining, *archived(mailbox)}
        sweep(sample)
        assert (["a", "d"], ["b", "c"]) == ([m["id"] for m in sample.mails("FLOW")], archived(mailbox))
        if through:
            break
    assert 20 < at < 199
    # Temporary files of killed processes are removed by the next process that writes there.
    sample.put("FLOW", *OLD)
    sweep(sample)
    assert not list(mailbox.glob(".scheduled-*"))


@pytest.mark.usefixtures("mailbox")
@pytest.mark.parametrize("fault", [full, killed])
def test_a_delivery_that_is_stopped_anywhere_is_made_once_by_the_next(
    sample: Sample, fault: Callable[[], None]
) -> None:
    def send() -> None:
        notice = Notice(recipient="@flow", subject="[MEMORY] x", body="y")
        deliver(sample.root, notice, notice_id="0" * 32, sender="@trigger", now=NOW, zone=ZoneInfo("UTC"))

    kept = set(sample.inbox("TRIGGER").parent.glob("sent/*"))
    for at in range(1, 200):
        sample.put("FLOW", *OLD)
        for path in set(sample.inbox("TRIGGER").parent.glob("sent/*")) - kept:
            path.unlink()

        through = attempt(send, at, fault)

        assert ["a", "b", "c", "d"] == [m["id"] for m in sample.mails("FLOW")][-4:]
        send()
        assert ["0" * 8, "a", "b", "c", "d"] == [m["id"] for m in sample.mails("FLOW")]
        assert len(set(sample.inbox("TRIGGER").parent.glob("sent/*.json")) - kept) == 1
        if through:
            break
    assert 10 < at < 199
