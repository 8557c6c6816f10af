"""The digest of opened mails comes with the write that opens them: no interruption loses or doubles it."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from scheduled.core.conditions import Condition
from scheduled.handlers import mail_cleanup
from scheduled.handlers.workspace.sweep import Swept
from tests.fixtures.sample_workspace import NOW, Sample, mail

HOUR = timedelta(hours=1)
STALE = f"{NOW - timedelta(days=3):%Y-%m-%d %H:%M:%S}"
OPENED = "[SCHEDULED] 1 stale mail opened"


class KilledError(BaseException):
    """The process ends here."""


@pytest.fixture
def calm(sample: Sample) -> Sample:
    """A workspace with empty inboxes, apart from one stale mail."""
    for branch in sample.expected["branches"]:
        sample.put(branch["name"])
    sample.put("FLOW", mail(timestamp=STALE))
    return sample


def sweep(sample: Sample, **given: Any) -> list[str]:
    """Sweep, and return the subjects of the notices of the run."""
    outcome = sample.run(mail_cleanup, **{"mailboxes": True, **given})
    return [notice.subject for notice in sample.notices(mail_cleanup, outcome)]


def subjects(sample: Sample, branch: str = "FLOW") -> list[str]:
    return [message["subject"] for message in sample.mails(branch)]


def copies(sample: Sample) -> list[str]:
    return [json.loads(path.read_text())["to"] for path in sent(sample).glob("*stale mail*.json")]


def sent(sample: Sample) -> Path:
    return sample.inbox("FLOW").parent / "sent"


def test_it_is_the_first_mail_of_the_same_inbox(calm: Sample) -> None:
    notices = sweep(calm)

    digest, opened = calm.mails("FLOW")
    document = json.loads(calm.inbox("FLOW").read_text())
    assert (notices, opened["status"], digest["status"]) == ([], "opened", "new")
    assert (digest["from"], digest["subject"], digest["priority"]) == ("@trigger", OPENED, "low")
    assert (document["total_messages"], document["unread_count"]) == (2, 1)


def test_it_is_what_the_notice_would_be(calm: Sample) -> None:
    whole = calm.inbox("FLOW").read_bytes()
    outcome = calm.run(mail_cleanup)
    (notice,) = calm.notices(mail_cleanup, outcome)
    calm.inbox("FLOW").write_bytes(whole)

    sweep(calm)

    digest = calm.mails("FLOW")[0]
    assert (notice.subject, notice.body, notice.priority) == (
        digest["subject"],
        digest["message"],
        digest["priority"],
    )


def test_a_further_one_lists_the_mails_that_were_opened_before(calm: Sample) -> None:
    sweep(calm)
    calm.put("FLOW", mail(id="2", timestamp=STALE, subject="Second"), *calm.mails("FLOW"))

    sweep(calm, now=NOW + HOUR)

    digest = calm.mails("FLOW")[0]
    assert (digest["subject"], digest["message"].count("### Opened Before")) == (OPENED, 1)
    assert digest["message"].index("Second") < digest["message"].index("### Opened Before")


def test_a_run_that_is_killed_after_the_write_does_not_double_it(
    calm: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(_: object, __: object, swept: Swept) -> None:
        if swept.opened:
            raise KilledError

    with monkeypatch.context() as patched:
        patched.setattr("scheduled.handlers.mail_cleanup._report", killed)
        with pytest.raises(KilledError):
            calm.run(mail_cleanup, mailboxes=True)
    assert subjects(calm)[0] == OPENED

    notices = sweep(calm, now=NOW + HOUR)

    assert (notices, subjects(calm).count(OPENED)) == ([], 1)


def test_a_run_that_is_killed_before_the_write_does_not_lose_it(
    calm: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KilledError

    before = calm.inbox("FLOW").read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr("scheduled.handlers.formats.safe_files._swap", killed)
        with pytest.raises(KilledError):
            calm.run(mail_cleanup, mailboxes=True)
    assert calm.inbox("FLOW").read_bytes() == before

    sweep(calm, now=NOW + HOUR)

    assert subjects(calm).count(OPENED) == 1


def test_a_kill_before_the_write_does_not_double_the_copy(
    calm: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KilledError

    calm.put("DRONE", mail(timestamp=STALE))
    with monkeypatch.context() as patched:
        patched.setattr("scheduled.handlers.formats.safe_files._swap", killed)
        with pytest.raises(KilledError):
            calm.run(mail_cleanup, mailboxes=True, sender="@flow")
    assert len(copies(calm)) == 1

    sweep(calm, now=NOW + HOUR, sender="@flow")

    assert sorted(copies(calm)) == ["@drone", "@flow"]


def test_a_mail_that_is_opened_again_causes_another_digest(calm: Sample) -> None:
    sweep(calm, sender="@flow")
    first, opened = calm.mails("FLOW")
    calm.put("FLOW", first, opened | {"status": "new"})

    sweep(calm, now=NOW + HOUR, sender="@flow")

    ids = [message["id"] for message in calm.mails("FLOW") if message["subject"] == OPENED]
    assert (len(set(ids)), len(copies(calm))) == (2, 2)


def test_mails_that_an_earlier_sweep_opened_cause_none(calm: Sample) -> None:
    calm.put("FLOW", mail(status="opened", timestamp=STALE, auto_opened=True, auto_opened_at=STALE))

    assert (sweep(calm), len(calm.mails("FLOW"))) == ([], 1)


def test_where_another_branch_gets_the_mail_it_is_a_notice(calm: Sample) -> None:
    calm.register({"name": "OTHER", "path": "/other", "email": "@flow"})
    (calm.root / "other").mkdir()
    calm.register({"name": "SECOND", "path": str(calm.root / "other"), "email": "@flow"})

    assert sweep(calm) == [OPENED]
    assert len(calm.mails("FLOW")) == 1


def test_the_sender_keeps_a_copy(calm: Sample) -> None:
    sweep(calm, sender="@flow")

    assert copies(calm) == ["@flow"]


def test_a_copy_that_cannot_be_written_is_a_problem(calm: Sample) -> None:
    for path in sent(calm).glob("*"):
        path.unlink()
    if sent(calm).exists():
        sent(calm).rmdir()
    sent(calm).write_text("no directory")

    outcome = calm.run(mail_cleanup, mailboxes=True, sender="@flow")

    (problem,) = outcome.data["problems"]
    assert problem.startswith("the notice to FLOW has no copy in the mailbox of its sender: ")
    assert subjects(calm)[0] == OPENED


def test_it_has_no_secrets_of_the_run(calm: Sample) -> None:
    calm.put("FLOW", mail(timestamp=STALE, subject="the word is sesame"))

    sweep(calm, mask=lambda text: text.replace("sesame", "***"))

    assert "the word is \\*\\*\\*" in calm.mails("FLOW")[0]["message"]
    assert all(isinstance(c, Condition) and "sesame" not in str(c.payload) for c in calm.report.conditions)
