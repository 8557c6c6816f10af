"""The same call has the same answer and the same effect through every interface.

To add an interface, add an adapter to tests/fixtures/interfaces and a line to `interfaces` below.
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
    allow = ["run", "override", "add"]
    add_commands = true
    [dbus]
    add_commands = true
    [web]
    allow_edit = true
    [jobs.greet]
    description = "prints hello"
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
    labels = {added_by = "mcp"}
    [jobs.sleeper]
    command = ["sleep", "60"]
    [jobs.each]
    cron = "0 4 1 1 *"
    for_each = ["a", "b/c d"]
    command = ["echo", "{target}"]
"""
NEXT_YEAR = {"first": "2027-01-01", "last": "2029-01-01"}
READS = [
    ("jobs", {}),
    ("job", {"name": "yearly"}),
    ("status", {}),
    ("history", {}),
    ("history", {"job": "broken", "limit": 1}),
    ("history", {"status": "success", "since": "2d"}),
    ("logs", {"name": "greet"}),
    ("logs", {"name": "greet", "attempt": 1}),
    ("explain", {"job": "yearly"}),
    ("explain", {"job": "broken", "at": "2027-06-01"}),
    ("upcoming", {"job": "yearly", "limit": 3}),
    ("job", {"name": "each"}),
    ("job", {"name": "each@b%2Fc%20d"}),
    ("history", {"job": "each@a"}),
    ("logs", {"name": "each@b%2Fc%20d"}),
    ("explain", {"job": "each"}),
    ("explain", {"job": "each@a", "at": "2027-06-01"}),
    ("upcoming", {"job": "each@a", "limit": 2}),
    ("forecast", {**NEXT_YEAR, "job": "each@b/c d"}),
    ("forecast", NEXT_YEAR),
    ("forecast", {**NEXT_YEAR, "job": "yearly"}),
    ("audit", {}),
    ("dry_run", {}),
    ("check", {}),
    ("incidents", {}),
    ("notices", {}),
]
MCP = {
    "added_by": "mcp"
}  # the label that the interface for agents writes, and without which it removes no job
CHANGES = [
    ("disable", {"jobs": ["yearly"]}),
    ("enable", {"jobs": ["yearly"]}),
    ("pause", {"jobs": ["greet"], "until": "2030-01-01"}),
    ("resume", {"jobs": ["greet"]}),
    ("emit", {"name": "disk_full", "payload": {"disk": "/"}}),
    ("skip", {"job": "yearly", "slot": "2027-01-01T03:00:00+00:00"}),
    ("run", {"job": "greet"}),
    ("run", {"job": "broken"}),
    ("disable", {"jobs": ["each@a"]}),
    ("pause", {"jobs": ["each@b%2Fc%20d"], "until": "2030-01-01"}),
    ("skip", {"job": "each", "slot": "2027-01-01T04:00:00+00:00"}),
    ("skip", {"job": "each@a", "slot": "2027-01-01T04:00:00+00:00"}),
    ("run", {"job": "each@b%2Fc%20d"}),
    (
        "add",
        {
            "name": "new",
            "definition": {"every": "30d", "command": ["true"], "timeout_seconds": 60, "labels": MCP},
        },
    ),
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
    ("explain", {"job": "unknown"}),
    ("explain", {"job": "each@c"}),
    ("logs", {"name": "each@unknown"}),
    ("disable", {"jobs": ["greet@a"]}),
    ("explain", {"job": "greet", "at": "noon"}),
    ("history", {"since": "yesterday"}),
    ("logs", {"name": "unknown"}),
    ("logs", {"name": "yearly", "attempt": 1}),
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
    ("remove", {"job": "unknown"}),
]
# Fields that differ on every call, or that name the run, the process or the file that the call created.
MOVING = frozenset(
    ("seconds_ago", "in_seconds", "uptime_seconds", "overdue_seconds", "tick", "run_id", "started_at", "finished_at",
     "duration_ms", "backup", "now")
)  # fmt: skip


@pytest.fixture(scope="module")
def shared_world(tmp_path_factory):
    world = World(tmp_path_factory.mktemp("interfaces"))
    crontab.give(world.root / "bin")
    _configured(world)
    for job in ("greet", "broken", "each"):
        world.run("run", job)
    world.run("run")
    world.run("web", "--url")  # creates the token, which must stay the same while the server runs
    # Moved, not copied: a copy of the snapshot must not get the inode that its header names, see `idle.header`.
    world.state.rename(world.root / "before")
    shutil.copytree(world.root / "before", world.state)
    return world


def _configured(world):
    world.configure(JOBS)
    shutil.rmtree(world.config.parent / "jobs.d", ignore_errors=True)


@pytest.fixture(scope="module")
def interfaces(shared_world):
    with ExitStack() as opened:
        found = {
            "mcp": opened.enter_context(McpInterface(shared_world)),
            "rest": opened.enter_context(RestInterface(shared_world)),
        }
        if not missing():
            root = shared_world.root
            session = Session(root, HOME=str(root), PATH=f"{root}/bin:{os.environ['PATH']}")
            opened.callback(session.close)
            shared_world.run("install", "--dbus", env=session.environment)
            found["dbus"] = DbusInterface(session)
        yield found


@pytest.fixture(params=["mcp", "rest", pytest.param("dbus", marks=pytest.mark.system)])
def interface(interfaces, request):
    return interfaces.get(request.param) or pytest.skip(missing())


@pytest.fixture(scope="module")
def expected(shared_world):
    """Return a function: given a call, the answer of the command line in a reset world, and the state that it leaves.

    Answers are cached, so that each call is made once for all interfaces.
    """
    known = {}

    def answer_and_state(call):
        key = json.dumps(call)
        if key not in known:
            _reset(shared_world)
            known[key] = _answer(CliInterface(shared_world), call), _state(shared_world)
            _reset(shared_world)
        return known[key]

    return answer_and_state


def _answer(interface, call):
    function, arguments = call
    try:
        return short(steady(interface.service(function, **arguments)))
    except RefusedError as error:
        return short(str(error))


def short(answer):
    """Return *answer* without the paths of the instance in its commands: it is the default one of the command line only."""
    if isinstance(answer, dict):
        return {key: short(value) for key, value in answer.items()}
    if isinstance(answer, list):
        return [short(entry) for entry in answer]
    paths = r"(?<=[`(]scheduled )--config \S+/etc/scheduled\.toml --state \S+/state "
    return re.sub(paths, "", answer) if isinstance(answer, str) else answer


@pytest.fixture
def world(shared_world):
    """The shared world, reset."""
    _reset(shared_world)
    return shared_world


def _reset(world):
    _configured(world)
    world.restore(world.root / "before")


def steady(found):
    """Return a document without the fields in MOVING."""
    if isinstance(found, dict):
        return {key: steady(value) for key, value in found.items() if key not in MOVING}
    return [steady(value) for value in found] if isinstance(found, list) else found


def name_of(call):
    return " ".join([call[0], *map(str, call[1].values())])


@pytest.mark.parametrize("call", READS, ids=name_of)
def test_the_same_read_has_the_same_answer(world, expected, interface, call):
    answer, state = expected(call)

    assert _answer(interface, call) == answer
    assert not isinstance(answer, str)
    assert _state(world) == state


def test_every_interface_shows_a_run_with_its_result_and_its_attempts(world, interface):
    [run] = world.json("history", "greet")
    shown = interface.service("one_run", run_id=run["run_id"])

    assert shown == CliInterface(world).service("one_run", run_id=run["run_id"])
    assert (shown["result"], shown["steps"], shown["parent"]) == (None, None, None)
    assert [(attempt["attempt"], attempt["has_output"]) for attempt in shown["attempts"]] == [(1, True)]


@pytest.mark.parametrize("call", CHANGES, ids=name_of)
def test_the_same_change_has_the_same_answer_and_the_same_effect(world, expected, interface, call):
    answer, state = expected(call)

    assert _answer(interface, call) == answer
    assert not isinstance(answer, str)
    assert _state(world) == state


def _state(world):
    files = {path.name: path.read_text() for path in sorted(world.config.parent.rglob("*.toml"))}
    runs = world.sql(
        "SELECT job, target, slot, trigger, attempt, status, reason FROM runs ORDER BY claimed_at, target"
    )
    overrides = (
        world.sql("SELECT job, target, enabled FROM overrides"),
        world.sql("SELECT job, target, until FROM pauses"),
    )
    return files, runs, overrides, world.sql("SELECT job FROM start_requests")


@pytest.mark.parametrize("call", MISTAKES, ids=name_of)
def test_the_same_mistake_has_the_same_message_and_changes_nothing(world, expected, interface, call):
    message, state = expected(call)

    assert _answer(interface, call) == message
    assert isinstance(message, str)
    assert _state(world) == state


@pytest.mark.parametrize(("function", "arguments", "message"), NUMBERS)
def test_a_number_out_of_range_is_refused_by_name(world, interfaces, function, arguments, message):
    """The command line, REST and MCP refuse most of these numbers by their own schemas; the message then differs."""
    for name, interface in {**interfaces, "cli": CliInterface(world)}.items():
        with pytest.raises(RefusedError, match=rf"{message}|{next(reversed(arguments))}") as refused:
            interface.service(function, **arguments)
        assert name != "dbus" or re.fullmatch(message, str(refused.value))


def test_a_running_job_is_not_started_again_and_no_interface_reports_that_as_a_success(
    world, interface, until
):
    runner = world.start("run", "sleeper")
    [run] = until(lambda: world.json("history", "--status", "running"))

    with pytest.raises(RefusedError, match="sleeper: it, or another job of its group, is already running"):
        interface.service("run", job="sleeper")
    assert world.json("history", "sleeper") == [run]
    world.run("stop", run["run_id"])
    runner.wait()


def test_a_forecast_with_too_many_runs_is_refused_before_it_is_computed(world, interfaces):
    minutely = '[jobs.minutely]\ncron = "* * * * *"\ncommand = "true"\n'
    world.configure(JOBS.replace("[jobs.yearly]", f"{minutely}[jobs.yearly]"))
    world.run("run")
    span = {"first": "2027-01-01", "last": "2090-01-01"}

    with pytest.raises(
        RefusedError, match=r"from 2027.* to 2090.*: a forecast is limited to 500,000 runs; .* a shorter span"
    ):
        interfaces["mcp"].service("forecast", **span)
    assert interfaces["mcp"].service("forecast", **span, job="yearly")
