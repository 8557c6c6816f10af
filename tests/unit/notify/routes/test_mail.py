"""After the deliveries of a tick, also incomplete ones, the workspace's mail statistics match the inboxes."""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from scheduled.core.conditions import Notice
from scheduled.core.records import OutboxItem
from scheduled.engine import outgoing
from scheduled.engine.runtime import Runtime
from scheduled.errors import ScheduledError
from scheduled.handlers.workspace import mail_counts
from scheduled.handlers.workspace.delivery import UnknownRecipientError
from scheduled.handlers.workspace.mail_counts import CENTRAL, recount_central
from scheduled.notify.routes.base import Route, UndeliverableError
from tests.fixtures.later_workspace import LaterSample
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
    route = route_to(sample, tmp_path)
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


def test_an_inbox_is_not_read_again_for_the_statistics(
    sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    route = route_to(sample, tmp_path)
    route.deliver(item("@seed"))
    read: list[str] = []
    monkeypatch.setattr(mail_counts, "read_inbox", lambda branch, *_: read.append(branch.name))

    route.finish()

    assert "SEED" not in read


def test_a_delivery_that_was_not_recorded_is_not_repeated_after_the_mail_is_gone(
    later: LaterSample, tmp_path: Path
) -> None:
    """The mail program of the later form deletes closed mails: neither the inbox nor an archive has it then."""
    route = route_to(later, tmp_path)
    route.deliver(item("@seed"))
    later.put("SEED")

    again = route_to(later, tmp_path)
    again.deliver(item("@seed"))

    assert later.mails("SEED") == []
    again.recorded(item("@seed"))
    assert not (tmp_path / "state" / "delivered").exists()


def test_an_address_that_no_branch_has_is_undeliverable(later: LaterSample, tmp_path: Path) -> None:
    with pytest.raises(
        UndeliverableError, match="no branch has the mail address @nowhere; correct the address"
    ):
        route_to(later, tmp_path).deliver(item("@nowhere"))

    later.register({"name": "BAD"})
    with pytest.raises(UnknownRecipientError):
        route_to(later, tmp_path).deliver(item("@nowhere"))


def route_to(sample: Sample, directory: Path) -> Route:
    config = directory / "scheduled.toml"
    config.write_text(f'timezone = "UTC"\nworkspace = "{sample.root}"\n')
    (directory / "state").mkdir(mode=0o700, exist_ok=True)
    return outgoing.route(Runtime(config, directory / "state"))


def item(recipient: str) -> OutboxItem:
    notice = Notice(recipient=recipient, subject="[SCHEDULED] news", body="that is all")
    return OutboxItem(id=recipient.encode().hex().ljust(32, "0"), notice=notice, tries=0, next_try=0)
