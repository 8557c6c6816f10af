"""A mail without a time of opening counts from the first sweep that saw it open, or from its own timestamp."""

import errno
import json
import os
from datetime import timedelta

import pytest

from scheduled.handlers import health, mail_cleanup
from scheduled.handlers.workspace import opened
from scheduled.handlers.workspace.opened import NAME
from scheduled.state.opened_record import RECORDED
from tests.fixtures.sample_workspace import NOW, mail

HOUR = timedelta(hours=1)
DAY = 24 * HOUR
OLD = f"{NOW - 30 * DAY:%Y-%m-%d %H:%M:%S}"


def sweep(sample, after):
    outcome = sample.run(mail_cleanup, now=NOW + after)
    assert outcome.status == "success", outcome
    return [message["id"] for message in sample.mails("FLOW")]


@pytest.fixture
def flow(sample):
    for branch in sample.expected["branches"]:
        sample.put(branch["name"])
    return sample


def read(flow, *ids):
    """Do what both forms of the workspace do when a person opens mails: no time is recorded."""
    flow.put("FLOW", *(mail(id=each, status="opened", read=True, timestamp=OLD) for each in ids))


def test_a_mail_that_was_open_before_the_first_sweep_counts_from_its_timestamp(flow):
    read(flow, "old")

    assert sweep(flow, 0 * HOUR) == []


def test_a_mail_that_was_opened_later_is_kept_for_the_whole_time(flow):
    sweep(flow, 0 * HOUR)
    read(flow, "a")

    assert (sweep(flow, HOUR), sweep(flow, HOUR + 7 * DAY), sweep(flow, 7 * DAY + HOUR + HOUR)) == (
        ["a"],
        ["a"],
        [],
    )


def test_each_mail_counts_for_itself(flow):
    sweep(flow, 0 * HOUR)
    read(flow, "a")
    sweep(flow, HOUR)
    read(flow, "a", "b")
    sweep(flow, 2 * DAY)

    assert (sweep(flow, 8 * DAY), sweep(flow, 10 * DAY)) == (["b"], [])


def test_a_mail_that_was_closed_and_opened_again_counts_again_from_then(flow):
    sweep(flow, 0 * HOUR)
    read(flow, "a")
    sweep(flow, HOUR)
    flow.put("FLOW", mail(id="a", status="new", timestamp=f"{NOW + 5 * DAY:%Y-%m-%d %H:%M:%S}"))
    sweep(flow, 5 * DAY)
    read(flow, "a")
    sweep(flow, 6 * DAY)

    assert (sweep(flow, 9 * DAY), sweep(flow, 14 * DAY)) == (["a"], [])


def test_a_mail_without_an_id_is_recognised(flow):
    message = mail(status="opened", read=True, timestamp=OLD)
    del message["id"]
    sweep(flow, 0 * HOUR)
    flow.put("FLOW", message)

    for after, kept in ((HOUR, 1), (6 * DAY, 1), (8 * DAY, 0)):
        flow.run(mail_cleanup, now=NOW + after)
        assert len(flow.mails("FLOW")) == kept


def test_a_mail_that_a_person_puts_back_counts_from_then(flow):
    read(flow, "a")
    sweep(flow, 0 * HOUR)
    read(flow, "a")

    assert (sweep(flow, HOUR), sweep(flow, 7 * DAY), sweep(flow, 8 * DAY)) == (["a"], ["a"], [])


def test_a_branch_that_moves_keeps_its_record(flow):
    sweep(flow, 0 * HOUR)
    read(flow, "a")
    sweep(flow, HOUR)
    registry = flow.root / "BRANCH_REGISTRY.json"
    new = flow.path("FLOW").rename(flow.path("FLOW").with_name("moved"))
    registry.write_text(registry.read_text().replace('/flow"', '/moved"'))

    assert flow.path("FLOW") == new
    assert sweep(flow, 2 * HOUR) == ["a"]


def test_the_health_check_counts_by_the_same_rule(flow):
    sweep(flow, 0 * HOUR)
    read(flow, "a")
    sweep(flow, HOUR)

    for after, expected in ((2 * HOUR, False), (DAY + 2 * HOUR, True)):
        flow.run(health, now=NOW + after)
        central = json.loads((flow.root / "aipass_os/AI_CENTRAL/HEALTH.central.json").read_text())
        (branch,) = (each for each in central["details"] if each["branch"] == "FLOW")
        assert ("1 opened mail older than 24 h" in branch["notes"]) == expected


def test_a_damaged_record_keeps_all_open_mails(flow):
    sweep(flow, 0 * HOUR)
    read(flow, "a")
    record = flow.files.parent / NAME
    record.write_text("{")

    outcome = flow.run(mail_cleanup, now=NOW + HOUR)

    (problem,) = outcome.data["problems"]
    assert "mails that are open now count as opened now" in problem
    assert (record.parent / f"{NAME}.damaged").read_text() == "{"
    assert list(json.loads(record.read_text())["mailboxes"]["FLOW"]) == ["a"]
    assert (sweep(flow, 7 * DAY), sweep(flow, 8 * DAY)) == (["a"], [])


def test_a_directory_in_place_of_the_record_is_moved_aside(flow):
    (flow.files.parent / NAME).mkdir()
    read(flow, "a")

    assert sweep(flow, 0 * HOUR) == ["a"]
    assert (flow.files.parent / f"{NAME}.damaged").is_dir()


def test_nothing_is_archived_if_the_record_cannot_be_written(flow, monkeypatch):
    def full(path, *_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    read(flow, "a")
    monkeypatch.setattr(opened, "write_atomically", full)

    outcome = flow.run(mail_cleanup)

    reason = "no mailbox was changed, because the age of opened mails is not recorded"
    assert (outcome.status, outcome.reason) == (
        "failed",
        f"{flow.files.parent / NAME}: No space left on device; {reason}",
    )
    assert [message["id"] for message in flow.mails("FLOW")] == ["a"]


def lose_record(flow):
    """Delete the record after a sweep that has counted it; return the totals of that sweep."""
    sweep(flow, 0 * HOUR)
    assert flow.report.counts == {RECORDED: 1}
    (flow.files.parent / NAME).unlink()
    return {RECORDED: 1}


def test_a_lost_record_keeps_all_open_mails_and_is_reported(flow):
    totals = lose_record(flow)
    read(flow, "a")

    outcome = flow.run(mail_cleanup, now=NOW + HOUR, totals=totals)

    message = f"{flow.files.parent / NAME}: is lost; mails that are open now count as opened now"
    assert (outcome.data["problems"], outcome.data["errors"]) == ([message], 1)
    assert (sweep(flow, 7 * DAY), sweep(flow, 8 * DAY)) == (["a"], [])


def test_a_lost_record_is_reported_if_no_mail_is_open(flow):
    outcome = flow.run(mail_cleanup, now=NOW + HOUR, totals=lose_record(flow))

    assert outcome.data["errors"] == 1
    again = flow.run(mail_cleanup, now=NOW + 2 * HOUR, totals={RECORDED: 1})
    assert again.data["errors"] == 0


def test_a_lost_record_is_noticed_after_another_handler_used_the_shared_workspace(flow):
    totals, kept = lose_record(flow), {}
    read(flow, "a")
    flow.run(health, now=NOW + HOUR, kept=kept)

    outcome = flow.run(mail_cleanup, now=NOW + HOUR, totals=totals, kept=kept)

    assert (outcome.data["errors"], outcome.data["auto_closed"]) == (1, 0)


def test_after_a_loss_a_mailbox_that_was_empty_counts_as_seen(flow):
    flow.run(mail_cleanup, now=NOW + HOUR, totals=lose_record(flow))
    read(flow, "a")

    assert sweep(flow, 2 * HOUR) == ["a"]


def test_after_a_loss_a_mailbox_that_cannot_be_read_counts_as_seen(flow):
    totals, inbox = lose_record(flow), flow.inbox("FLOW")
    inbox.write_text("[")
    flow.run(mail_cleanup, now=NOW + HOUR, totals=totals)
    read(flow, "a")

    assert sweep(flow, 2 * HOUR) == ["a"]


def test_a_first_run_or_a_workspace_without_an_inbox_has_lost_nothing(flow):
    assert flow.run(mail_cleanup).data["errors"] == 0
    for branch in flow.expected["branches"]:
        flow.inbox(branch["name"]).unlink(missing_ok=True)
    (flow.files.parent / NAME).unlink()

    assert flow.run(mail_cleanup, now=NOW + HOUR).data["errors"] == 0
    assert flow.report.counts == {}
