"""One question, the same answer, whichever interface it is asked at; what is done at one is seen at all.

A further interface is one more adapter in tests/fixtures/interfaces and one more line in `interfaces` below.
"""

import json
import os
import re
import shutil
from contextlib import ExitStack

import pytest

from tests.fixtures.interfaces import crontab
from tests.fixtures.interfaces.cli_interface import CliInterface
from tests.fixtures.interfaces.dbus_interface import DbusInterface
from tests.fixtures.interfaces.mcp_interface import McpInterface
from tests.fixtures.interfaces.refused import RefusedError
from tests.fixtures.interfaces.rest_interface import RestInterface
from tests.fixtures.interfaces.session import Session, missing
from tests.fixtures.world import World

JOBS = """
    timezone = "UTC"
    [mcp]
    allow = ["run", "toggle", "add"]
    add_commands = true
    [dbus]
    add_commands = true
    [web]
    allow_edit = true
    [jobs.greet]
    description = "says hello"
    command = ["echo", "hello"]
    [jobs.yearly]
    cron = "0 3 1 1 *"
    command = ["true"]
    retry = {max_attempts = 3, delay = "1h"}
    [jobs.broken]
    every = "300d"
    command = ["false"]
    [jobs.listener]
    on = "disk_full"
    command = ["true"]
    [jobs.sleeper]
    command = ["sleep", "60"]
"""
NEXT_YEAR = {"first": "2027-01-01", "last": "2029-01-01"}
LOOKS = [
    ("jobs", {}),
    ("job", {"name": "yearly"}),
    ("status", {}),
    ("history", {}),
    ("history", {"job": "broken", "limit": 1}),
    ("history", {"status": "success", "since": "2d"}),
    ("logs", {"name": "greet"}),
    ("explain", {"job": "yearly"}),
    ("explain", {"job": "broken", "at": "2027-06-01"}),
    ("upcoming", {"job": "yearly", "limit": 3}),
    ("forecast", NEXT_YEAR),
    ("forecast", {**NEXT_YEAR, "job": "yearly"}),
    ("audit", {}),
    ("plan", {}),
    ("check", {}),
    ("incidents", {}),
    ("notices", {}),
]
CHANGES = [
    ("disable", {"jobs": ["yearly"]}),
    ("enable", {"jobs": ["yearly"]}),
    ("pause", {"jobs": ["greet"], "until": "2030-01-01"}),
    ("resume", {"jobs": ["greet"]}),
    ("emit", {"name": "disk_full", "payload": {"disk": "/"}}),
    ("skip", {"job": "yearly", "slot": "2027-01-01T03:00:00+00:00"}),
    ("run", {"job": "greet"}),
    ("run", {"job": "broken"}),
    ("add", {"name": "new", "definition": {"every": "30d", "command": ["true"], "timeout_seconds": 60}}),
    ("remove", {"job": "listener"}),
]
NUMBERS = [
    ("upcoming", {"job": "yearly", "limit": -5}, "limit: must be 1 to 100,000, got -5"),
    ("upcoming", {"job": "yearly", "limit": 5 * 10**24}, "limit: must be 1 to 100,000, got 50{24}"),
    ("history", {"limit": 0}, "limit: must be 1 to 1,000,000, got 0"),
    ("history", {"limit": 5 * 10**24}, "limit: must be 1 to 1,000,000, got 50{24}"),
    ("logs", {"name": "greet", "lines": -3}, "lines: must be at least 0, got -3"),
]
MISTAKES = [
    ("job", {"name": "yearl"}),
    ("explain", {"job": "nobody"}),
    ("explain", {"job": "greet", "at": "noon"}),
    ("history", {"since": "yesterday"}),
    ("logs", {"name": "nobody"}),
    ("audit", {"after": "never"}),
    ("emit", {"name": "no name", "payload": {}}),
    ("skip", {"job": "yearly", "slot": "2027-01-01T03:30:00+00:00"}),
    ("add", {"name": "greet", "definition": {"command": ["true"]}}),
    ("add", {"name": "new", "definition": {"command": ["true"], "cron": "61 * * * *"}}),
    ("add", {"name": "no/name", "definition": {"command": ["true"]}}),
    (
        "add",
        {"name": "new", "definition": {"command": ["true"], "cron": "@daily", "cron_expression": "@hourly"}},
    ),
    ("remove", {"job": "nobody"}),
]
# What is another each time it is asked, or names the run, the process or the file that came of it.
MOVING = frozenset(
    ("seconds_ago", "in_seconds", "uptime_seconds", "overdue_seconds", "tick", "run_id", "started_at", "finished_at",
     "duration_ms", "backup", "now")
)  # fmt: skip


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    world = World(tmp_path_factory.mktemp("interfaces"))
    crontab.give(world.root / "bin")
    _configured(world)
    for job in ("greet", "broken"):
        world.run("run", job)
    world.run("run")
    world.run("web", "--url")  # the token, which must stay the same for as long as the interface is open
    shutil.copytree(world.state, world.root / "before")
    return world


def _configured(world):
    world.configure(JOBS)
    shutil.rmtree(world.config.parent / "jobs.d", ignore_errors=True)


@pytest.fixture(scope="module")
def interfaces(house):
    with ExitStack() as opened:
        found = {
            "mcp": opened.enter_context(McpInterface(house)),
            "rest": opened.enter_context(RestInterface(house)),
        }
        if not missing():
            session = Session(house.root, HOME=str(house.root), PATH=f"{house.root}/bin:{os.environ['PATH']}")
            opened.callback(session.close)
            house.run("install", "--dbus", env=session.environment)
            found["dbus"] = DbusInterface(session)
        yield found


@pytest.fixture(params=["mcp", "rest", pytest.param("dbus", marks=pytest.mark.system)])
def interface(interfaces, request):
    return interfaces.get(request.param) or pytest.skip(missing())


@pytest.fixture(scope="module")
def printed(house):
    """Return what the command line says to a question in a fresh world, and what it leaves: once for all interfaces."""
    said = {}

    def answer(asked):
        key = json.dumps(asked)
        if key not in said:
            _again(house)
            said[key] = _asked(CliInterface(house), asked), _left(house)
            _again(house)
        return said[key]

    return answer


def _asked(interface, asked):
    question, arguments = asked
    try:
        return steady(interface.service(question, **arguments))
    except RefusedError as error:
        return str(error)


@pytest.fixture
def world(house):
    """Give the world as it was, whatever the last question did to it."""
    _again(house)
    return house


def _again(world):
    _configured(world)
    world.begin_again(world.root / "before")


def steady(found):
    """Return a document without what moves."""
    if isinstance(found, dict):
        return {key: steady(value) for key, value in found.items() if key not in MOVING}
    return [steady(value) for value in found] if isinstance(found, list) else found


def named(asked):
    return " ".join([asked[0], *map(str, asked[1].values())])


@pytest.mark.parametrize("asked", LOOKS, ids=named)
def test_the_same_question_has_the_same_answer(world, printed, interface, asked):
    answer, left = printed(asked)

    assert _asked(interface, asked) == answer
    assert not isinstance(answer, str)
    assert _left(world) == left


@pytest.mark.parametrize("asked", CHANGES, ids=named)
def test_the_same_wish_is_answered_alike_and_leaves_the_same_behind(world, printed, interface, asked):
    answer, left = printed(asked)

    assert _asked(interface, asked) == answer
    assert not isinstance(answer, str)
    assert _left(world) == left


def _left(world):
    files = {path.name: path.read_text() for path in sorted(world.config.parent.rglob("*.toml"))}
    runs = world.sql("SELECT job, slot, triggered_by, attempt, status, reason FROM runs ORDER BY claimed_at")
    switches = world.sql("SELECT job, enabled FROM overrides"), world.sql("SELECT job, until FROM pauses")
    return files, runs, switches, world.sql("SELECT job FROM triggers")


@pytest.mark.parametrize("asked", MISTAKES, ids=named)
def test_the_same_mistake_is_told_in_the_same_words_and_changes_nothing(world, printed, interface, asked):
    words, left = printed(asked)

    assert _asked(interface, asked) == words
    assert isinstance(words, str)
    assert _left(world) == left


@pytest.mark.parametrize(("question", "arguments", "said"), NUMBERS)
def test_a_number_out_of_range_is_refused_by_name(world, interfaces, question, arguments, said):
    """The command line, REST and MCP refuse most of them by their own schemas; nobody is answered with less."""
    for name, interface in {**interfaces, "cli": CliInterface(world)}.items():
        with pytest.raises(RefusedError, match=rf"{said}|{next(reversed(arguments))}") as refused:
            interface.service(question, **arguments)
        assert name != "dbus" or re.fullmatch(said, str(refused.value))


def test_what_is_under_way_is_not_started_again_and_no_interface_calls_that_a_success(
    world, interface, until
):
    runner = world.start("run", "sleeper")
    [run] = until(lambda: world.json("history", "--status", "running"))

    with pytest.raises(RefusedError, match="sleeper: another tick is running it"):
        interface.service("run", job="sleeper")
    assert world.json("history", "sleeper") == [run]
    world.run("stop", run["run_id"])
    runner.wait()


def test_a_forecast_of_more_than_anybody_can_read_is_refused_before_it_is_made(world, interfaces):
    minutely = '[jobs.minutely]\ncron = "* * * * *"\ncommand = "true"\n'
    world.configure(JOBS.replace("[jobs.yearly]", f"{minutely}[jobs.yearly]"))
    world.run("run")
    span = {"first": "2027-01-01", "last": "2090-01-01"}

    with pytest.raises(
        RefusedError, match=r"from 2027.* to 2090.*: a forecast is limited to 500,000 runs; .* a shorter span"
    ):
        interfaces["mcp"].service("forecast", **span)
    assert interfaces["mcp"].service("forecast", **span, job="yearly")
