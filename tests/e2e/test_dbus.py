"""The D-Bus interface, started by a real dbus-daemon and called with busctl, gdbus and dbus-send."""

import asyncio
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from dbus_fast.aio import MessageBus
from jeepney import DBusAddress, HeaderFields, MessageType, message_bus, new_method_call
from jeepney.io.blocking import open_dbus_connection

from scheduled.errors import StateError
from scheduled.instance import Instance
from scheduled.interfaces.dbus import server as dbus
from tests.fixtures.interfaces import crontab
from tests.fixtures.interfaces.dbus_interface import BOT, OURS, DbusInterface
from tests.fixtures.interfaces.session import Session, missing
from tests.fixtures.world import ENTRY, World

pytestmark = [pytest.mark.system, pytest.mark.skipif(bool(missing()), reason=missing())]

JOBS = """
    timezone = "UTC"
    [jobs.daily_standup]
    command = ["echo", "hello"]
    [jobs.hourly]
    cron = "0 5 1 1 *"
    command = ["false"]
    [jobs.sleeper]
    command = ["sleep", "60"]
"""


class Runtime:
    """A configuration, a state directory, and a session bus with the services for them."""

    def __init__(self, root):
        self.world = World(root)
        self.tab = crontab.give(root / "bin")
        self.session = Session(root, HOME=str(root), PATH=f"{root / 'bin'}:{os.environ['PATH']}")
        self.world.configure(JOBS)
        self.interface = DbusInterface(self.session)

    def scheduled(self, *words):
        return self.world.run(*words, env=self.session.environment)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    runtime = Runtime(tmp_path_factory.mktemp("bus"))
    runtime.scheduled("install", "--dbus")
    runtime.scheduled("run", "daily_standup")
    shutil.copytree(runtime.world.state, runtime.world.root / "before")
    yield runtime
    runtime.session.close()


@pytest.fixture
def runtime(built):
    built.world.configure(JOBS)
    for run in json.loads(built.scheduled("history", "--status", "running", "--json").stdout):
        built.scheduled("stop", run["run_id"])
    built.world.restore(built.world.root / "before")
    return built


@pytest.fixture
def interface(runtime):
    return runtime.interface


@pytest.fixture
def other(tmp_path):
    """A world and a bus that the test may break."""
    runtime = Runtime(tmp_path)
    yield runtime
    runtime.session.close()


def service_pids(runtime):
    """Return the process ids of the services that the bus of *runtime* started."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if str(runtime.world.config).encode() in words and b"dbus" in words:
                found.append(int(entry.name))
    return found


# Calls


def test_a_call_of_run_job_starts_the_service_and_a_run(runtime, until):
    runtime.session.run("busctl", "--user", "call", *BOT, "run_job", "s", "daily_standup")

    until(lambda: len(runtime.world.json("history", "daily_standup", "--status", "success")) == 2)


def test_a_long_run_does_not_block_other_calls(interface, until):
    started = time.monotonic()
    answer = interface.bot("run_job", "s", "sleeper")
    assert answer["success"]
    assert interface.bot("list_jobs")
    assert time.monotonic() - started < 10

    running = until(lambda: interface.ask("history", status="running"))[0]
    assert (running["job"], running["run_id"]) == ("sleeper", answer["run_id"])
    interface.ask("stop", run_id=running["run_id"])


@pytest.mark.parametrize(
    "call", [(BOT, "run_job", "s", "sleeper"), (OURS, "Ask", "ss", "start", '{"jobs": ["sleeper"]}')]
)
def test_of_two_simultaneous_calls_for_the_same_run_one_starts_it_and_the_other_gets_an_error(
    runtime, interface, call, until
):
    destination, *rest = call
    words = ["busctl", "--user", "call", *destination, *rest]
    both = [
        subprocess.Popen(words, env=runtime.session.environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        for _ in range(2)
    ]  # fmt: skip
    errors = sorted(one.communicate(timeout=60)[1] for one in both)

    assert (errors[0], errors[1].strip()) == (
        "",
        "Call failed: sleeper: it, or another job of its group, is already running",
    )
    assert (
        len(until(lambda: interface.ask("history", status="running"))) == 1
    )  # claimed at once, and soon started


def test_calls_that_wait_for_runs_do_not_block_other_calls(runtime, interface, until):
    jobs = [f"s{number}" for number in range(8)]
    runtime.world.configure("".join(f"[jobs.{job}]\ncommand = ['sleep', '60']\n" for job in jobs))
    waiting = [
        subprocess.Popen(
            ["busctl", "--user", "--timeout=90", "call", *OURS, "Ask", "ss", "start", f'{{"jobs": ["{job}"], "wait": 60}}'],
            env=runtime.session.environment, stdout=subprocess.PIPE, text=True,
        )
        for job in jobs
    ]  # fmt: skip
    runs = until(
        lambda: found if len(found := runtime.world.json("history", "--status", "running")) == 8 else None
    )

    assert len(interface.ask("history", status="running")) == 8  # while all of them wait
    assert [one.poll() for one in waiting] == [None] * 8
    for run in runs:
        runtime.scheduled("stop", run["run_id"])
    assert [r"\"over\":true" in one.communicate(timeout=60)[0] for one in waiting] == [True] * 8


@pytest.mark.parametrize(("word", "enabled"), [("false", False), ("0", False), ("True", True), ("on", True)])
def test_toggle_job_accepts_several_spellings_of_a_boolean(runtime, interface, word, enabled):
    interface.bot("toggle_job", "ss", "hourly", word)

    assert runtime.world.json("show", "hourly")["enabled"] is enabled


def test_toggle_scheduler_pauses_and_resumes_all_jobs(runtime, interface):
    interface.bot("toggle_scheduler", "s", "false")
    assert runtime.world.json("status")["paused"] == {"*": None}

    interface.bot("toggle_scheduler", "s", "true")
    assert runtime.world.json("status")["paused"] == {}


def test_history_and_jobs_are_the_documents_of_the_command_line(runtime, interface):
    assert interface.bot("get_history", "i", 5) == runtime.world.json("history", "--limit", "5")
    assert [job["name"] for job in interface.bot("list_jobs")] == ["daily_standup", "hourly", "sleeper"]


def test_the_configuration_is_read_and_changed(runtime, interface):
    assert interface.bot("get_config", "ss", "jobs.hourly", "cron") == "0 5 1 1 *"
    assert interface.bot("get_config", "ss", "schedules", "timezone") == "UTC"

    interface.bot("update_config", "sss", "jobs.hourly", "cron", "30 * * * *")
    assert 'cron = "30 * * * *"' in runtime.world.config.read_text()
    interface.bot("update_config", "sss", "schedules", "enabled", "false")
    assert interface.bot("get_config", "ss", "schedules", "enabled") is False


@pytest.mark.parametrize(
    ("section", "key", "value", "expected"),
    [
        ("history", "keep_days", "30", 30),
        ("", "max_parallel", "4", 4),
        ("schedules", "timezone", "Europe/Paris", "Europe/Paris"),
        ("defaults", "priority", '"low"', "low"),
        ("jobs.hourly", "retry.max_attempts", "3", 3),
        ("jobs.hourly", "enabled", "False", False),
        (
            "catch_up",
            "",
            '{"max_runs": 7}',
            {"max_runs": 7, "max_event_runs": 1000, "max_minutes": None, "max_sessions": None},
        ),
    ],
)
def test_every_section_of_the_configuration_is_read_and_changed(
    runtime, interface, section, key, value, expected
):
    interface.bot("update_config", "sss", section, key, value)

    assert interface.bot("get_config", "ss", section, key) == expected
    assert runtime.world.run("check").returncode == 0
    assert runtime.world.config.read_text().startswith("\ntimezone")  # nothing else is rewritten


def test_a_key_of_a_section_is_removed(interface):
    interface.bot("update_config", "sss", "history", "keep_days", "30")
    interface.bot("update_config", "sss", "history", "keep_days", "null")

    assert interface.bot("get_config", "ss", "history", "keep_days") == 90


def test_all_jobs_are_one_section_and_secrets_are_masked(runtime, interface):
    runtime.world.configure(JOBS + '[defaults.env]\nAPI_TOKEN = "abc123"\n')

    assert interface.bot("get_config", "ss", "jobs", "hourly.cron") == "0 5 1 1 *"
    assert "abc123" not in json.dumps(interface.bot("get_config", "ss", "defaults", ""))


@pytest.mark.parametrize(
    ("method", "arguments"),
    [("update_config", ("sss", "dbus", "add_commands", "true")), ("update_config", ("sss", "", "workspace", "/")),
     ("update_config", ("sss", "defaults", "env.LD_PRELOAD", "x.so")), ("update_config", ("sss", "jobs.hourly", "env.A", "b")),
     ("update_config", ("sss", "jobs.hourly", "command", "rm -rf /")), ("update_config", ("sss", "jobs.hourly", "env", '{"A": "b"}'))],
)  # fmt: skip
def test_what_is_executed_is_changed_over_the_bus_only_if_the_configuration_allows_it(
    runtime, interface, method, arguments
):
    before = runtime.world.config.read_bytes()
    assert "[dbus] add_commands = true" in interface.refused(BOT, method, *arguments)
    assert runtime.world.config.read_bytes() == before

    runtime.world.configure(JOBS + "    [dbus]\n    add_commands = true\n")
    interface.bot(method, *arguments)
    assert runtime.world.config.read_bytes() != before


def test_a_job_with_a_command_is_added_only_if_the_configuration_allows_it(runtime, interface):
    call = (OURS, "Ask", "ss", "add", json.dumps({"name": "n", "definition": {"command": "true"}}))
    assert "add_commands" in interface.refused(*call)

    runtime.world.configure(JOBS + "    [dbus]\n    add_commands = true\n")
    assert interface.call(*call)[0] is False
    (runtime.world.config.parent / "jobs.d" / "n.toml").unlink()


@pytest.mark.parametrize(
    ("question", "arguments"),
    [
        ("remove", {"job": "hourly"}), ("install", {}), ("uninstall", {}),
        ("replace", {"job": "hourly", "definition": {"cron": "0 5 1 1 *", "chain": ["daily_standup"]}}),
    ],
)  # fmt: skip
def test_what_removes_jobs_or_writes_the_crontab_needs_the_permission(
    runtime, interface, question, arguments
):
    before = runtime.world.config.read_bytes(), runtime.tab.read_bytes()
    assert "[dbus] add_commands = true" in interface.refused(
        OURS, "Ask", "ss", question, json.dumps(arguments)
    )
    assert (runtime.world.config.read_bytes(), runtime.tab.read_bytes()) == before

    runtime.world.configure(JOBS + "    [dbus]\n    add_commands = true\n")
    assert interface.call(OURS, "Ask", "ss", question, json.dumps({**arguments, "dry_run": True}))[0] is False


def test_a_replacement_that_keeps_what_is_executed_needs_no_permission(interface):
    definition = {"cron": "30 * * * *", "command": ["false"], "description": "x"}
    interface.ask("replace", job="hourly", definition=definition)

    assert interface.bot("get_config", "ss", "jobs.hourly", "") == definition


def test_the_state_is_read_and_written_on_request(runtime, interface):
    state = interface.bot("get_state")
    assert (state["enabled"], state["timezone"]) == (True, "UTC")
    assert state["history"] == runtime.world.json("history")
    assert [job["name"] for job in state["jobs"]] == ["daily_standup", "hourly", "sleeper"]

    (runtime.world.state / "scheduled_state.json").write_text(
        (runtime.world.state / "scheduled_state.json").read_text()
    )
    written = interface.bot("write_state")
    assert written == {"success": True, "file": str(runtime.world.state / "scheduled_state.json")}
    assert "daily_standup" in runtime.world.snapshot()["jobs"]


def test_call_method_returns_errors_as_answers(runtime, interface):
    program = f"scheduled --config {runtime.world.config} --state {runtime.world.state}"
    assert interface.bot("CallMethod", "ss", "list_jobs", "{}")["success"]
    assert interface.bot("CallMethod", "ss", "run_job", '{"job_name": "x"}') == {
        "success": False,
        "error": f"no such job: x; `{program} jobs` lists the jobs",
    }
    assert "no such method" in interface.bot("CallMethod", "ss", "fly", "")["error"]
    assert "job_name" in interface.bot("CallMethod", "ss", "run_job", '{"job": "x"}')["error"]
    assert "job_name" in interface.bot("CallMethod", "ss", "run_job", "[]")["error"]
    assert "positional" in interface.bot("CallMethod", "ss", "toggle_job", '["a", true, 3]')["error"]


def result(interface, name, arguments):
    answer = interface.bot("CallMethod", "ss", name, arguments)
    assert answer["success"], answer
    return answer["result"]


def test_call_method_accepts_an_array_of_arguments_an_object_or_one_value(runtime, interface):
    everything = runtime.world.json("history")
    assert result(interface, "get_history", "") == everything
    assert result(interface, "get_history", "[1]") == everything[:1]
    assert result(interface, "get_history", '["1", "daily_standup"]') == everything[:1]
    assert result(interface, "get_history", '{"limit": "1"}') == everything[:1]
    assert result(interface, "get_history", "1") == everything[:1]
    assert result(interface, "run_job", '"daily_standup"')["run_id"].startswith("daily_standup-manual-")
    assert result(interface, "toggle_job", '["hourly", "false"]')["enabled"] is False
    assert result(interface, "toggle_job", '["hourly", true]')["enabled"] is True
    assert result(interface, "get_config", '["jobs.hourly", "cron"]') == "0 5 1 1 *"


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("get_history", '{"limit": "x"}', "get_history: limit: Expected `int`, got `str`"),
        ("get_history", '{"limit": null}', "limit: Expected `int`, got `null`"),
        ("get_history", '{"limit": 2.5}', "limit: Expected `int`, got `float`"),
        ("get_history", '{"limit": 5000000000000000000000000}', "limit: must be 1 to 1,000,000"),
        ("get_history", '{"limit": 5, "job_name": 5}', "job_name: Expected `str | null`, got `int`"),
        ("run_job", '{"job_name": ["a"]}', "job_name: Expected `str`, got `array`"),
        ("toggle_job", '{"job_name": {}, "enabled": true}', "job_name: Expected `str`, got `object`"),
        ("get_config", '{"section": 5}', "section: Expected `str`, got `int`"),
        ("update_config", '{"section": "jobs.hourly", "key": ["a"], "value": 1}', "key: Expected `str`"),
        ("list_jobs", "[" * 5000, "not JSON"),
    ],
)
def test_call_method_returns_an_error_for_arguments_of_a_wrong_type(interface, name, arguments, expected):
    found = interface.bot("CallMethod", "ss", name, arguments)

    assert (found["success"], expected in found["error"]) == (False, True), found


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("run_job", "s", "daily_standu"), "no such job: daily_standu; did you mean daily_standup?"),
        (("toggle_job", "ss", "hourly", "perhaps"), "write true or false"),
        (("get_history", "i", 0), "limit: must be 1 to 1,000,000, got 0"),
        (("get_config", "ss", "jobs.hourly", "x"), "jobs.hourly: no key 'x'; its keys are cron, command"),
        (
            ("get_config", "ss", "nothing", ""),
            "no such section: 'nothing'; use one of defaults, notify, catch_up, history",
        ),
        (
            ("get_config", "ss", "history", "keep_day"),
            "history: no key 'keep_day'; its keys are keep_days, keep_runs",
        ),
        (("update_config", "sss", "history", "keep_days", "0"), "history.keep_days: must be from 1 to"),
        (("update_config", "sss", "history", "keep_day", "1"), "add_commands"),
        (("update_config", "sss", "jobs", "", "{}"), "jobs: name the key to set, or the section of one job"),
    ],
)
def test_an_error_names_the_mistake_and_its_correction(interface, arguments, expected):
    assert expected in interface.refused(BOT, *arguments)


def test_ask_calls_functions_by_name_and_validates_their_arguments(interface):
    assert {"explain", "forecast", "audit"} <= set(interface.property(OURS, "Questions"))
    assert "limit" in interface.refused(OURS, "Ask", "ss", "history", '{"limit": "many"}')
    assert "no such function" in interface.refused(OURS, "Ask", "ss", "run", "{}")
    assert "definition: Expected `object`" in interface.refused(
        OURS, "Ask", "ss", "add", '{"name": "n", "definition": 5}'
    )
    assert "explain: jb: unknown argument; did you mean job?" in interface.refused(
        OURS, "Ask", "ss", "explain", '{"jb": "hourly"}'
    )
    assert "'explan'; did you mean explain?" in interface.refused(OURS, "Ask", "ss", "explan", "{}")
    assert "'run_jb'; did you mean run_job?" in interface.bot("CallMethod", "ss", "run_jb", "")["error"]
    twice = '{"name": "n", "definition": {"name": "m", "chain": ["hourly"]}}'
    assert "name: given twice with different values: 'n' and 'm'" in interface.refused(
        OURS, "Ask", "ss", "add", twice
    )


@pytest.mark.parametrize("wait", ["-1", "1e300", "601"])
@pytest.mark.parametrize(
    ("question", "argument"), [("start", '"jobs": ["sleeper"]'), ("start_again", '"run_id": "{}"')]
)
def test_a_wait_out_of_range_is_refused_and_nothing_is_started(interface, question, argument, wait):
    before = interface.ask("history")
    arguments = f'{{{argument.format(before[0]["run_id"])}, "wait": {wait}}}'

    assert "wait: must be 0 to 600" in interface.refused(OURS, "Ask", "ss", question, arguments)
    assert interface.ask("history") == before


# Clients, introspection and properties


def test_gdbus_and_dbus_send_work_too(runtime):
    called = runtime.session.run(
        "gdbus", "call", "--session", "-d", BOT[0], "-o", BOT[1], "-m", f"{BOT[2]}.Ping"
    )
    sent = runtime.session.run(
        "dbus-send", "--session", "--print-reply", f"--dest={BOT[0]}", BOT[1], f"{BOT[2]}.get_history", "int32:3"
    )  # fmt: skip

    assert called.stdout == "('pong',)\n"
    assert "daily_standup" in sent.stdout


def test_introspection_lists_every_method_property_and_signal(runtime):
    xml = runtime.session.run("busctl", "--user", "introspect", "--xml-interface", *BOT[:2]).stdout
    found = next(node for node in ET.fromstring(xml) if node.get("name") == BOT[2])
    described = {
        (member.tag, member.get("name")): "".join(arg.get("type") for arg in member.iter("arg"))
        or member.get("type", "")
        for member in found
    }

    assert described == {
        ("method", "run_job"): "ss", ("method", "list_jobs"): "s", ("method", "get_history"): "is",
        ("method", "toggle_scheduler"): "ss", ("method", "toggle_job"): "sss", ("method", "get_config"): "sss",
        ("method", "update_config"): "ssss", ("method", "CallMethod"): "sss", ("method", "get_state"): "s", ("method", "write_state"): "s",
        ("signal", "StatusChanged"): "s", ("method", "Ping"): "s",
        ("method", "GetStatus"): "s", ("method", "GetStats"): "s", ("method", "HealthCheck"): "s",
        ("method", "Shutdown"): "s", ("property", "Running"): "b", ("property", "Uptime"): "d",
        ("property", "Stats"): "s", ("signal", "JobStarted"): "ss", ("signal", "JobCompleted"): "sss",
        ("signal", "JobFailed"): "sss", ("signal", "SchedulerToggled"): "b", ("signal", "Event"): "ss",
    }  # fmt: skip
    assert {note.get("value") for note in found.iter("annotation")} == {"false"}


def test_the_properties_agree_with_the_status(runtime, interface):
    assert interface.property(BOT, "Running") is True
    assert interface.property(BOT, "Uptime") >= 0
    assert json.loads(interface.property(BOT, "Stats")) == runtime.world.json("status")["stats"]
    assert interface.bot("HealthCheck")["healthy"] == interface.bot("GetStatus")["healthy"]
    assert interface.bot("GetStats")["total_executions"] == 1
    [run] = runtime.world.json("history")
    assert interface.bot("HealthCheck")["last_execution"] == {
        "job": "daily_standup",
        "run_id": run["run_id"],
        "status": "success",
        "completed_at": run["finished_at"],
    }


def test_with_an_unreadable_configuration_reads_answer_from_the_ledger_and_the_error_is_a_property(
    runtime, interface
):
    assert interface.property(OURS, "ConfigError") == ""
    before = interface.bot("get_history", "i", "5")
    runtime.world.config.write_text("[")
    config = str(runtime.world.config)

    assert config in interface.property(OURS, "ConfigError")
    assert [job["name"] for job in interface.bot("list_jobs")] == ["daily_standup", "hourly", "sleeper"]
    assert interface.bot("get_history", "i", "5") == before != []
    assert interface.bot("CallMethod", "ss", "get_history", "[5]")["result"] == before
    assert interface.ask("history", limit=5) == before
    assert interface.ask("one_run", run_id=before[0]["run_id"])["status"] == "success"
    assert {slot["reason"] for slot in interface.ask("upcoming")} == {"config_error"}
    for status in (interface.bot("GetStatus"), interface.bot("get_state"), interface.ask("status")):
        assert status["healthy"] is False and any(config in problem for problem in status["problems"])
    assert interface.bot("get_state")["timezone"] is None
    assert interface.property(BOT, "Running") in (True, False)
    assert config in interface.refused(BOT, "run_job", "s", "sleeper")
    assert config in interface.refused(BOT, "get_config", "ss", "", "")

    runtime.world.configure(JOBS)
    assert interface.property(OURS, "ConfigError") == ""


# Signals


@pytest.fixture
def monitor(runtime):
    monitor = runtime.session.monitor("type=signal,interface=com.aiworkflow.BotCron")
    yield monitor
    monitor.close()


def members(lines):
    return [word.split("=")[1] for line in lines if line.startswith("signal") for word in line.split() if word.startswith("member=")]  # fmt: skip


def test_a_run_emits_its_signals_in_order(runtime, monitor):
    runtime.scheduled("run", "daily_standup")

    lines = [*monitor.until("JobCompleted"), *monitor.until("StatusChanged")]
    changed = ["StatusChanged"]
    assert members(lines) == ["Event", "JobStarted", *changed, "Event", "JobCompleted", *changed]


@pytest.mark.skipif(os.geteuid() != 0, reason="!!! NOT TESTED: needs root to mount its own /run !!!")
def test_without_the_variable_the_usual_socket_of_the_bus_is_used(runtime, monitor):
    address = runtime.session.environment["DBUS_SESSION_BUS_ADDRESS"].partition("=")[2]
    mounts = f"mount -t tmpfs tmpfs /run && mkdir -p /run/user/0 && ln -s {address} /run/user/0/bus"
    tick = shlex.join(runtime.world.command("run", "daily_standup"))
    environment = {
        key: value for key, value in runtime.session.environment.items() if key != "DBUS_SESSION_BUS_ADDRESS"
    }

    subprocess.run(
        ["unshare", "--mount", "sh", "-c", f"{mounts} && {tick}"], env=environment, check=True, timeout=60
    )

    assert "JobCompleted" in members(monitor.until("JobCompleted"))


def test_a_failure_emits_job_failed(runtime, monitor):
    runtime.scheduled("run", "hourly")

    assert members(monitor.until("JobFailed"))[-1] == "JobFailed"


def test_pausing_and_resuming_all_jobs_emits_scheduler_toggled(runtime, monitor):
    runtime.scheduled("pause")
    runtime.scheduled("pause", "hourly")
    runtime.scheduled("resume")

    emitted = members([*monitor.until("SchedulerToggled"), *monitor.until("SchedulerToggled")])
    assert emitted == ["Event", "SchedulerToggled", "StatusChanged", "Event", "SchedulerToggled"]


def test_a_bus_that_does_not_answer_delays_a_tick_once_and_briefly(runtime, tmp_path):
    runtime.world.configure("".join(f"[jobs.j{number}]\ncommand = ['true']\n" for number in range(8)))
    jobs = [f"j{number}" for number in range(8)]
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(tmp_path / "deaf"))
        deaf.listen()
        environment = {
            **runtime.session.environment,
            "DBUS_SESSION_BUS_ADDRESS": f"unix:path={tmp_path}/deaf",
        }
        started = time.monotonic()
        done = runtime.world.run("run", *jobs, env=environment)
        waited = time.monotonic() - started
    started = time.monotonic()
    runtime.world.run("run", *jobs)
    usual = time.monotonic() - started

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    # One timeout is half a second; a timeout for each of the 16 events would add 8. The rest allows for a busy machine.
    assert 0.2 < waited - usual < 4


@pytest.mark.parametrize("address", ["unix:path=/nowhere/bus", "tcp:host=localhost", "nonsense", ""])
def test_without_a_bus_a_tick_prints_nothing(runtime, address):
    environment = {**runtime.session.environment, "DBUS_SESSION_BUS_ADDRESS": address}

    done = runtime.world.run("run", "daily_standup", env=environment)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# Start and exit


def test_it_exits_on_shutdown_and_the_next_call_starts_it_again(runtime, interface, until):
    assert interface.bot("Shutdown") == {"success": True}
    until(lambda: not service_pids(runtime))
    assert BOT[0] not in runtime.session.owned()

    assert interface.bot("list_jobs")
    assert {BOT[0], OURS[0]} <= runtime.session.owned()


def test_a_call_that_arrives_during_the_exit_is_answered(runtime, until):
    """The bus delivers the call before the service releases its name: without care the call would be lost."""
    runtime.interface.bot("Shutdown")
    until(lambda: not service_pids(runtime))
    address = runtime.session.environment["DBUS_SESSION_BUS_ADDRESS"]

    async def leave():
        bus = await MessageBus(bus_address=address).connect()
        lifetime = dbus.Lifetime(60)
        bus.export(
            BOT[1], dbus.BotCron(Instance(str(runtime.world.config), str(runtime.world.state)), lifetime)
        )
        await bus.request_name(BOT[0])
        client = open_dbus_connection(address)
        client.send(new_method_call(DBusAddress(BOT[1], BOT[0], BOT[2]), "GetStats"), serial=77)
        client.send_and_get_reply(
            message_bus.GetId()
        )  # the bus answers in order: the call before it is delivered
        await dbus._leave(bus, lifetime, [BOT[0]])
        return client

    with asyncio.run(leave()) as client:
        while (reply := client.receive(timeout=20)).header.fields.get(HeaderFields.reply_serial) != 77:
            pass
    assert reply.header.message_type is MessageType.method_return


def test_no_call_is_lost_while_it_exits_and_starts_again(runtime):
    service = runtime.session.data / "dbus-1" / "services" / f"{BOT[0]}.service"
    before = service.read_text()
    service.write_text(before.rstrip("\n") + " --idle 0.05\n")
    runtime.session.run("busctl", "--user", "call", *BOT, "Shutdown")
    reload = ("org.freedesktop.DBus", "/", "org.freedesktop.DBus", "ReloadConfig")
    runtime.session.run("busctl", "--user", "call", *reload)

    calls = ["busctl", "--user", "call", *BOT, "GetStats"]
    for _ in range(4):
        both = [
            subprocess.Popen(calls, env=runtime.session.environment, stdout=subprocess.DEVNULL)
            for _ in range(6)
        ]
        assert [one.wait(timeout=60) for one in both] == [0] * 6

    service.write_text(before)
    runtime.session.run("busctl", "--user", "call", *reload)


def test_two_services_that_start_at_once_both_answer(runtime, interface, until):
    interface.bot("Shutdown")
    until(lambda: not service_pids(runtime))
    both = [
        subprocess.Popen(["busctl", "--user", "call", *BOT, "Ping"], env=runtime.session.environment, stdout=subprocess.DEVNULL),
        subprocess.Popen(["busctl", "--user", "call", *OURS, "Ask", "ss", "status", "{}"], env=runtime.session.environment, stdout=subprocess.DEVNULL),
    ]  # fmt: skip

    assert [one.wait(timeout=60) for one in both] == [0, 0]


def test_it_exits_when_the_bus_disconnects(other, until):
    service = subprocess.Popen(
        other.world.command("dbus", "--idle", "600"), env=other.session.environment, stderr=subprocess.DEVNULL
    )
    until(lambda: {BOT[0], OURS[0]} <= other.session.owned())

    os.kill(other.session.pid, signal.SIGKILL)
    assert service.wait(timeout=30) == 0


@pytest.mark.parametrize(
    "address",
    ["unix:path=/nowhere/bus", "unix:garbage", "unix:", "unix:path", "tcp:host=localhost", "nonsense", ""],
)
def test_without_a_bus_it_prints_one_line(runtime, address):
    environment = {**runtime.session.environment, "DBUS_SESSION_BUS_ADDRESS": address}
    done = runtime.world.run("dbus", env=environment)

    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert done.stderr.startswith("scheduled: ") and address in done.stderr


@pytest.mark.parametrize("answer", [b"", b"REJECTED EXTERNAL\r\n", b"\xff\xfe\r\n"])
def test_a_socket_that_is_not_a_bus_gives_one_line_too(runtime, tmp_path, answer):
    environment = {**runtime.session.environment, "DBUS_SESSION_BUS_ADDRESS": f"unix:path={tmp_path}/odd"}
    with socket.socket(socket.AF_UNIX) as odd:
        odd.bind(str(tmp_path / "odd"))
        odd.listen()
        calling = subprocess.Popen(
            runtime.world.command("dbus"), env=environment, stderr=subprocess.PIPE, text=True
        )
        caller, _ = odd.accept()
        with caller:
            caller.recv(100)
            caller.sendall(answer)
        errors = calling.communicate(timeout=30)[1]

    assert (calling.returncode, len(errors.splitlines())) == (1, 1)
    assert f"{tmp_path}/odd" in errors


def test_connecting_to_a_bus_that_does_not_answer_times_out(runtime, tmp_path, monkeypatch):
    monkeypatch.setattr(dbus, "CONNECT_TIMEOUT", 0.1)
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={tmp_path}/mute")
    with socket.socket(socket.AF_UNIX) as mute:
        mute.bind(str(tmp_path / "mute"))
        mute.listen()
        with pytest.raises(StateError, match=f"{tmp_path}/mute: does not answer"):
            dbus.serve(Instance(str(runtime.world.config), str(runtime.world.state)), 1)


def test_without_the_library_it_prints_the_command_that_installs_it(runtime, tmp_path):
    (tmp_path / "dbus_fast.py").write_text("raise ImportError('not here')")

    for words in (["dbus"], ["install", "--dbus"]):
        done = runtime.world.run(*words, env={**runtime.session.environment, "PYTHONPATH": str(tmp_path)})

        assert done.returncode == 2
        assert f" -m pip install --editable '{ENTRY.parents[1]}[dbus]'\n" in done.stderr
        assert "Traceback" not in done.stderr


# Installation


def test_installing_twice_changes_nothing_and_uninstalling_leaves_nothing(other):
    services = other.session.data / "dbus-1" / "services"

    first = json.loads(other.scheduled("install", "--dbus", "--json").stdout)
    again = json.loads(other.scheduled("install", "--dbus", "--json").stdout)
    listed = sorted(str(path) for path in services.iterdir())
    other.scheduled("uninstall")

    assert (sorted(first["dbus"]), again["dbus"]) == (listed, [])
    assert list(services.iterdir()) == []


def test_a_dry_run_writes_nothing_and_a_file_of_another_program_is_left_alone(other):
    services = other.session.data / "dbus-1" / "services"
    other.scheduled("install", "--dbus", "--dry-run")
    assert list(services.iterdir()) == []

    foreign = services / "com.aiworkflow.BotCron.service"
    foreign.write_text("[D-BUS Service]\nName=com.aiworkflow.BotCron\nExec=/bin/false\n")
    done = other.scheduled("install", "--dbus")
    other.scheduled("uninstall")

    assert done.returncode == 2 and "was not written by `scheduled install --dbus`" in done.stderr
    assert foreign.exists()
