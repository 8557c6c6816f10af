"""Stale mail is opened, then closed, and told of once; whatever is odd about one mail is its own trouble alone."""

import json
import os
import stat
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from scheduled.core.conditions import Notice
from scheduled.handlers import mail_cleanup
from scheduled.handlers.workspace.delivery import deliver
from tests.fixtures.sample_workspace import NOW, Sample, mail, state_of

HOUR = timedelta(hours=1)
DAY = 24 * HOUR


def ago(age: timedelta) -> str:
    return f"{NOW - age:%Y-%m-%d %H:%M:%S}"


def statuses(sample: Sample, branch: str = "FLOW") -> dict[str, str]:
    return {message["id"]: message["status"] for message in sample.mails(branch)}


def away(sample: Sample, branch: str = "FLOW") -> list[Path]:
    return sorted(sample.inbox(branch).parent.glob("deleted/*_14*.json"))


@pytest.fixture
def calm(sample: Sample) -> Sample:
    """Nothing stale anywhere but in what a test puts there."""
    for branch in sample.expected["branches"]:
        sample.put(branch["name"])
        for path in sample.inbox(branch["name"]).parent.glob("deleted/*"):
            path.unlink()
    return sample


@pytest.mark.parametrize(
    ("message", "becomes"),
    [
        (mail(timestamp=ago(48 * HOUR)), ["new"]),
        (mail(timestamp=ago(48 * HOUR + timedelta(seconds=1))), ["opened"]),
        (mail(status="opened", timestamp=ago(7 * DAY)), ["opened"]),
        (mail(status="opened", timestamp=ago(7 * DAY + timedelta(seconds=1))), []),
        (mail(status="opened", timestamp=ago(30 * DAY), auto_opened_at=ago(6 * DAY)), ["opened"]),
        (mail(status="opened", timestamp=ago(30 * DAY), opened_at=ago(6 * DAY)), ["opened"]),
        (
            mail(
                status="opened", timestamp=ago(30 * DAY), opened_at=ago(6 * DAY), auto_opened_at=ago(8 * DAY)
            ),
            [],
        ),
        (mail(status="opened", timestamp=ago(30 * DAY), auto_opened_at="?"), ["opened"]),
        (mail(status="closed", timestamp=ago(30 * DAY)), ["closed"]),
        (mail(status=None, timestamp=ago(3 * DAY)), ["opened"]),
        (mail(status=None, read=True, timestamp=ago(30 * DAY)), [None]),
        (mail(timestamp="2026-02-01T13:59:59Z"), ["opened"]),
        (mail(timestamp="2026-02-01T15:59:59+02:00"), ["opened"]),
        (mail(timestamp="2026-02-01T16:00:00+02:00"), ["new"]),
        (mail(timestamp="2026-01-20T08:00:00.123456"), ["opened"]),
        (mail(timestamp="2027-01-01 00:00:00"), ["new"]),
        (mail(timestamp=ago(3 * DAY), auto_execute=True), ["new"]),
        (mail(timestamp=ago(3 * DAY), auto_execute=True, status="opened"), ["opened"]),
        (mail(timestamp=ago(3 * DAY), subject="[DAILY] x", **{"from": "@trigger"}), ["new"]),
        (mail(timestamp=ago(3 * DAY), subject="[DAILY] x", **{"from": "@seed"}), ["opened"]),
        (mail(timestamp=ago(9 * DAY), subject="[DAILY] x", status="opened", **{"from": "@trigger"}), []),
    ],
)
def test_the_rules(calm: Sample, message: dict[str, Any], becomes: list[Any]) -> None:
    calm.put("FLOW", message)

    calm.run(mail_cleanup)

    assert becomes == [found["status"] for found in calm.mails("FLOW")]
    assert len(becomes) + len(away(calm)) == 1


def test_naive_stamps_are_local_in_the_workspaces_zone(calm: Sample) -> None:
    """13:30 in Berlin is 12:30 UTC: more than 48 h before; in UTC it would be less."""
    calm.put("FLOW", mail(timestamp="2026-02-01 14:30:00"))

    calm.run(mail_cleanup, zone=ZoneInfo("Europe/Berlin"))

    assert statuses(calm) == {"0a1b2c3d": "opened"}
    assert calm.mails("FLOW")[0]["auto_opened_at"] == "2026-02-03T15:00:00"


def test_a_week_is_a_week_of_hours_also_across_a_clock_change(calm: Sample) -> None:
    now = NOW.replace(month=4, day=1)
    calm.put("FLOW", mail(status="opened", timestamp="2026-03-25 15:30:00"))

    calm.run(mail_cleanup, now=now.replace(hour=13), zone=ZoneInfo("Europe/Berlin"))

    assert statuses(calm) == {"0a1b2c3d": "opened"}


def test_an_opened_mail_says_when_and_by_whom_as_the_mail_program_would(calm: Sample) -> None:
    message = mail(timestamp=ago(3 * DAY))
    calm.put("FLOW", message)

    calm.run(mail_cleanup)

    added = {"read": True, "auto_opened": True, "auto_opened_at": "2026-02-03T14:00:00"}
    assert [message | {"status": "opened"} | added] == calm.mails("FLOW")


def test_a_closed_mail_lies_in_deleted_as_the_mail_program_would_put_it(calm: Sample) -> None:
    message = mail(status="opened", timestamp=ago(9 * DAY), subject="Ça: a/b?", extra=[1])
    calm.put("FLOW", message)

    calm.run(mail_cleanup)

    (path,) = away(calm)
    assert path.name == "20260203_140000_Ça_ a_b__0a1b2c3d.json"
    body = message | {"status": "closed", "read": True, "archived_at": "2026-02-03T14:00:00"}
    assert json.dumps(body, indent=2, ensure_ascii=False) == path.read_text()


def test_a_mail_new_for_months_is_opened_and_stays_for_a_week(calm: Sample) -> None:
    """Trap 3: by its timestamp it would be gone within the hour."""
    calm.put("FLOW", mail(timestamp=ago(90 * DAY)))

    found = []
    for age in (0 * HOUR, HOUR, 6 * DAY, 7 * DAY, 7 * DAY + HOUR):
        calm.run(mail_cleanup, now=NOW + age)
        found.append(statuses(calm).get("0a1b2c3d"))

    assert found == ["opened", "opened", "opened", "opened", None]


def test_archived_messages_do_not_come_back(calm: Sample) -> None:
    """Trap 1: saving a copy from before the archiving would bring them back."""
    calm.put(
        "FLOW", mail(id="a", status="opened", timestamp=ago(9 * DAY)), mail(id="b", timestamp=ago(3 * DAY))
    )

    calm.run(mail_cleanup)
    calm.run(mail_cleanup)

    assert statuses(calm) == {"b": "opened"}
    assert len(away(calm)) == 1


@pytest.mark.parametrize(
    "stamp", ["", "yesterday", None, 1770000000, [], "0001-01-01 00:00:00", "2026-13-01"]
)
def test_one_bad_timestamp_does_not_stop_the_others(calm: Sample, stamp: Any) -> None:
    """Trap 2: it ended the whole inbox, and dropped what was done before it."""
    bad = mail(id="bad", timestamp=stamp)
    calm.put("FLOW", mail(id="a", timestamp=ago(3 * DAY)), bad, mail(id="b", timestamp=ago(3 * DAY)))

    outcome = calm.run(mail_cleanup, zone=ZoneInfo("Asia/Tokyo"))

    assert statuses(calm) == {"a": "opened", "bad": "new", "b": "opened"}
    assert bad in calm.mails("FLOW")
    assert outcome.data["problems"][0].startswith("FLOW: message bad was skipped: ")
    assert calm.spoken.counts == {"auto_opened": 2, "errors": 1}


def test_what_is_no_message_stays_and_is_named(calm: Sample) -> None:
    calm.put("FLOW", "text", None, mail(timestamp=ago(3 * DAY)))

    outcome = calm.run(mail_cleanup)

    assert calm.mails("FLOW")[:2] == ["text", None]
    assert len(outcome.data["problems"]) == 2


def test_own_notices_never_breed_notices(calm: Sample) -> None:
    """Trap 4: a digest became stale itself, and was told of."""
    calm.put("FLOW", mail(timestamp=ago(3 * DAY)))
    told = []
    for number, age in enumerate(range(30)):
        outcome = calm.run(mail_cleanup, now=NOW + age * DAY)
        for notice in calm.notices(mail_cleanup, outcome):
            told.append(notice.subject)
            deliver(
                calm.root,
                notice,
                notice_id=f"{number:08x}",
                sender="@trigger",
                now=NOW + age * DAY,
                zone=ZoneInfo("UTC"),
            )

    assert told == ["[SCHEDULED] 1 stale mail opened"]


def test_another_sender_of_notices_is_known_as_own_too(calm: Sample) -> None:
    calm.put("FLOW", mail(timestamp=ago(3 * DAY), subject="[SCHEDULED] x", **{"from": "@clock"}))

    calm.run(mail_cleanup, sender="@clock")

    assert statuses(calm) == {"0a1b2c3d": "new"}


def test_a_waiting_dispatch_is_reported_and_not_cancelled(calm: Sample) -> None:
    """Trap 5: the dispatch daemon wants status new."""
    calm.put("FLOW", mail(timestamp=ago(3 * DAY), auto_execute=True))

    outcome = calm.run(mail_cleanup)

    assert outcome.data["waiting_dispatches"] == 1
    assert statuses(calm) == {"0a1b2c3d": "new"}


def test_a_branch_is_told_once_in_one_digest(calm: Sample) -> None:
    calm.put("FLOW", *(mail(id=str(n), timestamp=ago(3 * DAY), subject=f"Mail {n}") for n in range(30)))

    (digest,) = calm.notices(mail_cleanup, calm.run(mail_cleanup))
    again = calm.notices(mail_cleanup, calm.run(mail_cleanup, now=NOW + HOUR))

    expected = ("@flow", "[SCHEDULED] 30 stale mails opened", "low")
    assert expected == (digest.recipient, digest.subject, digest.priority)
    assert "Mail 19" in digest.body
    assert "- and 10 more" in digest.body
    assert not again


def test_a_crash_before_the_telling_loses_no_word(calm: Sample) -> None:
    """Who is to be told is read off the inbox: the next run states the same conditions."""
    calm.put("FLOW", mail(timestamp=ago(3 * DAY)))
    calm.run(mail_cleanup)
    said = {condition.key for condition in calm.spoken.conditions}

    calm.run(mail_cleanup)

    assert {"auto_opened:FLOW:0a1b2c3d"} == said == {condition.key for condition in calm.spoken.conditions}


def test_a_crash_between_archiving_and_removing_archives_once(
    calm: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    calm.put("FLOW", mail(status="opened", timestamp=ago(9 * DAY)))

    def crash(*_: object) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr("scheduled.handlers.formats.safe_files.temporary", crash)
        outcome = calm.run(mail_cleanup)
    assert (outcome.status, outcome.reason.startswith("FLOW: [Errno 5] Input/output error")) == (
        "failed",
        True,
    )
    assert statuses(calm) == {"0a1b2c3d": "opened"}

    calm.run(mail_cleanup, now=NOW + HOUR)

    assert statuses(calm) == {}
    assert len(list(calm.inbox("FLOW").parent.glob("deleted/*.json"))) == 1


def test_equal_subjects_in_one_second_are_two_files(calm: Sample) -> None:
    """The mail program's own rule loses one of them."""
    old = {"status": "opened", "timestamp": ago(9 * DAY)}
    calm.put(
        "FLOW", mail(id="a", **old), mail(id="b", **old), mail(id="a", message="another of that id", **old)
    )

    calm.run(mail_cleanup)

    texts = {json.loads(path.read_text())["message"] for path in away(calm)}
    assert (3, {"Text", "another of that id"}) == (len(away(calm)), texts)


@pytest.mark.parametrize("given", [None, "../../x", "a/b" * 100, 7, ""])
def test_any_id_can_be_put_away(calm: Sample, given: Any) -> None:
    calm.put("FLOW", mail(id=given, status="opened", timestamp=ago(9 * DAY), subject="\U0001d518" * 90))

    calm.run(mail_cleanup)

    (path,) = away(calm)
    assert given == json.loads(path.read_text())["id"]
    assert calm.mails("FLOW") == []


@pytest.mark.parametrize("text", [b"", b'{"messages": [', b"\x00" * 10, b'{"messages": {}}', b"[" * 100_000])
def test_a_mailbox_that_cannot_be_parsed_stays_byte_identical_and_is_alarmed(
    calm: Sample, text: bytes
) -> None:
    calm.inbox("FLOW").write_bytes(text)
    calm.put("API", mail(timestamp=ago(3 * DAY)))
    before = state_of(calm.path("FLOW"))

    outcome = calm.run(mail_cleanup)
    found = calm.notices(mail_cleanup, outcome)

    assert before == state_of(calm.path("FLOW"))
    assert statuses(calm, "API") == {"0a1b2c3d": "opened"}
    alarm = next(notice for notice in found if notice.recipient == "@dev_central")
    assert (alarm.priority, alarm.subject) == ("critical", "[SCHEDULED] Mailbox unreadable - FLOW")
    assert calm.spoken.counts == {"errors": 1, "auto_opened": 1}
    calm.put("FLOW")
    (relief,) = calm.notices(mail_cleanup, calm.run(mail_cleanup))
    assert relief.subject == "[SCHEDULED] Mailbox readable again - FLOW"


@pytest.mark.timeout(20)
@pytest.mark.parametrize("kind", ["fifo", "directory", "outside", "device", "huge"])
def test_what_is_no_inbox_of_the_workspace_is_reported_and_skipped(
    calm: Sample, tmp_path: Path, kind: str
) -> None:
    inbox = calm.inbox("FLOW")
    inbox.unlink()
    if kind == "fifo":
        os.mkfifo(inbox)
    elif kind == "directory":
        inbox.mkdir()
    elif kind == "outside":
        (tmp_path / "outside.json").write_text(json.dumps([mail(timestamp=ago(3 * DAY))]))
        inbox.symlink_to(tmp_path / "outside.json")
    elif kind == "device":
        inbox.symlink_to("/dev/zero")
    else:
        with inbox.open("wb") as file:
            file.truncate(1 << 40)
    calm.put("API", mail(timestamp=ago(3 * DAY)))

    outcome = calm.run(mail_cleanup)

    assert statuses(calm, "API") == {"0a1b2c3d": "opened"}
    assert outcome.data["problems"][0].startswith("FLOW: ")
    if kind == "outside":
        assert '"new"' in (tmp_path / "outside.json").read_text()


def test_a_mailbox_folder_that_leads_out_of_the_workspace_gets_no_mail(calm: Sample, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (calm.inbox("FLOW").parent / "deleted").rmdir()
    (calm.inbox("FLOW").parent / "deleted").symlink_to(tmp_path / "elsewhere")
    calm.put("FLOW", mail(status="opened", timestamp=ago(9 * DAY)))

    outcome = calm.run(mail_cleanup)

    assert statuses(calm) == {"0a1b2c3d": "opened"}
    assert not list((tmp_path / "elsewhere").iterdir())
    assert "is a link to outside" in outcome.data["problems"][0]


def test_an_inbox_that_cannot_be_written_fails_the_run_and_the_others_are_swept(
    calm: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    for branch in ("API", "FLOW"):
        calm.put(branch, mail(timestamp=ago(3 * DAY)))
    real = os.open

    def full(path: Any, flags: int, *rest: Any, **more: Any) -> int:
        if flags & os.O_CREAT and f"{calm.path('API')}/" in str(path):
            raise OSError(28, "No space left on device")
        return real(path, flags, *rest, **more)

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", full)
        outcome = calm.run(mail_cleanup)

    assert (outcome.status, outcome.reason) == ("failed", "API: [Errno 28] No space left on device")
    assert [statuses(calm, b) for b in ("API", "FLOW")] == [{"0a1b2c3d": "new"}, {"0a1b2c3d": "opened"}]


def test_a_mailbox_that_may_not_be_written_is_alarmed_and_fails_nobody_else(
    calm: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    for branch in ("API", "FLOW"):
        calm.put(branch, mail(timestamp=ago(3 * DAY)))
    real = os.open

    def forbid(path: Any, flags: int, *rest: Any, **more: Any) -> int:
        if flags & os.O_CREAT and f"{calm.path('API')}/" in str(path):
            raise PermissionError(13, "Permission denied")
        return real(path, flags, *rest, **more)

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", forbid)
        outcome = calm.run(mail_cleanup)

    assert outcome.status == "success"
    subjects = {notice.subject for notice in calm.notices(mail_cleanup, outcome)}
    assert subjects == {"[SCHEDULED] Mailbox not writable - API", "[SCHEDULED] 1 stale mail opened"}


def test_mode_link_and_the_bytes_of_other_mails_stay(calm: Sample) -> None:
    inbox = calm.inbox("FLOW")
    real = inbox.with_name("real.json")
    odd = '{ "id":"odd",  "timestamp" : "2026-02-03 12:00:00", "status":"new", "n":1.50e2 }'
    real.write_text('{"x":1,"messages":[\n' + odd + ",\n" + json.dumps(mail(timestamp=ago(3 * DAY))) + "]}\n")
    real.chmod(0o640)
    inbox.unlink()
    inbox.symlink_to("real.json")

    calm.run(mail_cleanup)

    text = real.read_text()
    assert inbox.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert text.startswith('{"x":1,"messages":[\n' + odd + ",\n")
    assert text.endswith("\n")
    assert statuses(calm) == {"odd": "new", "0a1b2c3d": "opened"}


def test_both_counters_are_right_after_an_edit(calm: Sample) -> None:
    """Trap 9: the centrals sum what the inboxes' counters say."""
    inbox = calm.put(
        "FLOW",
        mail(id="a", timestamp=ago(3 * DAY)),
        mail(id="b"),
        mail(id="c", status="opened", timestamp=ago(9 * DAY)),
    )
    inbox.write_text(inbox.read_text().replace('"unread_count": 2', '"unread_count": 40'))

    calm.run(mail_cleanup)

    document = json.loads(inbox.read_text())
    assert (document["total_messages"], document["unread_count"]) == (2, 1)
    central = json.loads((calm.root / "aipass_os/AI_CENTRAL/AI_MAIL.central.json").read_text())
    assert central["system_totals"] == {"total_unread": 1, "total_messages": 2}


def test_wrong_counters_alone_are_no_reason_to_write(calm: Sample) -> None:
    inbox = calm.put("FLOW", mail())
    inbox.write_text(inbox.read_text().replace('"unread_count": 1', '"unread_count": 40'))
    before = state_of(calm.path("FLOW"))

    calm.run(mail_cleanup)

    assert before == state_of(calm.path("FLOW"))


def test_a_branch_without_mail_is_no_trouble_here(calm: Sample) -> None:
    calm.inbox("FLOW").unlink()

    outcome = calm.run(mail_cleanup)

    assert (outcome.status, outcome.data["problems"]) == ("success", [])


def test_the_event_is_published_each_run(calm: Sample) -> None:
    calm.run(mail_cleanup)

    payload = {"auto_opened": 0, "auto_closed": 0, "errors": 0, "timestamp": "2026-02-03T14:00:00"}
    assert [("mail_cleanup_complete", payload)] == calm.spoken.events


def test_a_digest_quotes_subjects_as_words(calm: Sample) -> None:
    calm.put("FLOW", mail(timestamp=ago(3 * DAY), subject="x\n# Ignore <b>all</b> [this](http://x)"))

    (digest,) = calm.notices(mail_cleanup, calm.run(mail_cleanup))

    assert isinstance(digest, Notice)
    assert "\n# Ignore" not in digest.body
    assert "<b>" not in digest.body.replace("\\<b", "")


def test_while_an_inbox_is_unreadable_what_was_told_of_it_stays_told(calm: Sample) -> None:
    inbox = calm.put("FLOW", mail(timestamp=ago(3 * DAY)))
    told = [notice.subject for notice in calm.notices(mail_cleanup, calm.run(mail_cleanup))]
    whole = inbox.read_bytes()
    for data in (whole[:40], whole):
        inbox.write_bytes(data)
        told += [notice.subject for notice in calm.notices(mail_cleanup, calm.run(mail_cleanup))]

    assert told == [
        "[SCHEDULED] 1 stale mail opened",
        "[SCHEDULED] Mailbox unreadable - FLOW",
        "[SCHEDULED] Mailbox readable again - FLOW",
    ]
