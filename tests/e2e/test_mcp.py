"""The interface for agents: a real `scheduled mcp`, called by the client of the MCP SDK."""

import json
import os
import shutil
import subprocess

import jsonschema
import pytest

from tests.fixtures.interfaces import crontab
from tests.fixtures.interfaces.mcp_interface import McpInterface
from tests.fixtures.world import ENTRY, World

JOBS = """
    timezone = "UTC"
    [mcp]
    allow = {allow}
    add_commands = {add_commands}
    [jobs.greet]
    description = "prints hello"
    command = ["echo", "hello"]
    priority = "high"
    [jobs.listener]
    on = "disk_full"
    command = ["true"]
    [jobs.hourly]
    every = "1h"
    command = ["false"]
    [jobs.sleeper]
    command = ["sleep", "60"]
"""
D = {"scheduler_add_task", "scheduler_list_tasks", "scheduler_get_status", "scheduler_get_task", "scheduler_remove_task",
     "scheduler_daemon_status", "scheduler_start_daemon", "scheduler_stop_daemon", "scheduler_restart_daemon"}  # fmt: skip
C = {
    "cron_list",
    "cron_add",
    "cron_remove",
    "cron_enable",
    "cron_run_now",
    "cron_status",
    "cron_notifications",
}
OWN = {"explain", "forecast", "audit", "history", "logs", "emit", "incidents"}


@pytest.fixture(scope="module")
def running_interface(tmp_path_factory):
    """One server for all tests: it loads its configuration for every call."""
    world = World(tmp_path_factory.mktemp("mcp"))
    world.tab = crontab.give(world.root / "bin")
    world.configure(JOBS.format(allow="[]", add_commands="false"))
    world.run("run", "greet")
    shutil.copytree(world.state, world.root / "before")
    with McpInterface(world, PATH=f"{world.root / 'bin'}:{os.environ['PATH']}") as interface:
        yield world, interface


@pytest.fixture
def agent(running_interface):
    """Return a function that grants permissions and returns the interface, with the state reset."""
    world, interface = running_interface
    for file in (world.config.parent / "jobs.d").glob("*"):
        file.unlink()

    def permit(*allow, add_commands=False):
        world.configure(JOBS.format(allow=json.dumps(allow), add_commands=json.dumps(add_commands)))
        return interface

    permit()
    world.tab.unlink(missing_ok=True)
    world.restore(world.root / "before")
    return permit


@pytest.fixture
def world(running_interface):
    return running_interface[0]


def test_every_tool_that_existing_agents_use_is_there(agent):
    assert D | C | OWN <= agent().tools().keys()


def test_every_tool_has_a_valid_schema_and_describes_its_arguments(agent):
    for tool in agent().tools().values():
        jsonschema.Draft202012Validator.check_schema(tool.input_schema)
        jsonschema.Draft202012Validator.check_schema(tool.output_schema)
        assert tool.input_schema["additionalProperties"] is False, tool.name
        assert all(found["description"] for found in tool.input_schema["properties"].values()), tool.name
        assert tool.description, tool.name


def test_a_tool_that_changes_something_is_not_read_only_and_names_its_permission(agent):
    for tool in agent().tools().values():
        assert tool.annotations.read_only_hint == ("Needs allow" not in tool.description), tool.name


READS = {
    "explain": {"job": "greet"},
    "forecast": {"first": "2026-01-01", "last": "2026-01-02"},
    "next_slots": {"limit": 3},
    "audit": {},
    "history": {"job": "greet"},
    "show_run": {"run_id": "RUN"},
    "logs": {"name": "greet", "attempt": 1},
    "incidents": {},
    "dry_run": {},
    "check": {},
    "cron_list": {},
    "cron_status": {},
    "cron_notifications": {},
    "scheduler_list_tasks": {"priority": "high", "limit": 1000},
    "scheduler_get_task": {"task_id": "greet"},
    "scheduler_get_status": {},
    "scheduler_daemon_status": {},
}
CHANGES = {
    "cron_run_now": ("run", {"name": "greet"}),
    "emit": ("run", {"event": "disk_full", "payload": {"disk": "/"}}),
    "rerun": ("run", {"run_id": "RUN"}),
    "skip": ("run", {"job": "hourly"}),
    "stop": ("run", {"run_id": "SLEEPER"}),
    "approve": ("run", {"run_id": "ASKS"}),
    "deny": ("run", {"run_id": "ASKS"}),
    "scheduler_restart_daemon": ("run", {}),
    "cron_enable": ("override", {"name": "hourly", "enabled": False}),
    "ack": ("override", {"names": []}),
    "mute": ("override", {"jobs": ["greet"], "until": "2d"}),
    "unmute": ("override", {"jobs": ["greet"]}),
    "pause": ("override", {"jobs": ["greet"], "until": "+2h"}),
    "resume": ("override", {"jobs": []}),
    "scheduler_start_daemon": ("override", {}),
    "scheduler_stop_daemon": ("override", {}),
    "cron_add": ("add", {"name": "new", "every": "1h", "options": {"handler": "daily_report"}}),
    "cron_remove": ("add", {"name": "listener"}),
    "scheduler_add_task": ("add", {"task_id": "new", "task_type": "custom", "cron_expression": "@daily", "config": {"handler": "daily_report"}}),
    "scheduler_remove_task": ("add", {"task_id": "listener"}),
}  # fmt: skip


def test_every_tool_is_tested_here_as_a_read_or_as_a_change(agent):
    assert agent().tools().keys() == READS.keys() | CHANGES.keys()


@pytest.mark.parametrize("tool", READS)
def test_an_agent_may_always_read(agent, tool):
    interface, arguments = agent(), READS[tool]
    if "RUN" in arguments.values():
        arguments = {"run_id": interface.ask("history")[0]["run_id"]}

    interface.ask(tool, **arguments)


@pytest.mark.parametrize("tool", CHANGES)
def test_a_change_is_refused_without_its_permission_and_nothing_happens(agent, world, tool):
    permission, arguments = CHANGES[tool]
    others = {"run", "override", "add"} - {permission}

    message = agent(*others, add_commands=True).refused(tool, **arguments)

    assert f'"{permission}"' in message and str(world.config) in message and "[mcp] allow" in message
    jobs = {job["name"]: job["enabled"] and not job["paused"] for job in agent().ask("cron_list")}
    assert jobs == dict.fromkeys(("greet", "listener", "hourly", "sleeper"), True)
    assert [run["job"] for run in agent().ask("history")] == ["greet"]
    assert not world.tab.exists()


@pytest.mark.parametrize("tool", CHANGES)
def test_a_change_needs_only_its_own_permission(agent, world, until, tool):
    permission, arguments = CHANGES[tool]
    if tool == "scheduler_start_daemon":  # to write the crontab needs more
        agent("override", add_commands=True).ask(tool)
    interface, run = agent(permission), {}
    if tool in ("cron_remove", "scheduler_remove_task"):
        interface.ask("cron_add", name="own", options={"handler": "daily_report"})
        arguments = dict.fromkeys(arguments, "own")
    if "RUN" in arguments.values():
        run = {"run_id": interface.ask("history")[0]["run_id"]}
    if "ASKS" in arguments.values():
        run = {"run_id": interface.ask("history")[0]["run_id"]}
        world.sql("UPDATE runs SET status = 'waiting_retry', retry_at = NULL")
    if "SLEEPER" in arguments.values():
        interface.ask("cron_run_now", name="sleeper", wait_seconds=0)
        run = {"run_id": until(lambda: interface.ask("history", status="running"))[0]["run_id"]}

    interface.ask(tool, **{**arguments, **run})


def test_the_command_line_sees_a_change_of_an_agent_at_once(agent, world):
    agent("override").ask("cron_enable", name="hourly", enabled=False)

    assert not world.json("show", "hourly")["enabled"]


def test_a_call_waits_for_its_run_and_returns_the_result(agent):
    interface = agent("run")
    done = interface.ask("cron_run_now", name="greet")

    assert done["run_id"] == interface.ask("history")[0]["run_id"]
    assert done["over"] and done["result"]["runs"][0]["status"] == "success"


def test_a_long_run_does_not_block_other_calls(agent, until):
    interface = agent("run")

    started = interface.ask("cron_run_now", name="sleeper", wait_seconds=0)
    run_id = started["run_id"]
    assert (started["run_ids"], started["over"], started["result"]) == ([run_id], False, None)
    assert started["jobs"] == [{"job": "sleeper", "target": None}]
    running = until(lambda: interface.ask("history", status="running"))[0]
    assert (running["job"], running["run_id"]) == ("sleeper", run_id)
    interface.ask("stop", run_id=running["run_id"])


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("cron_add", {"name": "evil", "every": "1h", "command": "true"}),
        ("cron_add", {"name": "evil", "every": "1h", "options": {"python": "os:abort"}}),
        ("cron_add", {"name": "evil", "every": "1h", "options": {"chain": ["greet"], "env": {"A": "b"}}}),
        ("cron_add", {"name": "evil", "every": "1h", "options": {"chain": ["greet"], "only_if": {"command": "true"}}}),
        ("scheduler_add_task", {"task_id": "evil", "task_type": "custom", "config": {"command": "true"}}),
        ("scheduler_start_daemon", {}),
    ],
)  # fmt: skip
def test_a_job_that_executes_something_needs_add_commands_too(agent, world, tool, arguments):
    message = agent("run", "override", "add").refused(tool, **arguments)

    assert "add_commands" in message and str(world.config) in message
    assert "evil" not in {job["name"] for job in world.json("jobs")}


@pytest.mark.parametrize(
    ("tool", "arguments", "expected"),
    [
        ("cron_add", {"name": "new", "options": {"name": "other", "chain": ["greet"]}}, "name: given twice with different values: 'new' and 'other'"),
        ("cron_add", {"name": "new", "cron": "@daily", "options": {"cron": "@hourly", "chain": ["greet"]}}, "cron: given twice with different values: '@daily' and '@hourly'"),
        ("cron_add", {"name": "new", "cron": "@daily", "options": {"cron_expression": "@hourly", "chain": ["greet"]}}, "cron: given twice with different values"),
        ("cron_add", {"name": "new", "cron": "@daily", "options": {"job_type": "cron", "schedule": "@hourly", "chain": ["greet"]}}, "cron: given twice with different values"),
        ("scheduler_add_task", {"task_id": "new", "task_type": "custom", "priority": "high", "config": {"priority": "low", "chain": ["greet"]}}, "priority: given twice with different values: 'high' and 'low'; give one"),
        ("scheduler_add_task", {"task_id": "new", "task_type": "custom", "config": {"name": "other", "chain": ["greet"]}}, "name: given twice with different values"),
    ],
)  # fmt: skip
def test_a_job_with_two_different_values_for_a_key_is_not_added(agent, world, tool, arguments, expected):
    assert expected in agent("add").refused(tool, **arguments)
    assert {"new", "other"}.isdisjoint(job["name"] for job in world.json("jobs"))


def test_the_same_value_given_twice_is_accepted(agent, world):
    agent("add", "run").ask(
        "cron_add", name="new", cron="@daily", options={"cron": "@daily", "every": None, "chain": ["greet"]}
    )

    assert world.json("show", "new")["schedule"] == "@daily"


def test_with_add_commands_a_command_is_added_and_runs(agent, world):
    agent("add", add_commands=True).ask(
        "scheduler_add_task", task_id="new", task_type="custom", config={"command": ["echo", "new"]}
    )

    assert world.run("run", "new", "--json").returncode == 0


@pytest.mark.parametrize(
    ("tool", "arguments", "expected"),
    [
        ("cron_add", {"name": "new", "options": {"timout": "5m", "chain": ["greet"]}}, "timout: unknown argument; did you mean timeout?"),
        ("scheduler_add_task", {"task_id": "new", "task_type": "custom", "config": {"timout": 5, "chain": ["greet"]}}, "timout: unknown argument; did you mean timeout?"),
        ("cron_add", {"name": "new", "comand": "true"}, "comand: no such argument; did you mean command? the arguments are name, cron"),
        ("cron_add", {"name": "new", "timeout": "5m"}, "timeout: no such argument; the arguments are name, cron, every, at, on, command, description, options; other keys of a job belong into `options`"),
    ],
)  # fmt: skip
def test_a_misspelt_key_is_an_unknown_argument_and_not_a_refusal(agent, world, tool, arguments, expected):
    message = agent("add").refused(tool, **arguments)

    assert message.startswith(expected) and "add_commands" not in message
    assert "new" not in {job["name"] for job in world.json("jobs")}


@pytest.mark.parametrize(
    ("tool", "argument"), [("cron_remove", "name"), ("scheduler_remove_task", "task_id")]
)
def test_an_agent_removes_only_jobs_that_it_added(agent, world, tool, argument):
    interface = agent("add", add_commands=True)
    interface.ask("cron_add", name="own", every="1h", command="true", options={"labels": {"team": "ops"}})
    assert world.json("show", "own")["settings"]["labels"] == {"team": "ops", "added_by": "mcp"}

    message = interface.refused(tool, **{argument: "hourly"})
    assert message.startswith("hourly: the interface mcp did not add this job")
    assert f"`scheduled --config {world.config} --state {world.state} remove hourly`" in message
    interface.ask(tool, **{argument: "own"})

    assert [job["name"] for job in world.json("jobs")] == ["greet", "listener", "hourly", "sleeper"]


def add_task(interface, **arguments):
    return interface.ask("scheduler_add_task", **{"task_id": "new", "task_type": "custom", **arguments})


@pytest.mark.parametrize(
    ("when", "immediate"),
    [
        ({}, True),
        ({"schedule": "2020-01-02T03:04:05Z"}, True),
        ({"schedule": "immediate"}, True),
        ({"schedule": "manual"}, False),
        ({"config": {"job_type": "manual"}}, False),
        ({"schedule": "2100-01-02T03:04:05Z"}, False),
        ({"config": {"enabled": False}}, False),
        ({"schedule": "immediate", "config": {"enabled": False}}, False),
        ({"config": {"on": "disk_full"}}, False),
        ({"config": {"after": ["greet"]}}, False),
    ],
)
def test_a_task_without_a_schedule_or_with_a_past_instant_runs_once_at_the_next_tick(
    agent, world, when, immediate
):
    config = {"command": ["echo", "new"], **when.pop("config", {})}
    added = add_task(agent("add", add_commands=True), config=config, **when)
    for _ in range(2):
        world.run("run")

    assert added["immediate"] is immediate
    assert [run["status"] for run in world.json("history", "new")] == ["success"] * immediate


def test_a_task_that_is_refused_requests_no_start(agent, world):
    add_task_again = {"task_id": "greet", "task_type": "custom", "config": {"chain": ["hourly"]}}
    assert "already exists" in agent("add", "run").refused("scheduler_add_task", **add_task_again)

    assert world.json("run", "--dry-run") == []


@pytest.mark.parametrize(
    ("config", "retries"),
    [({}, 3), ({"max_retries": 5}, 5), ({"max_retries": 0}, 0), ({"retry": {"max_attempts": 2}}, 1), ({"retry": {"delay": 0}, "max_retries": 1}, 1)],
)  # fmt: skip
def test_a_task_has_three_retries_unless_its_config_sets_others(agent, world, config, retries):
    add_task(agent("add", "run"), config={"chain": ["greet"], **config})

    assert world.json("show", "new")["settings"]["retry"]["max_attempts"] == retries + 1


def test_a_task_has_the_fields_of_a_task_queue(agent, world):
    interface = agent("add", add_commands=True)
    config = {"command": ["false"], "max_retries": 1, "env": {"API_TOKEN": "abc123"}}
    add_task(interface, task_type="dreaming", cron_expression="0 3 * * *", config=config)
    before = interface.ask("scheduler_get_task", task_id="new")["task"]
    world.run("run", "new")
    task = interface.ask("scheduler_get_task", task_id="new")["task"]

    assert (task["type"], task["cron_expression"], task["max_retries"]) == ("dreaming", "0 3 * * *", 1)
    assert task["config"]["command"] == ["false"] and "abc123" not in json.dumps(task)
    assert (before["result"], before["error"], before["retry_count"]) == (None, None, 0)
    assert (task["result"], task["retry_count"]) == ({"exit_code": 1}, 0)
    assert "exit" in task["error"]
    [listed] = [found for found in interface.ask("scheduler_list_tasks")["tasks"] if found["id"] == "new"]
    assert listed == {key: task[key] for key in listed}


def test_a_completed_task_is_removed_only_by_the_general_tool(agent, world):
    interface = agent("add", "run")
    add_task(interface, config={"chain": ["greet"]})
    world.run("run")

    assert "cron_remove" in interface.refused("scheduler_remove_task", task_id="new")
    interface.ask("cron_remove", name="new")


def test_the_status_counts_ticks_and_tasks(agent, world):
    interface = agent()
    before = interface.ask("scheduler_daemon_status")
    world.run("run")
    ticked = interface.ask("scheduler_daemon_status")
    world.run("run", "greet")
    after = interface.ask("scheduler_daemon_status")

    assert [found["tick_count"] - before["tick_count"] for found in (ticked, after)] == [1, 1]
    assert after["queue"] == interface.ask("scheduler_get_status")["queue"] == {
        "total": 4,
        "by_status": {"completed": 1, "pending": 3},
        "by_priority": {"high": 1, "medium": 3},
        "by_type": {"custom": 4},
    }  # fmt: skip


def test_a_revoked_permission_is_refused_at_once(agent):
    agent("run").ask("cron_run_now", name="greet")

    assert "allow" in agent().refused("cron_run_now", name="greet")


@pytest.mark.parametrize(
    ("tool", "arguments", "expected"),
    [
        ("explain", {"job": "gret"}, "no such job: gret; did you mean greet?"),
        ("explain", {"job": "greet", "at": "noon"}, "not an ISO date and time: 'noon'"),
        (
            "history",
            {"jib": "greet"},
            "jib: no such argument; did you mean job? the arguments are job, since, status, limit",
        ),
        ("explain", {}, "job: is missing"),
        ("stop", {"run_id": ["a"]}, "run_id: Input should be a valid string, got ['a']"),
        ("history", {"status": "fine"}, "status: must be one of"),
        (
            "scheduler_list_tasks",
            {"limit": 1001},
            "limit: Input should be less than or equal to 1000, got 1001",
        ),
    ],
)
def test_an_error_names_the_mistake_and_its_correction(agent, tool, arguments, expected):
    assert expected in agent().refused(tool, **arguments)


def test_answers_of_scheduler_tools_have_a_status_of_success_or_error(agent):
    assert agent().call("scheduler_get_task", task_id="x")[1]["status"] == "error"
    assert agent().ask("scheduler_get_task", task_id="greet")["status"] == "success"


@pytest.mark.parametrize(
    ("tool", "arguments", "expected"),
    [
        ("scheduler_list_tasks", {"limit": 0}, "limit: Input should be greater than or equal to 1, got 0"),
        ("scheduler_list_tasks", {"priority": "huge"}, "priority: "),
        ("scheduler_get_task", {"task_id": 5}, "task_id: "),
        ("scheduler_get_task", {}, "task_id: is missing"),
        ("scheduler_add_task", {"task_id": "x", "task_type": "blah"}, "task_type: Input should be 'dreaming', "),
    ],
)  # fmt: skip
def test_refused_arguments_have_the_status_error_too(agent, tool, arguments, expected):
    refused, answer = agent("add").call(tool, **arguments)

    assert (refused, answer["status"], answer["exit_code"]) == (True, "error", 2)
    assert answer["message"].startswith(expected)


def test_an_unreadable_configuration_is_reported_and_the_server_keeps_running(agent, world):
    interface = agent()
    known = {job["name"] for job in interface.ask("cron_list")}
    world.config.write_text("[")
    assert str(world.config) in interface.refused("dry_run")
    assert str(world.config) in interface.refused("cron_run_now", name="greet")
    listed = interface.ask("cron_list")
    assert str(world.config) in listed["config_error"]
    assert {job["name"] for job in listed["result"]} <= known

    agent()
    assert {job["name"] for job in interface.ask("cron_list")} == known


def test_a_task_is_a_job_with_other_field_names(agent):
    task = agent().ask("scheduler_get_task", task_id="greet")["task"]
    listed = agent().ask("scheduler_list_tasks", priority="high")["tasks"]

    assert (task["id"], task["status"], task["priority"]) == ("greet", "completed", "high")
    assert [found["id"] for found in listed] == ["greet"]


def test_a_running_task_is_not_removed(agent, until):
    interface = agent("run", "add")
    add_task(interface, schedule="manual", config={"chain": ["sleeper"]})
    interface.ask("cron_run_now", name="new", wait_seconds=0)
    running = until(lambda: interface.ask("history", job="sleeper", status="running"))[0]

    assert "is running" in interface.refused("scheduler_remove_task", task_id="new")
    interface.ask("stop", run_id=running["run_id"])


def test_starting_the_daemon_installs_the_crontab_block_and_stopping_it_pauses_all_jobs(agent, world):
    interface = agent("override", add_commands=True)
    interface.ask("scheduler_stop_daemon")
    stopped = interface.ask("scheduler_daemon_status")
    assert (stopped["paused"], stopped["running"]) == (True, False)

    interface.ask("scheduler_start_daemon")
    started = interface.ask("scheduler_daemon_status")
    assert (started["paused"], started["running"]) == (False, True)
    assert str(world.state) in world.tab.read_text()


def test_the_resources_are_the_status_and_the_daily_report(agent, world):
    interface = agent()
    (world.state / "reports" / "daily-2026-01-02.md").write_text("# All well\n")

    assert interface.resources() == {"scheduled://status", "scheduled://report"}
    assert json.loads(interface.read("scheduled://status")).keys() == world.json("status").keys()
    assert interface.read("scheduled://report") == "# All well\n"


def test_it_ends_when_its_client_closes_the_connection(world):
    done = world.run("mcp", stdin=subprocess.DEVNULL)

    assert (done.returncode, done.stdout) == (0, "")


def test_it_ends_when_its_client_closes_the_connection_during_a_long_wait(agent, world, until):
    agent("run")
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    call = {"name": "cron_run_now", "arguments": {"name": "sleeper", "wait_seconds": 600}}
    messages = [
        {"id": 1, "method": "initialize", "params": hello},
        {"method": "notifications/initialized"},
        {"id": 2, "method": "tools/call", "params": call},
    ]
    with subprocess.Popen(
        world.command("mcp"),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        server.stdin.writelines(json.dumps({"jsonrpc": "2.0", **message}) + "\n" for message in messages)
        server.stdin.flush()
        [run] = until(lambda: world.json("history", "--status", "running"))
        _, errors = server.communicate(timeout=20)

    assert (server.returncode, errors) == (0, "")
    assert world.json("history", "--status", "running") == [run]  # the run continues without the server
    world.run("stop", run["run_id"])


def test_without_the_library_it_prints_the_command_that_installs_it(world, tmp_path):
    (tmp_path / "mcp.py").write_text("raise ImportError('not here')")

    done = world.run("mcp", env={**os.environ, "PYTHONPATH": str(tmp_path)})

    assert done.returncode == 2
    assert (
        f" -m pip install --editable '{ENTRY.parents[1]}[mcp]'\n" in done.stderr
        and "Traceback" not in done.stderr
    )


def test_a_message_of_three_thousand_levels_or_with_a_key_twice_is_answered_with_an_error_in_words(world):
    world.configure('timezone = "UTC"\n')
    nested = '{"a":' * 3000 + "1" + "}" * 3000
    about = {
        "protocolVersion": "2025-03-26",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    }
    lines = [
        json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": about}),
        json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}),
        f'{{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{{"name":"cron_add","arguments":{nested}}}}}',
        json.dumps({"jsonrpc": "2.0", "id": 3, "method": "ping"}),
        '{"jsonrpc":"2.0","id":4,"method":"tools/call","params":{"name":"cron_add","arguments":{"name":"x","name":"y"}}}',
    ]

    with subprocess.Popen(
        world.command("mcp"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        server.stdin.write("".join(f"{line}\n" for line in lines))
        server.stdin.flush()
        answers = {
            answer["id"]: answer for answer in (json.loads(server.stdout.readline()) for _ in range(4))
        }
        server.stdin.close()

    assert answers.keys() == {1, 2, 3, 4}
    assert "nested too deeply" in answers[2]["error"]["message"]
    assert "name: occurs twice in one object; write it once" in answers[4]["error"]["message"]
