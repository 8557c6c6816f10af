"""The interface on the session bus: a real dbus-daemon that starts it, asked with busctl, gdbus and dbus-send."""

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
    cron = "0 * * * *"
    command = ["false"]
    [jobs.sleeper]
    command = ["sleep", "60"]
"""


class Runtime:
    """A configuration, a state, and the bus whose services are installed for them."""

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
    built.world.begin_again(built.world.root / "before")
    return built


@pytest.fixture
def interface(runtime):
    return runtime.interface


@pytest.fixture
def other(tmp_path):
    """A house and a bus that a test may break."""
    runtime = Runtime(tmp_path)
    yield runtime
    runtime.session.close()


def service_pids(runtime):
    """Return the processes that the bus of *house* started."""
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


# Somebody calls


def test_the_call_that_people_know_starts_it_and_a_run(runtime, until):
    runtime.session.run("busctl", "--user", "call", *BOT, "run_job", "s", "daily_standup")

    until(lambda: len(runtime.world.json("history", "daily_standup", "--status", "success")) == 2)


def test_a_long_run_holds_nobody_up(interface, until):
    started = time.monotonic()
    assert interface.bot("run_job", "s", "sleeper")["success"]
    assert interface.bot("list_jobs")
    assert time.monotonic() - started < 10

    running = until(lambda: interface.ask("history", status="running"))[0]
    assert running["job"] == "sleeper"
    interface.ask("stop", run_id=running["run_id"])


@pytest.mark.parametrize(
    "asked", [(BOT, "run_job", "s", "sleeper"), (OURS, "Ask", "ss", "start", '{"jobs": ["sleeper"]}')]
)
def test_of_two_that_ask_for_the_same_run_at_once_one_has_it_and_the_other_hears_so(
    runtime, interface, asked, until
):
    instance, *rest = asked
    call = ["busctl", "--user", "call", *instance, *rest]
    both = [
        subprocess.Popen(call, env=runtime.session.environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        for _ in range(2)
    ]  # fmt: skip
    said = sorted(one.communicate(timeout=60)[1] for one in both)

    assert (said[0], said[1].strip()) == ("", "Call failed: sleeper: another tick is running it")
    assert (
        len(until(lambda: interface.ask("history", status="running"))) == 1
    )  # claimed at once, and soon started


def test_those_who_wait_for_runs_hold_up_nobody_who_asks(runtime, interface, until):
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
def test_a_job_is_toggled_by_words(runtime, interface, word, enabled):
    interface.bot("toggle_job", "ss", "hourly", word)

    assert runtime.world.json("show", "hourly")["enabled"] is enabled


def test_the_scheduler_is_toggled(runtime, interface):
    interface.bot("toggle_scheduler", "s", "false")
    assert runtime.world.json("status")["paused"] == {"*": None}

    interface.bot("toggle_scheduler", "s", "true")
    assert runtime.world.json("status")["paused"] == {}


def test_history_and_jobs_are_what_the_command_line_prints(runtime, interface):
    assert interface.bot("get_history", "i", 5) == runtime.world.json("history", "--limit", "5")
    assert [job["name"] for job in interface.bot("list_jobs")] == ["daily_standup", "hourly", "sleeper"]


def test_the_configuration_is_read_and_changed(runtime, interface):
    assert interface.bot("get_config", "ss", "jobs.hourly", "cron") == "0 * * * *"
    assert interface.bot("get_config", "ss", "schedules", "timezone") == "UTC"

    interface.bot("update_config", "sss", "jobs.hourly", "cron", "30 * * * *")
    assert 'cron = "30 * * * *"' in runtime.world.config.read_text()
    interface.bot("update_config", "sss", "schedules", "enabled", "false")
    assert interface.bot("get_config", "ss", "schedules", "enabled") is False


@pytest.mark.parametrize(
    ("method", "arguments"),
    [("update_config", ("sss", "jobs.hourly", "command", "rm -rf /")), ("update_config", ("sss", "jobs.hourly", "env", "{}"))],
)  # fmt: skip
def test_what_is_executed_is_not_changed_over_the_bus_unless_the_configuration_lets_it(
    runtime, interface, method, arguments
):
    before = runtime.world.config.read_bytes()
    assert "[dbus] add_commands = true" in interface.refused(BOT, method, *arguments)
    assert runtime.world.config.read_bytes() == before

    runtime.world.configure(JOBS + "    [dbus]\n    add_commands = true\n")
    interface.bot(method, *arguments)
    assert runtime.world.config.read_bytes() != before


def test_a_job_is_added_with_a_command_only_if_the_configuration_lets_it(runtime, interface):
    asked = (OURS, "Ask", "ss", "add", json.dumps({"name": "n", "definition": {"command": "true"}}))
    assert "add_commands" in interface.refused(*asked)

    runtime.world.configure(JOBS + "    [dbus]\n    add_commands = true\n")
    assert interface.call(*asked)[0] is False
    (runtime.world.config.parent / "jobs.d" / "n.toml").unlink()


def test_calls_by_name_answer_errors_too(interface):
    assert interface.bot("CallMethod", "ss", "list_jobs", "{}")["success"]
    assert interface.bot("CallMethod", "ss", "run_job", '{"job_name": "x"}') == {
        "success": False,
        "error": "no such job: x",
    }
    assert "no such method" in interface.bot("CallMethod", "ss", "fly", "")["error"]
    assert "job_name" in interface.bot("CallMethod", "ss", "run_job", '{"job": "x"}')["error"]
    assert "JSON object" in interface.bot("CallMethod", "ss", "run_job", "[]")["error"]


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
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
        ("list_jobs", "[" * 5000, "write a JSON object"),
    ],
)
def test_calls_by_name_with_arguments_of_another_kind_are_answered_too(interface, name, arguments, said):
    found = interface.bot("CallMethod", "ss", name, arguments)

    assert (found["success"], said in found["error"]) == (False, True), found


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run_job", "s", "daily_stand"), "no such job: daily_stand; did you mean daily_standup?"),
        (("toggle_job", "ss", "hourly", "perhaps"), "write true or false"),
        (("get_history", "i", 0), "limit: must be 1 to 1,000,000, got 0"),
        (("get_config", "ss", "jobs.hourly", "x"), "jobs.hourly: says nothing of 'x'"),
        (("get_config", "ss", "nothing", ""), "no such section"),
    ],
)
def test_a_mistake_is_told_in_words_that_help(interface, arguments, said):
    assert said in interface.refused(BOT, *arguments)


def test_questions_are_asked_by_name_with_their_own_arguments(interface):
    assert {"explain", "forecast", "audit"} <= set(interface.property(OURS, "Questions"))
    assert "limit" in interface.refused(OURS, "Ask", "ss", "history", '{"limit": "many"}')
    assert "no such question" in interface.refused(OURS, "Ask", "ss", "run", "{}")
    assert "definition: Expected `object`" in interface.refused(
        OURS, "Ask", "ss", "add", '{"name": "n", "definition": 5}'
    )
    twice = '{"name": "n", "definition": {"name": "m", "chain": ["hourly"]}}'
    assert "name: given twice with different values: 'n' and 'm'" in interface.refused(
        OURS, "Ask", "ss", "add", twice
    )


@pytest.mark.parametrize("wait", ["-1", "1e300", "601"])
@pytest.mark.parametrize(
    ("question", "what"), [("start", '"jobs": ["sleeper"]'), ("start_again", '"run_id": "{}"')]
)
def test_nobody_waits_for_less_than_no_time_or_for_ever_and_nothing_is_started(
    interface, question, what, wait
):
    before = interface.ask("history")
    asked = f'{{{what.format(before[0]["run_id"])}, "wait": {wait}}}'

    assert "wait: must be 0 to 600" in interface.refused(OURS, "Ask", "ss", question, asked)
    assert interface.ask("history") == before


# What it looks like


def test_other_clients_understand_it_too(runtime):
    said = runtime.session.run(
        "gdbus", "call", "--session", "-d", BOT[0], "-o", BOT[1], "-m", f"{BOT[2]}.Ping"
    )
    sent = runtime.session.run(
        "dbus-send", "--session", "--print-reply", f"--dest={BOT[0]}", BOT[1], f"{BOT[2]}.get_history", "int32:3"
    )  # fmt: skip

    assert said.stdout == "('pong',)\n"
    assert "daily_standup" in sent.stdout


def test_introspection_tells_of_everything_there_is(runtime):
    xml = runtime.session.run("busctl", "--user", "introspect", "--xml-interface", *BOT[:2]).stdout
    found = next(node for node in ET.fromstring(xml) if node.get("name") == BOT[2])
    told = {
        (member.tag, member.get("name")): "".join(arg.get("type") for arg in member.iter("arg"))
        or member.get("type", "")
        for member in found
    }

    assert told == {
        ("method", "run_job"): "ss", ("method", "list_jobs"): "s", ("method", "get_history"): "is",
        ("method", "toggle_scheduler"): "ss", ("method", "toggle_job"): "sss", ("method", "get_config"): "sss",
        ("method", "update_config"): "ssss", ("method", "CallMethod"): "sss", ("method", "Ping"): "s",
        ("method", "GetStatus"): "s", ("method", "GetStats"): "s", ("method", "HealthCheck"): "s",
        ("method", "Shutdown"): "s", ("property", "Running"): "b", ("property", "Uptime"): "d",
        ("property", "Stats"): "s", ("signal", "JobStarted"): "ss", ("signal", "JobCompleted"): "sss",
        ("signal", "JobFailed"): "sss", ("signal", "SchedulerToggled"): "b", ("signal", "Event"): "ss",
    }  # fmt: skip
    assert {note.get("value") for note in found.iter("annotation")} == {"false"}


def test_the_properties_are_the_status(runtime, interface):
    assert interface.property(BOT, "Running") is True
    assert interface.property(BOT, "Uptime") >= 0
    assert json.loads(interface.property(BOT, "Stats")) == runtime.world.json("status")["stats"]
    assert interface.bot("HealthCheck")["healthy"] == interface.bot("GetStatus")["healthy"]
    assert interface.bot("GetStats")["total_executions"] == 1


def test_a_configuration_that_cannot_be_read_is_said_and_the_interface_stays_open(runtime, interface):
    runtime.world.config.write_text("[")
    assert str(runtime.world.config) in interface.refused(BOT, "list_jobs")
    asked = runtime.session.run("busctl", "--user", "get-property", *BOT, "Running", check=False)
    assert str(runtime.world.config) in asked.stderr

    runtime.world.configure(JOBS)
    assert interface.bot("list_jobs")


# What it tells


@pytest.fixture
def heard(runtime):
    listening = runtime.session.monitor("type=signal,interface=com.aiworkflow.BotCron")
    yield listening
    listening.close()


def members(lines):
    return [word.split("=")[1] for line in lines if line.startswith("signal") for word in line.split() if word.startswith("member=")]  # fmt: skip


def test_ticks_that_cron_starts_are_heard_as_they_go(runtime, heard):
    runtime.scheduled("run", "daily_standup")

    assert members(heard.until("JobCompleted")) == ["Event", "JobStarted", "Event", "JobCompleted"]


@pytest.mark.skipif(os.geteuid() != 0, reason="!!! NOT TRIED: needs root for a /run of its own !!!")
def test_cron_names_no_bus_and_the_usual_place_is_looked_at(runtime, heard):
    address = runtime.session.environment["DBUS_SESSION_BUS_ADDRESS"].partition("=")[2]
    places = f"mount -t tmpfs tmpfs /run && mkdir -p /run/user/0 && ln -s {address} /run/user/0/bus"
    tick = shlex.join(runtime.world.command("run", "daily_standup"))
    environment = {
        key: value for key, value in runtime.session.environment.items() if key != "DBUS_SESSION_BUS_ADDRESS"
    }

    subprocess.run(
        ["unshare", "--mount", "sh", "-c", f"{places} && {tick}"], env=environment, check=True, timeout=60
    )

    assert "JobCompleted" in members(heard.until("JobCompleted"))


def test_a_failure_is_heard(runtime, heard):
    runtime.scheduled("run", "hourly")

    assert members(heard.until("JobFailed"))[-1] == "JobFailed"


def test_whoever_pauses_everybody_hears(runtime, heard):
    runtime.scheduled("pause")
    runtime.scheduled("pause", "hourly")
    runtime.scheduled("resume")

    told = members([*heard.until("SchedulerToggled"), *heard.until("SchedulerToggled")])
    assert told == ["Event", "SchedulerToggled"] * 2


def test_a_bus_that_does_not_answer_holds_a_tick_up_once_for_a_moment(runtime, tmp_path):
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
    # Half a second; each of the sixteen events waited for would make eight. The rest is a busy machine's.
    assert 0.2 < waited - usual < 4


@pytest.mark.parametrize("address", ["unix:path=/nowhere/bus", "tcp:host=localhost", "nonsense", ""])
def test_where_there_is_no_bus_a_tick_is_silent(runtime, address):
    environment = {**runtime.session.environment, "DBUS_SESSION_BUS_ADDRESS": address}

    done = runtime.world.run("run", "daily_standup", env=environment)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# It comes and goes


def test_it_goes_when_nobody_calls_and_comes_back_with_the_next_call(runtime, interface, until):
    assert interface.bot("Shutdown") == {"success": True}
    until(lambda: not service_pids(runtime))
    assert BOT[0] not in runtime.session.owned()

    assert interface.bot("list_jobs")
    assert {BOT[0], OURS[0]} <= runtime.session.owned()


def test_a_call_that_comes_as_it_leaves_has_its_answer(runtime, until):
    """The bus has sent the call on before we give our name back: that is the moment at which one could be lost."""
    runtime.interface.bot("Shutdown")
    until(lambda: not service_pids(runtime))
    address = runtime.session.environment["DBUS_SESSION_BUS_ADDRESS"]

    async def leave():
        bus = await MessageBus(bus_address=address).connect()
        presence = dbus.Presence(60)
        bus.export(
            BOT[1], dbus.BotCron(Instance(str(runtime.world.config), str(runtime.world.state)), presence)
        )
        await bus.request_name(BOT[0])
        client = open_dbus_connection(address)
        client.send(new_method_call(DBusAddress(BOT[1], BOT[0], BOT[2]), "GetStats"), serial=77)
        client.send_and_get_reply(message_bus.GetId())  # answered in turn: the call is on its way to us
        await dbus._leave(bus, presence, [BOT[0]])
        return client

    with asyncio.run(leave()) as client:
        while (reply := client.receive(timeout=20)).header.fields.get(HeaderFields.reply_serial) != 77:
            pass
    assert reply.header.message_type is MessageType.method_return


def test_no_call_is_lost_while_it_comes_and_goes(runtime):
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


def test_two_that_start_at_once_do_not_fight(runtime, interface, until):
    interface.bot("Shutdown")
    until(lambda: not service_pids(runtime))
    both = [
        subprocess.Popen(["busctl", "--user", "call", *BOT, "Ping"], env=runtime.session.environment, stdout=subprocess.DEVNULL),
        subprocess.Popen(["busctl", "--user", "call", *OURS, "Ask", "ss", "status", "{}"], env=runtime.session.environment, stdout=subprocess.DEVNULL),
    ]  # fmt: skip

    assert [one.wait(timeout=60) for one in both] == [0, 0]


def test_it_leaves_when_the_bus_is_gone(other, until):
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
def test_without_a_bus_it_says_so_in_a_line(runtime, address):
    environment = {**runtime.session.environment, "DBUS_SESSION_BUS_ADDRESS": address}
    done = runtime.world.run("dbus", env=environment)

    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert done.stderr.startswith("scheduled: ") and address in done.stderr


@pytest.mark.parametrize("answer", [b"", b"REJECTED EXTERNAL\r\n", b"\xff\xfe\r\n"])
def test_what_does_not_answer_as_a_bus_does_is_told_in_a_line_too(runtime, tmp_path, answer):
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
        said = calling.communicate(timeout=30)[1]

    assert (calling.returncode, len(said.splitlines())) == (1, 1)
    assert f"{tmp_path}/odd" in said


def test_a_bus_that_says_nothing_is_not_waited_for_for_ever(runtime, tmp_path, monkeypatch):
    monkeypatch.setattr(dbus, "PATIENCE", 0.1)
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={tmp_path}/mute")
    with socket.socket(socket.AF_UNIX) as mute:
        mute.bind(str(tmp_path / "mute"))
        mute.listen()
        with pytest.raises(StateError, match=f"{tmp_path}/mute: does not answer"):
            dbus.serve(Instance(str(runtime.world.config), str(runtime.world.state)), 1)


def test_without_the_library_it_says_what_to_install(runtime, tmp_path):
    (tmp_path / "dbus_fast.py").write_text("raise ImportError('not here')")

    for words in (["dbus"], ["install", "--dbus"]):
        done = runtime.world.run(*words, env={**runtime.session.environment, "PYTHONPATH": str(tmp_path)})

        assert done.returncode == 2
        assert f" -m pip install --editable '{ENTRY.parents[1]}[dbus]'\n" in done.stderr
        assert "Traceback" not in done.stderr


# It is put there and taken away


def test_installing_twice_changes_nothing_and_uninstalling_leaves_nothing(other):
    services = other.session.data / "dbus-1" / "services"

    first = json.loads(other.scheduled("install", "--dbus", "--json").stdout)
    again = json.loads(other.scheduled("install", "--dbus", "--json").stdout)
    listed = sorted(str(path) for path in services.iterdir())
    other.scheduled("uninstall")

    assert (sorted(first["dbus"]), again["dbus"]) == (listed, [])
    assert list(services.iterdir()) == []


def test_a_dry_run_places_nothing_and_somebody_elses_file_is_left_alone(other):
    services = other.session.data / "dbus-1" / "services"
    other.scheduled("install", "--dbus", "--dry-run")
    assert list(services.iterdir()) == []

    theirs = services / "com.aiworkflow.BotCron.service"
    theirs.write_text("[D-BUS Service]\nName=com.aiworkflow.BotCron\nExec=/bin/false\n")
    done = other.scheduled("install", "--dbus")
    other.scheduled("uninstall")

    assert done.returncode == 2 and "was not written by `scheduled install --dbus`" in done.stderr
    assert theirs.exists()
