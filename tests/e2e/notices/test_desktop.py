"""Notices on the desktop, through a real session bus and a service on it."""

import pytest

from tests.fixtures.interfaces.session import Session, missing
from tests.fixtures.receivers import Desktop

pytestmark = [pytest.mark.system, pytest.mark.skipif(bool(missing()), reason=missing())]

CONFIG = """
    [[notify.routes]]
    on = ["disk_full"]
    to = ["desktop"]
"""


@pytest.fixture
def session(tmp_path):
    found = Session(tmp_path / "bus")
    yield found
    found.close()


@pytest.fixture
def shown(session):
    """Return a function that starts a notification service."""
    services = []

    def start(*capabilities):
        services.append(Desktop(session.environment["DBUS_SESSION_BUS_ADDRESS"], capabilities))
        return services[0].shown

    yield start
    for service in services:
        service.close()


def tick(world, session, *words):
    return world.run(*words, env=session.environment)


@pytest.mark.parametrize(
    ("capabilities", "body"), [(["body"], "free <3 & less"), (["body-markup"], "free &lt;3 &amp; less")]
)
def test_a_notice_is_shown_with_its_urgency(world, session, shown, capabilities, body):
    world.configure(CONFIG)
    found = shown(*capabilities)
    tick(world, session, "emit", "disk_full", "free=<3 & less", "priority=critical")

    done = tick(world, session, "run")

    ((program, _, _, subject, text, _, hints, _),) = found
    assert (program, text, hints["urgency"]) == ("scheduled", body, ("y", 2))
    assert subject.startswith("disk full (")
    assert (done.returncode, done.stderr, world.json("notices")) == (0, "", [])


def test_without_a_service_it_waits_without_an_error_and_is_shown_later(world, session, shown):
    world.configure(CONFIG)
    tick(world, session, "emit", "disk_full")

    without_bus, without_service = world.run("run"), None
    world.sql("UPDATE outbox SET next_try = 0")
    without_service = tick(world, session, "run")
    (waits,) = world.json("notices")
    world.sql("UPDATE outbox SET next_try = 0")
    found = shown("body")
    tick(world, session, "run")

    for done in (without_bus, without_service):
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (waits["tries"], len(found), world.json("notices")) == (2, 1, [])


def test_notify_reports_why_a_desktop_shows_nothing(world, session):
    world.configure("")

    done = tick(world, session, "notify", "--test", "desktop")

    assert done.returncode == 1
    assert "desktop (desktop): not delivered: no notification service: " in done.stderr
