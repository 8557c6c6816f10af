"""What a sweep of the workspace found wrong is in `status` and `incidents`, in words and with the time of its notice."""

import pytest

from tests.fixtures.sample_workspace import mail


@pytest.fixture
def swept(world, sample):
    """A world after a sweep that found a mail with an invalid timestamp, and a memory file over its limit."""
    sample.put("FLOW", mail(id="bad", timestamp="never"))
    jobs = "".join(f'[jobs.{name}]\nhandler = "{name}"\n' for name in ("mail_cleanup", "memory_rollover"))
    world.configure(f'timezone = "UTC"\nworkspace = "{sample.root}"\n{jobs}')
    assert world.run("run", "mail_cleanup", "memory_rollover").returncode == 0
    return world


def test_a_mail_error_makes_the_status_unhealthy_until_a_sweep_does_not_find_it(swept, sample):
    before = swept.json("status")
    sample.put("FLOW")
    swept.run("run", "mail_cleanup")

    assert not before["healthy"]
    assert [
        text for text in before["problems"] if text.startswith("mail_cleanup: FLOW: message bad was skipped")
    ]
    assert not [text for text in swept.json("status")["problems"] if text.startswith("mail_cleanup")]


def test_an_incident_has_words_and_the_time_of_its_notice(swept):
    found = {item["key"]: item for item in swept.json("incidents")}

    over = found["memory:FLOW:FLOW.observations.json"]
    assert over["text"].startswith("FLOW.observations.json: line count ")
    assert over["notified_at"] is not None
    assert found["problem:FLOW"]["notified_at"] is None  # `status` shows it, no notice is sent


def test_an_error_that_a_handler_found_is_an_incident_for_the_recipients_of_routes(swept, sample):
    """It is sent once, is not printed, can be acknowledged, and its end is sent, too."""
    inbox = swept.config.parent / "inbox"
    inbox.touch()
    channel = f'[notify]\nchannels.ops = "command:cat >> {inbox}; echo >> {inbox}"\n[[notify.routes]]\nto = ["ops"]\n'
    swept.configure(swept.config.read_text().replace("[jobs.mail_cleanup]", f"{channel}[jobs.mail_cleanup]"))
    printed = [swept.run("run", "mail_cleanup").stderr for _ in range(2)]
    (sent,) = [line for line in inbox.read_text().splitlines() if line.startswith("mail_cleanup: FLOW")]
    done = swept.json("ack", "mail_cleanup")
    (found,) = [
        item
        for item in swept.json("incidents")
        if item["job"] == "mail_cleanup" and item["severity"] == "error"
    ]
    sample.put("FLOW")
    swept.run("run", "mail_cleanup")

    assert (printed, "message bad was skipped" in sent) == (["", ""], True)
    assert (found["kind"], found["acknowledged_at"]) == ("found", done[0]["acknowledged_at"])
    assert "mail_cleanup: over after" in inbox.read_text()
