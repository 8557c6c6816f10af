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
