"""Notices are delivered once, in the format of the mail program; the central file gets counted numbers of mails."""

import json
import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from scheduled.core.conditions import Notice
from scheduled.handlers.formats.mailbox_files import BusyMailboxError, UnreadableMailboxError
from scheduled.handlers.workspace.delivery import (
    MailboxError,
    NoMailboxError,
    UnknownRecipientError,
    deliver,
)
from scheduled.handlers.workspace.mail_counts import recount_central
from tests.fixtures.sample_workspace import NOW, Sample, mail, state_of

NOTICE = Notice(recipient="@flow", subject="[MEMORY] Größe: 612/600", body="Über\nlang", priority="normal")
ID = "0badcafe" + "0" * 24
CENTRAL = "aipass_os/AI_CENTRAL/AI_MAIL.central.json"


def send(
    sample: Sample, notice: Notice = NOTICE, notice_id: str = ID, now: datetime = NOW, **given: Any
) -> None:
    defaults = {"sender": "@trigger", "zone": ZoneInfo("UTC")}
    deliver(sample.root, notice, notice_id=notice_id, now=now, **defaults | given)


def sent(sample: Sample, since: set[Path]) -> list[Path]:
    return sorted(set(sample.inbox("TRIGGER").parent.glob("sent/*")) - since)


def test_a_notice_is_the_newest_message_in_the_format_of_the_mail_program(sample: Sample) -> None:
    before = json.loads(sample.inbox("FLOW").read_text())

    send(sample, zone=ZoneInfo("Europe/Berlin"))

    message = {
        "id": "0badcafe",
        "timestamp": "2026-02-03 15:00:00",
        "from": "@trigger",
        "from_name": "TRIGGER",
        "subject": "[MEMORY] Größe: 612/600",
        "message": "Über\nlang",
        "status": "new",
        "auto_execute": False,
        "priority": "normal",
    }
    expected = before | {"total_messages": 13, "unread_count": 9, "messages": [message, *before["messages"]]}
    assert json.dumps(expected, indent=2, ensure_ascii=False) == sample.inbox("FLOW").read_text()


def test_the_sender_gets_a_copy_in_the_format_of_the_mail_program(sample: Sample) -> None:
    before = set(sample.inbox("TRIGGER").parent.glob("sent/*"))

    send(sample)

    (copy,) = sent(sample, before)
    assert copy.name == "20260203_140000__MEMORY_ Größe_ 612_600_0badcafe.json"
    body = {
        "from": "@trigger",
        "from_name": "TRIGGER",
        "to": "@flow",
        "subject": "[MEMORY] Größe: 612/600",
        "message": "Über\nlang",
        "timestamp": "2026-02-03 14:00:00",
        "status": "sent",
    }
    assert json.dumps(body, indent=2) == copy.read_text()


def test_a_second_delivery_is_recognised_in_the_inbox(sample: Sample) -> None:
    send(sample)
    before = state_of(sample.root)

    send(sample, now=NOW + timedelta(hours=1))

    assert before == state_of(sample.root)


@pytest.mark.parametrize("folder", ["deleted", ".archive/deleted"])
def test_a_second_delivery_is_recognised_after_the_first_message_was_archived(
    sample: Sample, folder: str
) -> None:
    """The mail program names archived mails by time and subject, without the id."""
    send(sample)
    message, *others = sample.mails("FLOW")
    sample.put("FLOW", *others)
    archived = sample.inbox("FLOW").parent / folder / "20260203_141500__MEMORY_ Größe_ 612_600.json"
    archived.parent.mkdir(parents=True, exist_ok=True)
    archived.write_text(json.dumps(message | {"status": "closed", "read": True}))
    before = state_of(sample.root)

    send(sample, now=NOW + timedelta(hours=1))

    assert before == state_of(sample.root)


def test_a_second_delivery_writes_a_missing_copy(sample: Sample) -> None:
    """Without this, a crash between inbox and copy would leave the sender without a copy."""
    before = set(sample.inbox("TRIGGER").parent.glob("sent/*"))
    send(sample)
    (copy,) = sent(sample, before)
    copy.unlink()

    send(sample)

    assert [copy] == sent(sample, before)


def test_equal_subjects_in_one_second_are_two_copies(sample: Sample) -> None:
    before = set(sample.inbox("TRIGGER").parent.glob("sent/*"))

    send(sample)
    send(sample, notice_id="1" * 32)

    assert len(sent(sample, before)) == 2


def test_a_mail_of_another_sender_with_the_same_id_is_not_the_notice(sample: Sample) -> None:
    sample.put("FLOW", mail(id="0badcafe", **{"from": "@api"}))

    send(sample)

    assert [message["from"] for message in sample.mails("FLOW")] == ["@trigger", "@api"]


def test_an_address_of_no_branch_is_an_error(sample: Sample) -> None:
    before = state_of(sample.root)

    with pytest.raises(UnknownRecipientError, match="@unknown"):
        send(sample, Notice(recipient="@unknown", subject="x", body="y"))

    assert before == state_of(sample.root)


def test_a_missing_inbox_is_never_created(sample: Sample) -> None:
    sample.inbox("FLOW").unlink()
    before = {name for name in state_of(sample.root) if not name.endswith(".inbox.lock")}

    with pytest.raises(NoMailboxError, match="FLOW has no inbox"):
        send(sample)

    assert before == {name for name in state_of(sample.root) if not name.endswith(".inbox.lock")}


def test_a_damaged_inbox_is_not_changed(sample: Sample) -> None:
    sample.inbox("FLOW").write_bytes(b'{"messages": [')

    with pytest.raises(UnreadableMailboxError, match="cannot be parsed"):
        send(sample)

    assert sample.inbox("FLOW").read_bytes() == b'{"messages": ['


def test_a_sender_without_a_mailbox_gets_no_copy(sample: Sample) -> None:
    send(sample, sender="@outsider")

    assert sample.mails("FLOW")[0]["from_name"] == "OUTSIDER"


def test_an_inbox_in_an_older_layout_is_migrated(sample: Sample) -> None:
    sample.inbox("FLOW").write_text(json.dumps([mail(id="1")]))

    send(sample)

    document = json.loads(sample.inbox("FLOW").read_text())
    expected = {"mailbox": "inbox", "total_messages": 2, "unread_count": 2}
    assert expected == {key: document[key] for key in expected}


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files away, which only root may")
def test_files_that_root_creates_in_a_mailbox_belong_to_its_owner(sample: Sample) -> None:
    mailbox = sample.inbox("FLOW").parent
    for path in (mailbox, sample.inbox("FLOW"), sample.inbox("TRIGGER"), sample.inbox("TRIGGER").parent):
        os.chown(path, 4242, 4242)
    sample.inbox("FLOW").chmod(0o600)
    before = set(sample.inbox("TRIGGER").parent.glob("sent/*"))

    send(sample)

    made = [sample.inbox("FLOW"), mailbox / ".inbox.lock", *sent(sample, before)]
    assert {4242} == {path.stat().st_uid for path in made}
    assert stat.S_IMODE((mailbox / ".inbox.lock").stat().st_mode) == 0o600


def test_waiting_for_a_held_lock_ends_with_an_error(sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    monkeypatch.setattr("scheduled.handlers.formats.mailbox_files.LOCK_TIMEOUT", 0.05)
    with (sample.inbox("FLOW").parent / ".inbox.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        with pytest.raises(BusyMailboxError, match="held by another program"):
            send(sample)


@pytest.mark.timeout(10)
@pytest.mark.parametrize("kind", ["fifo", "symlink", "directory"])
def test_a_lock_that_is_not_a_regular_file_is_an_error_and_does_not_block(sample: Sample, kind: str) -> None:
    lock = sample.inbox("FLOW").parent / ".inbox.lock"
    makers = {
        "fifo": os.mkfifo,
        "symlink": lambda path: path.symlink_to("/tmp/elsewhere"),
        "directory": Path.mkdir,
    }
    makers[kind](lock)

    with pytest.raises(UnreadableMailboxError, match="not a regular file"):
        send(sample)


def test_recounting_does_not_write_a_correct_central_file(sample: Sample) -> None:
    before = state_of(sample.root)

    assert recount_central(sample.root, now=NOW) is False
    assert before == state_of(sample.root)


def test_recounting_counts_messages_and_ignores_the_counters(sample: Sample) -> None:
    inbox = sample.put("FLOW", mail(), mail(), mail(status="opened"))
    inbox.write_text(inbox.read_text().replace('"total_messages": 3', '"total_messages": 99'))

    assert recount_central(sample.root, now=datetime(2026, 2, 4, tzinfo=UTC)) is True

    central = json.loads((sample.root / CENTRAL).read_text())
    assert central["branch_stats"]["FLOW"] == {"unread": 2, "total": 3}
    totals = {"total_unread": 72 - 8 + 2, "total_messages": 122 - 12 + 3}
    assert totals == central["system_totals"]
    assert central["last_updated"] == "2026-02-04"


def test_only_the_given_addresses_and_branches_without_counts_are_recounted(
    sample: Sample,
) -> None:
    for name in ("FLOW", "SEED", "DRONE"):
        sample.put(name, mail())
    central = json.loads((sample.root / CENTRAL).read_text())
    before = dict(central["branch_stats"])
    del central["branch_stats"]["DRONE"]
    central["branch_stats"]["SEED"] = None
    (sample.root / CENTRAL).write_text(json.dumps(central, indent=2))

    recount_central(sample.root, now=NOW, only=["flow", "@unknown"])

    after = json.loads((sample.root / CENTRAL).read_text())
    one = {"unread": 1, "total": 1}
    assert before | {"FLOW": one, "DRONE": one, "SEED": one} == after["branch_stats"]
    assert after["system_totals"]["total_messages"] == sum(
        each["total"] for each in after["branch_stats"].values()
    )


def test_recounting_preserves_unknown_keys_order_and_style(sample: Sample) -> None:
    path = sample.root / CENTRAL
    central = json.loads(path.read_text())
    central["note"] = "ours"
    central["branch_stats"]["SEED"]["last"] = "today"
    path.write_text(json.dumps(central, indent=4) + "\n")
    sample.put("FLOW")

    recount_central(sample.root, now=NOW)

    central["branch_stats"]["FLOW"] = {"unread": 0, "total": 0}
    central["system_totals"] = {"total_unread": 64, "total_messages": 110}
    assert json.dumps(central, indent=4) + "\n" == path.read_text()


@pytest.mark.parametrize("stale", ["GONE", "GONE\ud83d"])
@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "1e+16", "1e16", "-0.0", "123456789012345678901234567890"]
)
def test_recounting_preserves_the_numbers_of_other_programs(sample: Sample, number: str, stale: str) -> None:
    path = sample.root / CENTRAL
    central = json.loads(path.read_text())
    central["branch_stats"][stale] = {"unread": 0, "total": 0}
    # `json.dumps` writes half of a surrogate pair as an escape in a text without other escapes.
    text = json.dumps({**central, "mine": 4711}, indent=2).replace("4711", number)
    path.write_text(text)

    recount_central(sample.root, now=NOW)

    after = path.read_text()
    assert "GONE" not in after
    assert repr(json.loads(text)["mine"]) == repr(json.loads(after)["mine"])


def test_an_unreadable_inbox_keeps_its_previous_counts(sample: Sample) -> None:
    sample.inbox("FLOW").write_bytes(b"{")
    before = (sample.root / CENTRAL).read_bytes()

    recount_central(sample.root, now=NOW)

    assert before == (sample.root / CENTRAL).read_bytes()


def test_a_branch_without_an_inbox_is_removed_from_the_central_file(sample: Sample) -> None:
    sample.inbox("FLOW").unlink()

    recount_central(sample.root, now=NOW)

    assert "FLOW" not in json.loads((sample.root / CENTRAL).read_text())["branch_stats"]


def test_a_damaged_central_file_is_an_error_and_is_not_changed(sample: Sample) -> None:
    (sample.root / CENTRAL).write_bytes(b'{"branch_stats"')

    with pytest.raises(MailboxError, match=r"AI_MAIL\.central\.json cannot be parsed"):
        recount_central(sample.root, now=NOW)

    assert (sample.root / CENTRAL).read_bytes() == b'{"branch_stats"'


def test_a_missing_central_file_is_created(sample: Sample) -> None:
    before = json.loads((sample.root / CENTRAL).read_text())
    (sample.root / CENTRAL).unlink()

    recount_central(sample.root, now=NOW)

    assert before == json.loads((sample.root / CENTRAL).read_text())


@pytest.mark.parametrize(("inbox", "lock"), [(0o644, 0o600), (0o664, 0o660), (0o666, 0o666), (0o640, 0o600)])
@pytest.mark.parametrize("existing", [None, 0o644, 0o666])
def test_a_lock_file_is_open_only_to_those_that_may_write_the_inbox(
    sample: Sample, inbox: int, lock: int, existing: int | None
) -> None:
    """A program that may read a lock file can hold the lock for ever."""
    path = sample.inbox("FLOW").parent / ".inbox.lock"
    sample.inbox("FLOW").chmod(inbox)
    if existing is not None:
        path.touch()
        path.chmod(existing)

    send(sample)

    assert stat.S_IMODE(path.stat().st_mode) == lock & (lock if existing is None else existing)
