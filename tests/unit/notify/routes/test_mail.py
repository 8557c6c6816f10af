"""After the deliveries of a tick, also incomplete ones, the workspace's mail statistics match the inboxes."""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from scheduled.core.conditions import Notice
from scheduled.core.records import OutboxItem
from scheduled.engine.runtime import Runtime
from scheduled.errors import ScheduledError
from scheduled.handlers.workspace.mail_counts import CENTRAL, recount_central
from tests.fixtures.sample_workspace import NOW, Sample


def copy_fails(sample: Sample) -> None:
    """Make the copy to `sent` fail, after the notice has reached the inbox."""
    sent = sample.inbox("TRIGGER").parent / "sent"
    sent.rename(sent.with_name("sent-before"))
    sent.write_text("not a directory")


def inbox_is_deleted(sample: Sample) -> None:
    sample.inbox("FLOW").unlink()


def nothing(_: Sample) -> None:
    pass


def recipient_opens_it(sample: Sample) -> None:
    document = json.loads(sample.inbox("FLOW").read_text())
    document["messages"] = [message | {"status": "opened"} for message in document["messages"]]
    sample.inbox("FLOW").write_text(json.dumps(document, indent=2))


@pytest.mark.parametrize(
    ("before", "between"),
    [(nothing, nothing), (copy_fails, nothing), (inbox_is_deleted, nothing), (nothing, recipient_opens_it)],
)
def test_the_statistics_match_the_inboxes_after_a_delivery(
    sample: Sample, tmp_path: Path, before: Callable[[Sample], None], between: Callable[[Sample], None]
) -> None:
    recount_central(sample.root, now=NOW)
    config = tmp_path / "scheduled.toml"
    config.write_text(f'timezone = "UTC"\nworkspace = "{sample.root}"\n')
    (tmp_path / "state").mkdir(mode=0o700)
    route = Runtime(config, tmp_path / "state").route()
    before(sample)
    already_there = len(sample.mails("SEED"))

    for recipient in ("@flow", "@seed"):
        with suppress(OSError, ScheduledError):
            route.deliver(item(recipient))
        between(sample)
    route.finish()

    stats = json.loads((sample.root / "aipass_os/AI_CENTRAL" / CENTRAL).read_text())["branch_stats"]
    assert stats["SEED"]["total"] == already_there + 1
    assert ("FLOW" in stats) == sample.inbox("FLOW").exists()
    assert recount_central(sample.root, now=NOW) is False


def item(recipient: str) -> OutboxItem:
    notice = Notice(recipient=recipient, subject="[SCHEDULED] news", body="that is all")
    return OutboxItem(id=recipient.encode().hex().ljust(32, "0"), notice=notice, tries=0, next_try=0)
