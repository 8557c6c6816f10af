"""A notice is sent through the function of the mail program or, if that fails, delivered as without it: exactly once."""

import json
import os
import time

import msgspec
import pytest

from scheduled.core.conditions import Notice
from scheduled.core.records import OutboxItem
from scheduled.handlers.formats.mailbox_files import MailboxError
from scheduled.handlers.workspace.workspace import Workspace
from scheduled.notify.adapter import Adapter, Answer, Answers
from scheduled.notify.routes import attempts, send
from scheduled.notify.routes.attempts import NAME, Attempts
from scheduled.notify.routes.base import RouteSettings, UndeliverableError
from scheduled.notify.routes.send import SendRoute
from scheduled.state.locks import inherited
from tests.fixtures.sample_workspace import mail

TEXT = "**Warning: 1**\nall is not well"
NOTICE = Notice(recipient="@flow", subject="[SCHEDULED] Health", body=TEXT, priority="high")
ITEM = OutboxItem(id="ab" * 16, notice=NOTICE, tries=0, next_try=0)
TIMEOUT = Answers([], "no end within 30 s; its process was killed")


class Mailer:
    """The mail program: it answers *answer*, and delivers the mail if *delivers*."""

    def __init__(self, sample):
        self.sample = sample
        self.calls = []
        self.answer, self.delivers = Answers([Answer(True)]), True

    def __call__(self, _, target, calls, while_killing, __):
        self.calls.append((target, calls))
        if self.delivers:
            self.sample.put("FLOW", self.mail(), *self.sample.mails("FLOW"))
        if self.answer is TIMEOUT:
            with while_killing():
                pass
        return self.answer

    @staticmethod
    def mail(**fields):
        footer = f"{TEXT}\n---\nfooter"
        return mail(
            **{"id": "of-them", "from": "@trigger", "subject": NOTICE.subject, "message": footer, **fields}
        )


@pytest.fixture
def mailer(sample, monkeypatch):
    found = Mailer(sample)
    monkeypatch.setattr(send, "call", found)
    return found


@pytest.fixture
def warnings():
    return []


@pytest.fixture
def tick(sample, tmp_path, warnings):
    """Return a function that opens the route as a new tick does."""
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    adapter = Adapter(python="python", timeout=30, workspace=sample.root, environment={})

    def tick():
        return SendRoute(
            RouteSettings(
                state=state,
                workspace=sample.root,
                zone="UTC",
                sender="@trigger",
                cannot_record=pytest.fail,
                warn=warnings.append,
                send="prog:send",
                adapter=adapter,
            )
        )

    return tick


def same(sample):
    """Return the ids of the mails with the text of NOTICE in the inbox."""
    return [m["id"] for m in sample.mails("FLOW") if m["message"].startswith(TEXT)]


def test_a_notice_is_sent_through_the_function_and_not_written(sample, mailer, tick, warnings):
    route = tick()
    route.deliver(ITEM)
    route.finish()

    [(target, [call])] = mailer.calls
    assert (same(sample), warnings, target, call.method, call.args) == (["of-them"], [], "prog:send", "", ())
    assert call.keywords == {
        "to_branch": "@flow",
        "subject": NOTICE.subject,
        "message": TEXT,
        "auto_execute": False,
        "from_branch": "@trigger",
    }


@pytest.mark.parametrize(("key", "optional"), [("", {}), ("daily", {"upsert_key": "daily"})])
def test_the_key_of_a_notice_that_replaces_others_is_passed_if_there_is_one(mailer, tick, key, optional):
    class Replacing(Notice):
        upsert_key: str = key

    notice = Replacing(recipient="@flow", subject="x", body="y")
    tick().deliver(msgspec.structs.replace(ITEM, notice=notice))

    [(_, [call])] = mailer.calls
    assert call.optional == optional


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answers([Answer(False)]), "it returned False"),
        (Answers([Answer(None)]), "it returned None"),
        (Answers([Answer(1)]), "it returned 1"),
        (Answers([Answer(error="OSError: no")]), "OSError: no"),
        (Answers([], "cannot be imported: ImportError: x"), "cannot be imported: ImportError: x"),
        (TIMEOUT, TIMEOUT.error),
    ],
)
@pytest.mark.parametrize("delivers", [False, True])
def test_if_the_function_fails_the_mail_is_there_once_with_a_warning(
    sample, mailer, tick, warnings, answer, reason, delivers
):
    mailer.answer, mailer.delivers = answer, delivers
    tick().deliver(ITEM)

    what = "it has delivered the mail" if delivers else "the mail is delivered without it"
    assert same(sample) == ["of-them" if delivers else ITEM.id[:8]]
    assert warnings == [f"[compat] send: @flow: '[SCHEDULED] Health': {reason}; {what}"]


def test_mails_that_were_there_before_are_not_taken_for_the_sent_one(sample, mailer, tick):
    """Of the mails with the same text, also of another sender or recipient, only a new one counts."""
    sample.put("FLOW", mailer.mail(id="old"), mailer.mail(id="other", **{"from": "@seed"}))
    archive = sample.inbox("FLOW").parent / "deleted"
    archive.mkdir(exist_ok=True)
    (archive / "20260203_120000_x_archived.json").write_text(json.dumps(mailer.mail(id="archived")))
    mailer.answer, mailer.delivers = TIMEOUT, False
    tick().deliver(ITEM)

    assert same(sample) == [ITEM.id[:8], "old", "other"]


def test_a_mail_that_was_archived_since_is_found(sample, mailer, tick, monkeypatch):
    def archived(*_):
        archive = sample.inbox("FLOW").parent / "deleted"
        archive.mkdir(exist_ok=True)
        (archive / "20260203_120000_x.json").write_text(json.dumps(mailer.mail(status="closed")))
        return TIMEOUT

    monkeypatch.setattr(send, "call", archived)
    tick().deliver(ITEM)

    assert same(sample) == []


def test_a_mail_of_an_earlier_tick_that_was_killed_is_found(sample, mailer, tick, warnings, monkeypatch):
    class KilledError(BaseException):
        pass

    def killed(*given):
        mailer(*given)
        raise KilledError

    monkeypatch.setattr(send, "call", killed)
    with pytest.raises(KilledError):
        tick().deliver(ITEM)
    monkeypatch.setattr(send, "call", mailer)
    for _ in range(2):  # killed again, before the ledger recorded the delivery
        tick().deliver(ITEM)

    assert (same(sample), len(mailer.calls), warnings) == (["of-them"], 1, [])


def test_after_the_delivery_the_same_text_can_be_sent_again(sample, mailer, tick):
    for number in range(2):
        route = tick()
        route.deliver(OutboxItem(id=f"{number}" * 32, notice=NOTICE, tries=0, next_try=0))
        route.finish()

    assert (len(same(sample)), len(mailer.calls)) == (2, 2)


def test_a_tick_that_read_the_outbox_before_another_one_has_sent_finds_the_mail(sample, mailer, tick):
    first, second = tick(), tick()
    first.deliver(ITEM)
    first.finish()
    second.deliver(ITEM)

    assert (same(sample), len(mailer.calls)) == (["of-them"], 1)


def test_records_of_long_ago_are_dropped(mailer, tick, tmp_path, monkeypatch):
    tick().deliver(ITEM)
    later = time.time() + attempts.KEPT + 1
    monkeypatch.setattr(attempts.time, "time", lambda: later)
    tick().deliver(OutboxItem(id="other", notice=NOTICE, tries=0, next_try=0))

    assert len(mailer.calls) == 2
    assert [*json.loads((tmp_path / "state" / NAME).read_text())] == ["other"]


def test_a_function_that_hangs_is_called_once_in_a_tick(sample, mailer, tick, warnings):
    mailer.answer, mailer.delivers = TIMEOUT, False
    route = tick()
    for number in range(3):
        route.deliver(OutboxItem(id=f"{number}" * 32, notice=NOTICE, tries=0, next_try=0))

    assert (len(same(sample)), len(mailer.calls), len(warnings)) == (3, 1, 3)
    assert warnings[2].endswith(": not called again in this tick; the mail is delivered without it")


def test_while_another_tick_sends_for_too_long_the_mail_is_written(
    sample, mailer, tick, warnings, tmp_path, monkeypatch
):
    monkeypatch.setattr(send, "PATIENCE", -30)
    route = tick()
    with inherited(tmp_path / "state" / send.LOCK, 0):
        route.deliver(ITEM)

    assert (same(sample), mailer.calls, len(warnings)) == ([ITEM.id[:8]], [], 1)
    assert "send.lock: another process has held this lock for 0 s; the mail is delivered" in warnings[0]


def test_a_mailbox_that_cannot_be_read_after_a_timeout_leaves_the_notice_in_the_outbox(sample, mailer, tick):
    """It is not known whether the mail is there. A later tick, after the repair, finds out."""
    whole = sample.inbox("FLOW").read_bytes()

    class Torn(Mailer):
        def __call__(self, *given):
            answer = super().__call__(*given)
            self.sent = sample.inbox("FLOW").read_bytes()
            sample.inbox("FLOW").write_bytes(whole[:50])
            return answer

    mailer.__class__ = Torn
    mailer.answer = TIMEOUT
    for _ in range(2):
        with pytest.raises(MailboxError):
            tick().deliver(ITEM)
    sample.inbox("FLOW").write_bytes(mailer.sent)
    tick().deliver(ITEM)

    assert (same(sample), len(mailer.calls)) == (["of-them"], 1)


def test_an_unknown_recipient_is_not_sent_to(mailer, tick):
    unknown = Notice(recipient="@gone", subject="x", body="y")
    with pytest.raises(UndeliverableError, match="no branch has the mail address @gone"):
        tick().deliver(OutboxItem(id="x" * 32, notice=unknown, tries=0, next_try=0))

    assert mailer.calls == []


def test_a_damaged_record_is_moved_aside(sample, mailer, tick, tmp_path):
    record = tmp_path / "state" / NAME
    record.write_text("{")
    tick().deliver(ITEM)

    assert len(mailer.calls) == 1
    assert (same(sample), record.with_suffix(".json.damaged").read_text()) == (["of-them"], "{")


def test_old_archived_mails_are_not_read(sample, tmp_path):
    """Otherwise each notice would cost as much as all mails that were ever archived."""
    archive = sample.inbox("FLOW").parent / "deleted"
    archive.mkdir(exist_ok=True)
    old = archive / "20250101_000000_x.json"
    old.write_text(json.dumps(Mailer.mail()))
    os.utime(old, (0, time.time() - 100))
    workspace = Workspace.load(sample.root)
    record = Attempts(tmp_path, workspace.inside, "@trigger")
    branch = workspace.branch_at("@flow")
    record.begin("id", branch, NOTICE)

    old.rename(archive / "20250101_000000_y.json")
    assert not record.delivered("id", branch, NOTICE)
    os.utime(archive / "20250101_000000_y.json")
    assert record.delivered("id", branch, NOTICE)
