"""Another user swaps names in a workspace for links while root works there: nothing outside changes or is read.

An ordinary run tries each way to write for some seconds, SCHEDULED_NIGHTLY=1 for a minute.
"""

import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from scheduled.core.conditions import Notice
from scheduled.engine.log import Log
from scheduled.errors import ScheduledError
from scheduled.handlers import daily_report, health, mail_cleanup, memory_rollover, metrics
from scheduled.handlers.formats.later_form import LATER
from scheduled.handlers.workspace import provision
from scheduled.handlers.workspace.delivery import deliver
from scheduled.handlers.workspace.mail_counts import recount_central
from scheduled.handlers.workspace.staleness import Options
from scheduled.handlers.workspace.sweep import Sweep
from scheduled.handlers.workspace.workspace import Branch, Workspace
from tests.fixtures.other_user import UID, Move, exchange, given, plant, swapping, witness
from tests.fixtures.sample_workspace import NOW, Sample, mail

SECONDS = 60 if os.environ.get("SCHEDULED_NIGHTLY") == "1" else 2.5
UTC = ZoneInfo("UTC")
STALE = [mail(id=str(n), timestamp="2026-01-20 08:00:00", status="opened") for n in range(3)]

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root works in directories of other users"),
    pytest.mark.filterwarnings(
        "ignore:This process:DeprecationWarning"
    ),  # of fork next to the threads of xdist
]


class Ground:
    """A workspace of root with one branch of another user, and a directory *outside* with the same names, of root alone."""

    def __init__(self, root: Path) -> None:
        self.sample = Sample(root / "workspace", root / "reports")
        self.root, self.outside = self.sample.root, root / "outside"
        self.branch, self.mailbox = self.root / "api", self.root / "api" / "ai_mail.local"
        self.central, self.logs = self.root / "aipass_os" / "AI_CENTRAL", self.root / "system_logs"
        for top in (self.root, self.outside):
            for name in ("api/ai_mail.local/sent", "api/ai_mail.local/deleted", "system_logs"):
                (top / name).mkdir(parents=True)
            (top / "aipass_os" / "AI_CENTRAL").mkdir(parents=True)
            (top / "api/ai_mail.local/inbox.json").write_text(json.dumps({"messages": STALE}))
            (top / "api/API.local.json").write_text("{}\n")
            for name in ("HEALTH.central.json", "METRICS.central.json", "AI_MAIL.central.json"):
                (top / "aipass_os/AI_CENTRAL" / name).write_text("{}")
            (top / "aipass_os/AI_CENTRAL/METRICS.history.jsonl").touch()
        (self.outside / "api/API.local.json").write_text("\n" * 1000)
        self.outside.chmod(0o700)
        entry = {"name": "API", "path": str(self.branch), "email": "@api"}
        (self.root / "BRANCH_REGISTRY.json").write_text(json.dumps({"branches": [entry]}))
        given(*(path for path in self.root.rglob("*") if path.name != "BRANCH_REGISTRY.json"))
        self._mailbox, self.central_fd = (os.open(path, os.O_RDONLY) for path in (self.mailbox, self.central))

    def fill(self) -> None:
        """Put stale mails into the inbox, by the descriptor of its directory."""
        fd = os.open("inbox.json", os.O_WRONLY | os.O_TRUNC, dir_fd=self._mailbox)
        os.write(fd, json.dumps({"messages": STALE}).encode())
        os.close(fd)

    def exchanged(self, path: Path) -> Move:
        """Return the move that exchanges *path* with a link to the same name outside."""
        return exchange(path, self.outside / path.relative_to(self.root))


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    return Ground(tmp_path)


def send(ground: Ground) -> None:
    notice = Notice(recipient="@api", subject="[X]", body="text", upsert_key="k")
    number = os.urandom(4).hex()
    deliver(ground.root, notice, notice_id=number, sender="@api", now=NOW, zone=UTC)


def sweep(ground: Ground) -> None:
    ground.fill()
    workspace = Workspace.load(ground.root)
    branch = workspace.branches[0]
    Sweep(workspace.inside, Options(), NOW, UTC, "@x").sweep(branch)


def clean(ground: Ground) -> None:
    ground.fill()
    ground.sample.run(mail_cleanup)


def roll_over(ground: Ground) -> None:
    outcome = ground.sample.run(memory_rollover)
    assert not outcome.data.get("notified_files"), "the size of a file outside was read"


def measure(ground: Ground) -> None:
    ground.sample.run(metrics)


def count(ground: Ground) -> None:
    with suppress(OSError):
        os.unlink("AI_MAIL.central.json", dir_fd=ground.central_fd)
    recount_central(ground.root, now=NOW)


def write_line(ground: Ground) -> None:
    Log.of(ground.root / "state", ground.root, "UTC").write(0.0, "INFO", "line")


WAYS: dict[str, tuple[Callable[[Ground], object], Callable[[Ground], list[Path]]]] = {
    "delivery, mailbox": (send, lambda g: [g.mailbox]),
    "delivery, inbox": (send, lambda g: [g.mailbox / "inbox.json"]),
    "delivery, sent": (send, lambda g: [g.mailbox / "sent"]),
    "archive, mailbox": (sweep, lambda g: [g.mailbox]),
    "archive, deleted": (sweep, lambda g: [g.mailbox / "deleted"]),
    "cleanup, branch": (clean, lambda g: [g.branch]),
    "rollover, branch and file": (roll_over, lambda g: [g.branch, g.branch / "API.local.json"]),
    "report, branch": (lambda g: g.sample.run(daily_report), lambda g: [g.branch]),
    "metrics, central": (measure, lambda g: [g.central]),
    "metrics, files": (
        measure, lambda g: [g.central / "METRICS.central.json", g.central / "METRICS.history.jsonl"],
    ),
    "health, central": (lambda g: g.sample.run(health), lambda g: [g.central, g.central / "HEALTH.central.json"]),
    "counts, central": (count, lambda g: [g.central]),
    "log, directory": (write_line, lambda g: [g.logs]),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_a_link_that_another_user_swaps_in_leads_nothing_outside(ground: Ground, way: str) -> None:
    work, names = WAYS[way]
    given(ground.root)
    before = witness(ground.outside)

    assert repeat(lambda: work(ground), [ground.exchanged(path) for path in names(ground)]) > 0

    assert witness(ground.outside) == before


def test_a_mailbox_that_another_user_swaps_while_it_is_created_is_not_given_away(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provision, "SETTLING", 0)
    branch = Branch(name="API", address="@api", path=str(ground.branch), form=LATER)
    place, before = Path(branch.mailbox), witness(ground.outside)
    moves = [plant(place, ground.outside / "api")]

    assert repeat(lambda: provision.provide_mailbox(branch, str(ground.root)), moves) > 0

    assert witness(ground.outside) == before
    assert {path.lstat().st_uid for path in ground.branch.rglob("inbox.json")} == {UID}


def repeat(work: Callable[[], object], moves: list[Move]) -> int:
    """Do *work* again and again while the other user makes *moves*; return how often it was done."""
    done, end = 0, time.monotonic() + SECONDS
    with swapping(*moves):
        while time.monotonic() < end or (not done and time.monotonic() < end + 60):
            with suppress(OSError, ScheduledError):
                work()
                done += 1
    return done
