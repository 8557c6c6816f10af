"""A read-only question of an interface runs no command of the user, and ends at its limit of processor time."""

import asyncio
import itertools
import sqlite3

import pytest

from scheduled import question, service
from scheduled.errors import ConfigError, TooLongError
from scheduled.instance import Instance
from scheduled.interfaces.dbus import bot_cron_calls, own
from scheduled.interfaces.mcp import server
from scheduled.interfaces.web.api.operations import OPERATIONS
from scheduled.state.open import read_only

JOBS = """
    timezone = "UTC"
    [jobs.often]
    cron = "* * * * *"
    command = "true"
    [jobs.later]
    every = "1h"
    after = ["often"]
    command = "true"
"""
GATED = """
    timezone = "UTC"
    [compat]
    python = "{python}"
    trigger = "package.module:Trigger"
    [jobs.gated]
    on = "startup"
    command = "true"
    only_if = {{ command = "touch {ran}" }}
    [jobs.open]
    on = "startup"
    command = "true"
    only_if = {{ path = "/" }}
    [jobs.closed]
    on = "startup"
    command = "true"
    only_if = {{ command = "touch {ran}", path = "/nowhere" }}
"""
TOO_LONG = "takes more than -1 seconds of processor time"
NAMES = {"job": "often", "name": "often", "run_id": "often-1", "task_id": "often", "first": "2027-01-01", "last": "2027-01-02", "section": "jobs"}  # fmt: skip
SPAN = "?from=2027-01-01&to=2027-01-02"  # only `forecast` needs and accepts it
READING = [f"/api/daemon{one.path.format(job='often', run='often-1')}{SPAN * (one.path == '/forecast')}" for one in OPERATIONS if one.method == "GET"
           and one.path != "/jobs/runs"]  # fmt: skip
PREVIEW = "/preview?kind=cron&when=0+3+*+*+*"
PAGES = ["/", "/live/jobs", "/jobs/often", "/runs", "/chains", "/incidents", "/forecast", "/forecast?day=2027-01-01",
         "/jobs/often/edit", PREVIEW, "/runs/often-1", "/live/log/often-1", "/live/run/often-1"]  # fmt: skip


@pytest.fixture
def no_time(monkeypatch):
    """Give every question no processor time at all."""
    monkeypatch.setattr(question, "SECONDS", -1.0)


@pytest.fixture
def instance(world):
    world.configure(JOBS)
    return Instance(str(world.config), str(world.state))


@pytest.fixture
def gated(world):
    """Jobs with gates, an event that starts them, and a file that exists as soon as a command of the user has run."""
    ran = world.root / "ran"
    python = world.root / "python"
    python.write_text(f'#!/bin/sh\ntouch "{ran}"\n')
    python.chmod(0o700)
    world.configure(GATED.format(ran=ran, python=python))
    world.run("run")
    ran.unlink(missing_ok=True)
    world.configure(GATED.format(ran=ran, python=python).replace('"startup"', '"asked"'))
    world.run("emit", "asked")
    return ran


def over_mcp(instance, tool, **arguments):
    """Return the answer of a tool, called in this process."""
    found = asyncio.run(server.build(instance).call_tool(tool, arguments))
    content = found.structured_content
    return content if found.is_error else content.get("result", content)


# Processor time


@pytest.mark.usefixtures("no_time", "instance")
def test_every_page_and_every_reading_operation_ends_at_the_limit(connect):
    browser, program = connect("browser"), connect("program")
    answers = {path: (browser if path in PAGES else program).get(path) for path in [*READING, *PAGES]}
    preview = answers.pop(PREVIEW)  # a fragment: it shows the error in place of the slots

    assert TOO_LONG in preview.text
    assert [
        path for path, answer in answers.items() if answer.status_code != 422 or TOO_LONG not in answer.text
    ] == []


@pytest.mark.usefixtures("no_time")
def test_every_tool_that_only_reads_ends_at_the_limit(instance):
    tools = asyncio.run(server.build(instance).list_tools())
    reading = [tool for tool in tools if tool.annotations.read_only_hint]
    given = {
        tool.name: {name: NAMES[name] for name in tool.input_schema.get("required", ())} for tool in reading
    }

    assert {"explain", "cron_list", "scheduler_get_task", "logs"} <= given.keys()
    assert [
        name
        for name, arguments in given.items()
        if TOO_LONG not in str(over_mcp(instance, name, **arguments))
    ] == []


@pytest.mark.usefixtures("no_time")
@pytest.mark.parametrize("name", sorted(own.READS - {"report"}))
def test_every_function_that_only_reads_ends_at_the_limit_over_dbus(instance, name):
    required = {"job": ("name",), "explain": ("job",), "written": ("job",), "one_run": ("run_id",), "logs": ("name",),
                "forecast": ("first", "last"), "calendar": ("first", "last")}  # fmt: skip
    with pytest.raises(TooLongError, match=TOO_LONG):
        own.ask(instance, name, {key: NAMES[key] for key in required.get(name, ())})


@pytest.mark.usefixtures("no_time")
@pytest.mark.parametrize("call", [
    bot_cron_calls.list_jobs, bot_cron_calls.get_history, bot_cron_calls.get_state, bot_cron_calls.get_status,
    lambda instance: bot_cron_calls.get_config(instance, "jobs"), own.config_error,
])  # fmt: skip
def test_the_reading_calls_of_the_other_dbus_interface_end_at_the_limit(instance, call):
    with pytest.raises(TooLongError, match=TOO_LONG):
        call(instance)


def test_every_function_on_the_bus_either_only_reads_or_changes_something():
    changes = {"start", "start_again", "stop", "skip", "emit", "pause", "resume", "enable", "disable", "add", "edit",
               "replace", "remove", "install", "uninstall", "ack", "mute", "unmute", "deny",
               "start_approved"}  # fmt: skip
    assert set(own.NAMES) == own.READS | changes
    assert not own.READS & changes


@pytest.mark.parametrize("ask", [
    lambda instance: service.forecast(instance, "2027-01-01", "2031-01-01"),
    lambda instance: service.forecast(instance, "2027-01-01", "2031-01-01", job="later"),
    lambda instance: service.calendar(instance, "2027-01-01", "2031-01-01"),
    lambda instance: service.upcoming(instance, None, 100_000),
])  # fmt: skip
def test_a_long_simulation_checks_its_time_on_the_way(instance, ask):
    with question.limited(300, itertools.count().__next__), pytest.raises(TooLongError, match="300 seconds"):
        ask(instance)


def test_a_read_of_many_rows_ends_at_the_limit(world, instance):
    world.run("run")
    rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"

    with (
        question.limited(100, itertools.count().__next__),
        pytest.raises(TooLongError, match="100 seconds"),
        read_only(instance.paths) as ledger,
    ):
        ledger._db.execute(rows).fetchone()

    assert not (world.state / "ledger.db.suspect").exists()


def test_an_audit_checks_its_time_within_the_rows_of_one_job(world, instance):
    world.run("run")
    with sqlite3.connect(world.state / "ledger.db") as db:
        (first,) = db.execute("SELECT min(first) FROM slots").fetchone()
        db.execute("UPDATE epochs SET starts_at = ?", (first - 100_000,))
        db.executemany(
            "INSERT INTO slots (job, first, last, verdict, decided_at) VALUES ('often', ?, ?, 'success', ?)",
            [(first - 60 * number,) * 3 for number in range(1, 1000)],
        )
    db.close()

    used = itertools.count()
    with question.limited(10**6, used.__next__):
        service.audit(instance)

    assert next(used) > 4 * 1000 / question.BETWEEN_CHECKS


@pytest.mark.parametrize("ask", [
    lambda instance: service.forecast(instance, "2027-01-01", "2027-01-02"),
    lambda instance: service.upcoming(instance, "often", 60),
])  # fmt: skip
def test_an_answer_with_too_many_entries_is_refused_only_over_an_interface(instance, monkeypatch, ask):
    monkeypatch.setattr(question, "MOST_ENTRIES", 59)

    assert len(ask(instance)) >= 60
    with question.limited(60), pytest.raises(TooLongError, match="more than 59 entries"):
        ask(instance)


@pytest.mark.parametrize(("arguments", "error"), [
    (("9000-01-01", "9000-02-01"), "to 9000-02-01: a forecast is limited to 100 years from now"),
    (("2027-01-01", "2027-02-01", ["2027-01-01..2027-01-02"] * 101), "outages: must be 0 to 100, got 101"),
])  # fmt: skip
def test_a_forecast_without_end_is_refused_before_it_is_computed(instance, arguments, error):
    with question.limited(50, itertools.count().__next__), pytest.raises(ConfigError, match=error):
        service.forecast(instance, *arguments)


@pytest.mark.usefixtures("no_time")
def test_a_change_has_no_limit(connect, instance):
    assert connect().put("/api/jobs/often/toggle", json={"enabled": False}).status_code == 200
    assert service.job(instance, "often")["enabled"] is False


# Commands


def by_job(rows):
    return {row["job"]: row for row in rows}


@pytest.mark.parametrize("ask", [
    lambda _, connect: connect().get("/api/dry-run").json(),
    lambda world, _: over_mcp(Instance(str(world.config), str(world.state)), "dry_run"),
    lambda world, _: own.ask(Instance(str(world.config), str(world.state)), "dry_run", {}),
])  # fmt: skip
def test_a_dry_run_of_an_interface_names_the_gate_that_a_command_decides_as_assumed(
    world, connect, gated, ask
):
    rows = by_job(ask(world, connect))

    assert not gated.exists()
    assert rows["gated"]["assumed"] == ["gate"] and "open_reason" not in rows["gated"]
    assert "assumed" not in rows["open"]
    assert rows["closed"]["open_reason"] == "gate"


def test_a_dry_run_of_the_command_line_executes_the_gate(world, gated):
    rows = by_job(world.json("run", "--dry-run"))

    assert gated.exists()
    assert "assumed" not in rows["gated"]


@pytest.mark.parametrize("ask", [
    lambda _, connect: connect().get("/api/check").json(),
    lambda world, _: over_mcp(Instance(str(world.config), str(world.state)), "check"),
    lambda world, _: own.ask(Instance(str(world.config), str(world.state)), "check", {}),
])  # fmt: skip
def test_a_check_of_an_interface_starts_no_interpreter_and_names_the_doubt(world, connect, gated, ask):
    answer = ask(world, connect)

    assert not gated.exists()
    assert any("compat.python: not started for this answer" in warning for warning in answer["warnings"])
    world.run("check")
    assert gated.exists()


def test_no_other_question_runs_a_command(connect, gated):
    browser, program = connect("browser"), connect()

    for path in [*READING, *PAGES]:
        client = browser if path in PAGES else program
        assert client.get(path.replace("often", "gated")).status_code in (200, 400, 404, 422)

    assert not gated.exists()
