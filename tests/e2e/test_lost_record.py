"""The record of when mails were opened is deleted: status, the next tick and its log name the loss."""

import pytest


@pytest.fixture
def swept(world, sample):
    """A world after a sweep of a workspace."""
    world.configure(
        f'timezone = "UTC"\nworkspace = "{sample.root}"\n[jobs.sweep]\nhandler = "mail_cleanup"\n'
    )
    assert world.run("run", "sweep").returncode == 0
    return world


def log(world):
    return next(world.root.rglob("system_logs/scheduled.log")).read_text()


def test_a_deleted_record_is_named_until_the_next_sweep_has_reported_it(swept):
    record = swept.state / "opened_mails.json"
    assert not [text for text in swept.json("status")["problems"] if record.name in text]
    record.unlink()

    before = swept.json("status")
    done = swept.run("run", "sweep")

    assert (before["healthy"], [text for text in before["problems"] if record.name in text]) == (
        False,
        [f"{record}: is lost; from the next sweep on, mails that are open then count as opened then"],
    )
    assert f"{record}: is lost" in done.stderr
    assert f"WARNING | {record}: is lost" in log(swept)
    assert record.exists()
    assert swept.json("history")[0]["result"]["problems"] == [
        f"{record}: is lost; mails that are open now count as opened now"
    ]
    swept.run("run", "sweep")
    assert record.name not in swept.run("status").stdout


def test_before_the_first_sweep_nothing_is_lost(world, sample):
    world.configure(
        f'timezone = "UTC"\nworkspace = "{sample.root}"\n'
        '[jobs.sweep]\nhandler = "mail_cleanup"\n[jobs.other]\ncommand = "true"\n'
    )
    world.run("run", "other")

    assert "opened_mails" not in world.run("status").stdout
    assert "opened_mails" not in world.run("run", "sweep").stderr + log(world)
