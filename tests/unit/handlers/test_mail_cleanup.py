"""Stale mail is opened, later closed, and reported once; a problem with one mail does not affect the others."""

import fcntl
import json
import os
import stat
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from scheduled.core.conditions import Notice
from scheduled.core.events import PUBLISHED
from scheduled.handlers import mail_cleanup
from scheduled.handlers.formats import mailbox_files, message
from scheduled.handlers.formats.message import Mail
from scheduled.handlers.workspace import cache
from scheduled.handlers.workspace.delivery import deliver
from scheduled.state.opened_record import RECORDED
from tests.fixtures.sample_workspace import NOW, Sample, mail, state_of

HOUR = timedelta(hours=1)
DAY = 24 * HOUR


def ago(age: timedelta) -> str:
    return f"{NOW - age:%Y-%m-%d %H:%M:%S}"


def statuses(sample: Sample, branch: str = "FLOW") -> dict[str, str]:
    return {message["id"]: message["status"] for message in sample.mails(branch)}


def archived(sample: Sample, branch: str = "FLOW") -> list[Path]:
    """Return the files in `deleted/` that a sweep at NOW or a few minutes later wrote."""
    return sorted(sample.inbox(branch).parent.glob("deleted/*_14*.json"))


@pytest.fixture
def calm(sample: Sample) -> Sample:
    """A workspace with empty inboxes, so that only a test's own mails can be stale."""
    for branch in sample.expected["branches"]:
        sample.put(branch["name"])
        for path in sample.inbox(branch["name"]).parent.glob("deleted/*"):
            path.unlink()
    return sample


@pytest.mark.parametrize(
    ("message", "statuses_after"),
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
def test_the_rules_for_stale_mail(calm: Sample, message: dict[str, Any], statuses_after: list[Any]) -> None:
    calm.put("FLOW", message)

    calm.run(mail_cleanup)

    assert statuses_after == [found["status"] for found in calm.mails("FLOW")]
    assert len(statuses_after) + len(archived(calm)) == 1


def test_naive_timestamps_are_local_in_the_workspaces_zone(calm: Sample) -> None:
    """14:30 in Berlin is 13:30 UTC, more than 48 h before; 14:30 UTC would be less."""
    calm.put("FLOW", mail(timestamp="2026-02-01 14:30:00"))

    calm.run(mail_cleanup, zone=ZoneInfo("Europe/Berlin"))

    assert statuses(calm) == {"0a1b2c3d": "opened"}
    assert calm.mails("FLOW")[0]["auto_opened_at"] == "2026-02-03T15:00:00"


def test_seven_days_are_168_hours_across_a_clock_change_too(calm: Sample) -> None:
    now = NOW.replace(month=4, day=1)
    calm.put("FLOW", mail(status="opened", timestamp="2026-03-25 15:30:00"))

    calm.run(mail_cleanup, now=now.replace(hour=13), zone=ZoneInfo("Europe/Berlin"))

    assert statuses(calm) == {"0a1b2c3d": "opened"}


def test_an_opened_mail_is_marked_as_opened_automatically_with_the_time(calm: Sample) -> None:
    message = mail(timestamp=ago(3 * DAY))
    calm.put("FLOW", message)

    calm.run(mail_cleanup)

    added = {"read": True, "auto_opened": True, "auto_opened_at": "2026-02-03T14:00:00"}
    assert [message | {"status": "opened"} | added] == calm.mails("FLOW")


def test_a_closed_mail_is_in_deleted_in_the_format_of_the_mail_program(calm: Sample) -> None:
    message = mail(status="opened", timestamp=ago(9 * DAY), subject="Ça: a/b?", extra=[1])
    calm.put("FLOW", message)

    calm.run(mail_cleanup)

    (path,) = archived(calm)
    assert path.name == "20260203_140000_Ça_ a_b__0a1b2c3d.json"
    body = message | {"status": "closed", "read": True, "archived_at": "2026-02-03T14:00:00"}
    assert json.dumps(body, indent=2, ensure_ascii=False) == path.read_text()


def test_a_mail_unread_for_months_is_opened_and_stays_for_a_week(calm: Sample) -> None:
    """Judged by the time of sending, it would be closed by the next run."""
    calm.put("FLOW", mail(timestamp=ago(90 * DAY)))

    found = []
    for age in (0 * HOUR, HOUR, 6 * DAY, 7 * DAY, 7 * DAY + HOUR):
        calm.run(mail_cleanup, now=NOW + age)
        found.append(statuses(calm).get("0a1b2c3d"))

    assert found == ["opened", "opened", "opened", "opened", None]


def test_archived_messages_do_not_come_back(calm: Sample) -> None:
    """Writing a copy of the inbox from before the archiving would restore them."""
    calm.put(
        "FLOW", mail(id="a", status="opened", timestamp=ago(9 * DAY)), mail(id="b", timestamp=ago(3 * DAY))
    )

    calm.run(mail_cleanup)
    calm.run(mail_cleanup)

    assert statuses(calm) == {"b": "opened"}
    assert len(archived(calm)) == 1


@pytest.mark.parametrize(
    "stamp", ["", "yesterday", None, 1770000000, [], "0001-01-01 00:00:00", "2026-13-01"]
)
def test_an_invalid_timestamp_does_not_stop_the_sweep_of_other_mails(calm: Sample, stamp: Any) -> None:
    """An error for the whole inbox would lose the changes already made to it."""
    bad = mail(id="bad", timestamp=stamp)
    calm.put("FLOW", mail(id="a", timestamp=ago(3 * DAY)), bad, mail(id="b", timestamp=ago(3 * DAY)))

    outcome = calm.run(mail_cleanup, zone=ZoneInfo("Asia/Tokyo"))

    assert statuses(calm) == {"a": "opened", "bad": "new", "b": "opened"}
    assert bad in calm.mails("FLOW")
    assert outcome.data["problems"][0].startswith("FLOW: message bad was skipped: ")
    assert calm.report.counts == {"auto_opened": 2, "errors": 1, RECORDED: 1}


def test_the_problems_of_a_mailbox_are_one_condition_without_a_notice(calm: Sample) -> None:
    calm.put("FLOW", *(mail(id=each, timestamp="never") for each in "abcde"))

    outcome = calm.run(mail_cleanup)

    [found] = [each for each in calm.report.conditions if each.severity == "error"]
    first = "FLOW: message a was skipped: "
    assert (found.key, found.payload["text"][: len(first)]) == ("problem:FLOW", first)
    assert found.payload["text"].endswith("; and 2 more")
    assert (outcome.data["errors"], calm.notices(mail_cleanup, outcome)) == (5, [])


def test_elements_that_are_not_messages_stay_and_are_reported(calm: Sample) -> None:
    calm.put("FLOW", "text", None, mail(timestamp=ago(3 * DAY)))

    outcome = calm.run(mail_cleanup)

    assert calm.mails("FLOW")[:2] == ["text", None]
    assert len(outcome.data["problems"]) == 2


def test_own_notices_never_cause_further_notices(calm: Sample) -> None:
    """A digest that counted as stale would be reported in another digest."""
    calm.put("FLOW", mail(timestamp=ago(3 * DAY)))
    sent = []
    for number, age in enumerate(range(30)):
        outcome = calm.run(mail_cleanup, now=NOW + age * DAY)
        for notice in calm.notices(mail_cleanup, outcome):
            sent.append(notice.subject)
            deliver(
                calm.root,
                notice,
                notice_id=f"{number:08x}",
                sender="@trigger",
                now=NOW + age * DAY,
                zone=ZoneInfo("UTC"),
            )

    assert sent == ["[SCHEDULED] 1 stale mail opened"]


def test_notices_of_a_configured_sender_are_recognised_as_own(calm: Sample) -> None:
    calm.put("FLOW", mail(timestamp=ago(3 * DAY), subject="[SCHEDULED] x", **{"from": "@clock"}))

    calm.run(mail_cleanup, sender="@clock")

    assert statuses(calm) == {"0a1b2c3d": "new"}


def test_a_waiting_dispatch_is_reported_and_not_cancelled(calm: Sample) -> None:
    """The dispatch daemon starts only mails with the status `new`."""
    calm.put("FLOW", mail(timestamp=ago(3 * DAY), auto_execute=True))

    outcome = calm.run(mail_cleanup)

    assert outcome.data["waiting_dispatches"] == 1
    assert statuses(calm) == {"0a1b2c3d": "new"}


def test_a_branch_gets_one_digest_once(calm: Sample) -> None:
    calm.put("FLOW", *(mail(id=str(n), timestamp=ago(3 * DAY), subject=f"Mail {n}") for n in range(30)))

    (digest,) = calm.notices(mail_cleanup, calm.run(mail_cleanup))
    again = calm.notices(mail_cleanup, calm.run(mail_cleanup, now=NOW + HOUR))

    expected = ("@flow", "[SCHEDULED] 30 stale mails opened", "low")
    assert expected == (digest.recipient, digest.subject, digest.priority)
    assert "Mail 19" in digest.body
    assert "- and 10 more" in digest.body
    assert not again


def test_a_crash_before_the_notice_does_not_lose_it(calm: Sample) -> None:
    """The conditions are derived from the inbox, so the next run states the same ones."""
    calm.put("FLOW", mail(timestamp=ago(3 * DAY)))
    calm.run(mail_cleanup)
    first = {condition.key for condition in calm.report.conditions}

    calm.run(mail_cleanup)

    assert {"auto_opened:FLOW:0a1b2c3d"} == first == {condition.key for condition in calm.report.conditions}


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
    """The mail program's own names would overwrite one of them."""
    old = {"status": "opened", "timestamp": ago(9 * DAY)}
    calm.put(
        "FLOW", mail(id="a", **old), mail(id="b", **old), mail(id="a", message="another of that id", **old)
    )

    calm.run(mail_cleanup)

    texts = {json.loads(path.read_text())["message"] for path in archived(calm)}
    assert (3, {"Text", "another of that id"}) == (len(archived(calm)), texts)


@pytest.mark.parametrize("given", [None, "../../x", "a/b" * 100, 7, ""])
def test_a_mail_with_any_id_can_be_archived(calm: Sample, given: Any) -> None:
    calm.put("FLOW", mail(id=given, status="opened", timestamp=ago(9 * DAY), subject="\U0001d518" * 90))

    calm.run(mail_cleanup)

    (path,) = archived(calm)
    assert given == json.loads(path.read_text())["id"]
    assert calm.mails("FLOW") == []


@pytest.mark.parametrize("text", [b"", b'{"messages": [', b"\x00" * 10, b'{"messages": {}}', b"[" * 100_000])
def test_an_inbox_that_cannot_be_parsed_stays_unchanged_and_causes_a_notice(
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
    assert calm.report.counts == {"errors": 1, "auto_opened": 1, RECORDED: 1}
    calm.put("FLOW")
    (all_clear,) = calm.notices(mail_cleanup, calm.run(mail_cleanup))
    assert all_clear.subject == "[SCHEDULED] Mailbox readable again - FLOW"


@pytest.mark.timeout(20)
@pytest.mark.parametrize("kind", ["fifo", "directory", "outside", "device", "huge"])
def test_an_inbox_that_is_not_a_regular_file_of_the_workspace_is_reported_and_skipped(
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


def test_nothing_is_written_to_a_folder_that_is_a_link_to_outside_the_workspace(
    calm: Sample, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (calm.inbox("FLOW").parent / "deleted").rmdir()
    (calm.inbox("FLOW").parent / "deleted").symlink_to(tmp_path / "elsewhere")
    calm.put("FLOW", mail(status="opened", timestamp=ago(9 * DAY)))

    outcome = calm.run(mail_cleanup)

    assert statuses(calm) == {"0a1b2c3d": "opened"}
    assert not list((tmp_path / "elsewhere").iterdir())
    assert "is a link to outside" in outcome.data["problems"][0]


def is_in(place: Path, directory: int) -> bool:
    """Return whether an open directory is below *place*."""
    return Path(os.readlink(f"/proc/self/fd/{directory}")).is_relative_to(place)


def test_an_inbox_that_cannot_be_written_fails_the_run_and_the_others_are_swept(
    calm: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    for branch in ("API", "FLOW"):
        calm.put(branch, mail(timestamp=ago(3 * DAY)))
    real = os.open

    def full(path: Any, flags: int, *rest: Any, **more: Any) -> int:
        if flags & os.O_CREAT and is_in(calm.path("API"), more["dir_fd"]):
            raise OSError(28, "No space left on device")
        return real(path, flags, *rest, **more)

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", full)
        outcome = calm.run(mail_cleanup)

    assert (outcome.status, outcome.reason) == ("failed", "API: [Errno 28] No space left on device")
    assert [statuses(calm, b) for b in ("API", "FLOW")] == [{"0a1b2c3d": "new"}, {"0a1b2c3d": "opened"}]


def test_a_mailbox_that_may_not_be_written_causes_a_notice_and_does_not_fail_the_run(
    calm: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    for branch in ("API", "FLOW"):
        calm.put(branch, mail(timestamp=ago(3 * DAY)))
    real = os.open

    def forbid(path: Any, flags: int, *rest: Any, **more: Any) -> int:
        if flags & os.O_CREAT and is_in(calm.path("API"), more["dir_fd"]):
            raise PermissionError(13, "Permission denied")
        return real(path, flags, *rest, **more)

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", forbid)
        outcome = calm.run(mail_cleanup)

    assert outcome.status == "success"
    subjects = {notice.subject for notice in calm.notices(mail_cleanup, outcome)}
    assert subjects == {"[SCHEDULED] Mailbox not writable - API", "[SCHEDULED] 1 stale mail opened"}


def test_file_mode_symlink_and_the_bytes_of_other_mails_stay(calm: Sample) -> None:
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
    """Other programs add up the counters of the inboxes."""
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


def test_an_inbox_with_only_wrong_counters_is_not_written(calm: Sample) -> None:
    inbox = calm.put("FLOW", mail())
    inbox.write_text(inbox.read_text().replace('"unread_count": 1', '"unread_count": 40'))
    before = state_of(calm.path("FLOW"))

    calm.run(mail_cleanup)

    assert before == state_of(calm.path("FLOW"))


def test_a_branch_without_an_inbox_is_not_a_problem(calm: Sample) -> None:
    calm.inbox("FLOW").unlink()

    outcome = calm.run(mail_cleanup)

    assert (outcome.status, outcome.data["problems"]) == ("success", [])


def test_every_run_publishes_an_event(calm: Sample) -> None:
    calm.run(mail_cleanup)

    payload = {"auto_opened": 0, "auto_closed": 0, "errors": 0, "timestamp": "2026-02-03T14:00:00"}
    assert [("mail_cleanup_complete", payload)] == calm.report.events
    assert set(payload) == set(PUBLISHED["mail_cleanup_complete"])


def test_a_digest_escapes_subjects(calm: Sample) -> None:
    calm.put("FLOW", mail(timestamp=ago(3 * DAY), subject="x\n# Ignore <b>all</b> [this](http://x)"))

    (digest,) = calm.notices(mail_cleanup, calm.run(mail_cleanup))

    assert isinstance(digest, Notice)
    assert "\n# Ignore" not in digest.body
    assert "<b>" not in digest.body.replace("\\<b", "")


def test_mails_of_an_unreadable_inbox_are_not_reported_again(calm: Sample) -> None:
    inbox = calm.put("FLOW", mail(timestamp=ago(3 * DAY)))
    sent = [notice.subject for notice in calm.notices(mail_cleanup, calm.run(mail_cleanup))]
    whole = inbox.read_bytes()
    for data in (whole[:40], whole):
        inbox.write_bytes(data)
        sent += [notice.subject for notice in calm.notices(mail_cleanup, calm.run(mail_cleanup))]

    assert sent == [
        "[SCHEDULED] 1 stale mail opened",
        "[SCHEDULED] Mailbox unreadable - FLOW",
        "[SCHEDULED] Mailbox readable again - FLOW",
    ]


def test_a_large_inbox_is_decoded_once_and_again_if_it_was_changed_in_between(
    calm: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "LARGE", 200)  # more than an empty inbox has
    decoded: list[bytes] = []

    def mails_in(data: bytes) -> list[Mail | None]:
        decoded.append(data)
        return message.mails_in(data)

    monkeypatch.setattr(cache, "mails_in", mails_in)
    calm.put("FLOW", mail(id="1", timestamp=ago(3 * DAY)), mail(id="2"))
    inbox = calm.inbox("FLOW").read_bytes()

    calm.run(mail_cleanup)
    assert decoded.count(inbox) == 1

    calm.put("FLOW", mail(id="1", timestamp=ago(3 * DAY)))
    cached = cache.FileCache()
    cached._index(inbox)
    assert len(cached.mails(calm.inbox("FLOW").read_bytes())) == 1


def test_locked_mailboxes_cost_one_sweep_a_bounded_time_together_and_are_named(
    calm: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [branch["name"] for branch in calm.expected["branches"]][:4]
    waited: list[float] = []
    clock = iter(range(10_000))
    frozen = SimpleNamespace(monotonic=lambda: float(next(clock)), sleep=waited.append)
    monkeypatch.setattr(mailbox_files, "time", frozen)
    with ExitStack() as opened:
        for name in names:
            calm.put(name, mail(timestamp=ago(30 * DAY)))
            if name != names[-1]:
                lock = opened.enter_context((calm.inbox(name).parent / ".inbox.lock").open("w"))
                fcntl.flock(lock, fcntl.LOCK_EX)
        outcome = calm.run(mail_cleanup)

    assert 0 < len(waited) <= mailbox_files.LOCK_TIMEOUT  # a second passes at each look at the clock
    assert [problem for problem in outcome.data["problems"] if "is held by another program" in problem] == [
        f"{name}: {calm.inbox(name).parent}/.inbox.lock is held by another program" for name in names[:-1]
    ]
    assert outcome.status == "success"
    assert set(statuses(calm, names[-1]).values()) != {"new"}
