"""Mail in the later form: mailboxes are provisioned, new fields stay, unread reports are replaced."""

import json
import os
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from scheduled.core.conditions import Notice
from scheduled.handlers import daily_report, health, mail_cleanup, memory_rollover
from scheduled.handlers.workspace.delivery import NoMailboxError, UnknownRecipientError, deliver
from scheduled.handlers.workspace.mail_counts import recount_central
from scheduled.handlers.workspace.workspace import Workspace
from tests.fixtures.later_workspace import LaterSample
from tests.fixtures.sample_workspace import NOW, Sample, mail

ID = "0badcafe" + "0" * 24
LATER_ID = "1badcafe" + "0" * 24


def send(sample: Sample, to: str = "@seed", notice_id: str = ID, key: str = "", **given: Any) -> None:
    fields = {"subject": "[DAILY] one", "body": "text", **given}
    notice = Notice(recipient=to, upsert_key=key, **fields)
    deliver(sample.root, notice, notice_id=notice_id, sender="@trigger", now=NOW, zone=ZoneInfo("UTC"))


def deleted(sample: Sample, branch: str) -> list[Path]:
    return sorted((sample.inbox(branch).parent / "deleted").iterdir())


def test_the_first_mail_makes_the_mailbox_with_the_owner_of_the_branch(later: LaterSample) -> None:
    later.path("SEED").chmod(0o750)

    send(later)

    inbox = later.inbox("SEED")
    document = json.loads(inbox.read_text())
    assert (document["total_messages"], document["unread_count"]) == (1, 1)
    assert sorted(os.listdir(inbox.parent)) == [".inbox.lock", "inbox.json", "sent"]
    assert (inbox.parent.stat().st_mode & 0o777, inbox.stat().st_mode & 0o777) == (0o750, 0o640)


def test_no_mailbox_is_made_for_a_branch_without_a_directory(later: LaterSample) -> None:
    later.path("SEED").rmdir()

    with pytest.raises(NoMailboxError):
        send(later)

    assert not later.path("SEED").exists()


def test_no_mailbox_is_made_outside_the_workspace(later: LaterSample, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (later.path("SEED") / ".ai_mail.local").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(Exception, match="outside"):
        send(later)

    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_in_the_first_form_no_mailbox_is_made(sample: Sample) -> None:
    sample.inbox("SEED").unlink()

    with pytest.raises(NoMailboxError):
        send(sample)


def test_a_branch_without_a_mailbox_is_healthy_and_gets_no_directory(later: LaterSample) -> None:
    outcome = later.run(health)
    later.run(mail_cleanup)

    assert (outcome.data["healthy"], outcome.data["errors"]) == (5, 0)
    assert not any(later.inbox(branch).parent.exists() for branch in ("SEED", "FLOW"))


def test_nothing_is_created_where_the_other_form_would_have_it(later: LaterSample, sample: Sample) -> None:
    for handler in (health, mail_cleanup, daily_report):
        later.run(handler)
        sample.run(handler)

    assert sorted(os.listdir(later.root)) == [".ai_central", "AIPASS_REGISTRY.json", "src"]
    assert not (sample.root / ".ai_central").exists()


def test_the_copy_of_the_sender_has_the_name_and_id_of_the_mail_program(later: LaterSample) -> None:
    later.put("TRIGGER")

    send(later)

    (copy,) = (later.inbox("TRIGGER").parent / "sent").iterdir()
    (received,) = later.mails("SEED")
    assert copy.name == "20260203_140000_0badcafe_[DAILY] one.json".replace("[", "_").replace("]", "_")
    assert json.loads(copy.read_text())["id"] == received["sent_id"] == "0badcafe"


def test_a_closed_mail_keeps_its_new_fields_and_has_its_id_in_the_name(later: LaterSample) -> None:
    fields = {"sent_id": "ab", "reply_path": "/x", "in_reply_to": "cd", "upsert_key": "k", "updates": 3}
    later.put("SEED", mail(status="opened", timestamp="2026-01-01 12:00:00", **fields))

    later.run(mail_cleanup)

    (path,) = deleted(later, "SEED")
    closed = json.loads(path.read_text())
    assert path.name == "20260203_140000_0a1b2c3d_Plan.json"
    assert {key: closed[key] for key in fields} == fields


def test_a_mail_that_the_mail_program_closed_is_not_delivered_again(later: LaterSample) -> None:
    send(later)
    (received,) = later.mails("SEED")
    later.put("SEED")
    folder = later.inbox("SEED").parent / "deleted"
    folder.mkdir()
    (folder / "20260203_150000_0badcafe__DAILY_ one.json").write_text(json.dumps(received))

    send(later)

    assert later.mails("SEED") == []


@pytest.mark.parametrize("form", ["later", "sample"])
def test_an_unread_report_is_replaced_and_an_opened_one_stays(
    form: str, request: pytest.FixtureRequest
) -> None:
    found: Sample = request.getfixturevalue(form)
    found.put("SEED", mail(id="first"))
    send(found, key="report")
    send(found, notice_id=LATER_ID, key="report", subject="[DAILY] two", body="new text")

    replaced = found.mails("SEED")[0]
    assert [m["id"] for m in found.mails("SEED")] == ["0badcafe", "first"]
    assert (replaced["subject"], replaced["message"], replaced["status"]) == (
        "[DAILY] two",
        "new text",
        "new",
    )
    assert (replaced["updates"], replaced["last_updated"]) == (2, "2026-02-03 14:00:00")

    found.put("SEED", replaced | {"status": "opened"})
    send(found, notice_id="2" * 32, key="report", subject="[DAILY] three")
    assert [m["subject"] for m in found.mails("SEED")] == ["[DAILY] three", "[DAILY] two"]


def test_a_report_that_replaced_another_is_not_delivered_again(later: LaterSample) -> None:
    send(later, key="report")
    send(later, notice_id=LATER_ID, key="report", subject="[DAILY] two")
    (received,) = later.mails("SEED")

    send(later, notice_id=LATER_ID, key="report", subject="[DAILY] two")
    assert later.mails("SEED") == [received]

    later.put("SEED")
    folder = later.inbox("SEED").parent / "deleted"
    folder.mkdir()
    (folder / "20260203_150000_0badcafe__DAILY_ two.json").write_text(json.dumps(received))
    send(later, notice_id=LATER_ID, key="report", subject="[DAILY] two")
    assert later.mails("SEED") == []


def test_a_report_with_another_key_or_sender_is_not_replaced(later: LaterSample) -> None:
    later.put("SEED", mail(upsert_key="report"))

    send(later, key="report")
    send(later, notice_id=LATER_ID, key="other")

    assert len(later.mails("SEED")) == 3


def test_an_odd_counter_of_updates_is_continued(later: LaterSample) -> None:
    for before, after in (("7", 8), (None, 2), ([], 2), (-3, 2)):
        later.put("SEED", mail(**{"from": "@trigger", "upsert_key": "k", "updates": before}))
        send(later, key="k")
        assert later.mails("SEED")[0]["updates"] == after


def test_a_notice_about_what_is_now_replaces_an_earlier_one(later: LaterSample) -> None:
    later.run(daily_report)
    (report,) = later.report.notices
    later.remember("SEED", sessions=[{}] * 20)
    later.put("SEED", *(mail(id=f"m{n}", timestamp=f"2026-01-0{n} 12:00:00") for n in (1, 2)))
    found = [
        notice
        for handler in (health, memory_rollover, mail_cleanup)
        for notice in later.notices(handler, later.run(handler))
    ]

    assert report.upsert_key == "scheduled:daily_report"
    assert [notice.upsert_key for notice in found] == [
        "scheduled:health",
        "scheduled:memory:SEED:local.json",
        "",  # an earlier digest has mails that this one does not have
    ]


def test_a_digest_lists_the_mails_that_were_opened_before(later: LaterSample) -> None:
    later.put("SEED", mail(id="old", timestamp="2026-01-31 12:00:00"))
    later.notices(mail_cleanup, later.run(mail_cleanup))
    (opened,) = later.mails("SEED")
    later.put("SEED", mail(id="new", timestamp="2026-01-31 13:00:00"), opened)

    (digest,) = later.notices(mail_cleanup, later.run(mail_cleanup))

    new, before = digest.body.split("### Opened Before")
    assert ("new from" in new, "old from" in new, "old from" in before) == (True, False, True)
    assert digest.subject == "[SCHEDULED] 1 stale mail opened"


def test_branches_of_projects_are_not_in_the_central_file(later: LaterSample) -> None:
    (later.root / "projects/shop").mkdir(parents=True)
    later.registry("SHOP_REGISTRY.json", [{"name": "SHOP", "path": "."}], "projects/shop")
    send(later, "@shop")
    send(later, "@seed")

    recount_central(later.root, now=NOW)

    document = json.loads((later.central / "AI_MAIL.central.json").read_text())
    assert document["branch_stats"] == {"SEED": {"unread": 1, "total": 1}}


def test_an_unknown_address_is_final_only_if_the_registries_are_whole(later: LaterSample) -> None:
    with pytest.raises(UnknownRecipientError) as whole:
        send(later, "@nowhere")
    later.register({"name": "BAD"})
    with pytest.raises(UnknownRecipientError) as damaged:
        send(later, "@nowhere")

    assert (whole.value.final, damaged.value.final) == (True, False)
    assert Workspace.load(later.root).form.name == "later"


def test_a_notice_that_is_not_read_for_a_month_is_archived(later: LaterSample) -> None:
    """One that was replaced counts from its newest text."""
    own = {"from": "@trigger", "subject": "[SCHEDULED] x", "timestamp": "2026-01-01 12:00:00"}
    later.put("SEED", mail(id="old", **own), mail(id="new", last_updated="2026-01-20 12:00:00", **own))

    later.run(mail_cleanup)

    assert [m["id"] for m in later.mails("SEED")] == ["new"]
    assert len(deleted(later, "SEED")) == 1
    assert later.notices(mail_cleanup, later.run(mail_cleanup)) == []


def test_a_replaced_mail_that_was_opened_counts_from_its_newest_text(later: LaterSample) -> None:
    later.put(
        "SEED", mail(status="opened", timestamp="2026-01-01 12:00:00", last_updated="2026-02-03 13:00:00")
    )

    later.run(mail_cleanup)

    assert len(later.mails("SEED")) == 1
