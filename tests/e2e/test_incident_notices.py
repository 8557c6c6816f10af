"""Incidents are sent to the recipients of the routes and of the job, each once."""

import json

import pytest

from tests.fixtures.world import World

pytestmark = pytest.mark.system


def at(time: str, day: int = 2) -> str:
    return f"2026-03-0{day} {time}:00"


@pytest.fixture
def sent(world: World):
    """Configure a channel that appends each notice to a file; return a function that returns the notices of the ticks."""
    inbox = world.config.parent / "inbox"
    inbox.mkdir(mode=0o700)

    def configure(settings: str, jobs: str) -> None:
        channel = f'channels.ops = "command:cat > {inbox}/$(date +%s%N).txt"'
        world.configure(f'timezone = "UTC"\n[notify]\n{channel}\n{settings}\n{jobs}')
        world.run("run", at=at("09:00"))

    def tick(time: str, day: int = 2) -> list[str]:
        done = world.run("run", at=at(time, day))
        assert "Traceback" not in done.stderr
        found = sorted(inbox.iterdir())
        texts = [path.read_text() for path in found]
        for path in found:
            path.unlink()
        return texts

    return configure, tick


BACKUP = '[jobs.backup]\nevery = "5m"\ncommand = "echo refused; [ ! -e BAD ]"\ncwd = "{}"\n'


def test_an_incident_is_sent_in_the_tick_that_finds_it_and_its_recovery_too(world: World, sent) -> None:
    configure, tick = sent
    configure("", '[[notify.routes]]\nto = ["ops"]\n' + BACKUP.format(world.root))
    (world.root / "BAD").touch()
    first, none = tick("09:05"), tick("09:10")
    (world.root / "BAD").unlink()
    over, later = tick("09:15"), tick("09:20")

    assert [len(found) for found in (first, none, over, later)] == [1, 0, 1, 0]
    assert "backup: failed: exit code 1" in first[0]
    assert "refused" in first[0]
    assert "backup: up again after 10m, 2 failed runs" in over[0]


def test_the_recipients_of_a_job_and_of_a_route_get_it_once(world: World, sent) -> None:
    configure, tick = sent
    routes = '[[notify.routes]]\njobs = ["back*"]\nto = ["ops"]\n[[notify.routes]]\njobs = ["other"]\nto = ["ops"]\n'
    configure("", routes + BACKUP.format(world.root) + 'notify = ["ops"]\n')
    (world.root / "BAD").touch()

    assert len(tick("09:05")) == 1


def test_low_priorities_are_gathered_in_a_digest(sent) -> None:
    configure, tick = sent
    jobs = "".join(
        f'[jobs.{name}]\ncron = "{minute} 9 2 * *"\ncommand = "exit {minute}"\npriority = "low"\nnotify = ["ops"]\n'
        for name, minute in (("one", 5), ("two", 10))
    )
    configure('digest = "18:00"', jobs)
    before = [tick("09:05"), tick("09:10"), tick("17:55")]
    (digest,) = tick("18:00")

    assert before == [[], [], []]
    assert ("one: failed: exit code 5" in digest, "two: failed: exit code 10" in digest) == (True, True)


def test_a_notice_that_waits_is_not_repeated_by_the_next_ticks(world: World, sent) -> None:
    configure, tick = sent
    configure("", '[[notify.routes]]\nto = ["missing", "ops"]\n' + BACKUP.format(world.root))
    (world.root / "BAD").touch()
    found = [tick(time) for time in ("09:05", "09:10", "09:20")]

    assert [len(texts) for texts in found] == [1, 0, 0]
    assert json.loads(world.run("notices", "--json", at=at("09:21")).stdout) == []


def test_a_recovery_does_not_replace_a_notice_about_several_jobs_that_waits(world: World, sent) -> None:
    configure, tick = sent
    jobs = "".join(
        f'[jobs.{name}]\nevery = "5m"\ncommand = "[ ! -e {name.upper()} ]"\ncwd = "{world.root}"\n'
        for name in ("a", "b", "c")
    )
    configure("", '[[notify.routes]]\nto = ["ops"]\n' + jobs)
    inbox, away = world.config.parent / "inbox", world.config.parent / "away"
    inbox.rename(away)  # the channel does not work
    for name in ("A", "B", "C"):
        (world.root / name).touch()
    world.run("run", at=at("09:05"))
    (world.root / "A").unlink()
    world.run("run", at=at("09:10"))
    waiting = [one["subject"] for one in json.loads(world.run("notices", "--json", at=at("09:11")).stdout)]
    away.rename(inbox)
    found = tick("09:30")

    assert waiting == ["a, b, c: failed", "a: up again"]
    assert ["3 jobs at once: a, b, c" in text for text in found] == [True, False]
    assert "a: up again" in found[1]
