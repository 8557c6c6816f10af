"""A document with odd types that adds a job is an error in words at every interface, and changes nothing."""

import asyncio
import io
import json
import os
import sys

import pytest

from scheduled import service
from scheduled.errors import ScheduledError
from scheduled.instance import Instance
from scheduled.interfaces.dbus import bot_cron_calls, own
from scheduled.interfaces.dbus.caller import parse_arguments
from scheduled.interfaces.mcp import server
from tests.fixtures.in_process_cli import invoke

CONFIG = """
    timezone = "UTC"
    [web]
    allow_edit = true
    [mcp]
    allow = ["add", "run"]
    add_commands = true
    [dbus]
    add_commands = true
    [jobs.known]
    command = "true"
    labels = { added_by = "mcp" }
"""


def deep(levels, value=1):
    """Return *value* inside this many tables and lists."""
    for number in range(levels):
        value = [value] if number % 2 else {"a": value}
    return value


MANUAL = {"job_type": "manual", "command": "true"}
# A document without a name, and the key that the error names.
ODD = [
    ({"job_type": ["cron"], "command": "true"}, "job_type"), ({"job_type": {}, "command": "true"}, "job_type"),
    ({"job_type": 1, "command": "true"}, "job_type"), ({"job_type": "cron", "schedule": [["0 3 * * *"]], "command": "true"}, "cron|schedule"),
    ({"job_type": "interval", "schedule": {"hours": 1}, "command": "true"}, "every|schedule"),
    ({**MANUAL, "arguments": "it's"}, "arguments"), ({**MANUAL, "arguments": ["a"]}, "arguments"), ({**MANUAL, "arguments": 5}, "arguments"),
    ({**MANUAL, "script_path": "x", "arguments": 'un"closed'}, "arguments"), ({**MANUAL, "script_path": ["x"]}, "script_path"),
    ({**MANUAL, "script_path": 7}, "script_path"), ({**MANUAL, "is_active": "false"}, "is_active"), ({**MANUAL, "is_active": []}, "is_active"),
    ({**MANUAL, "is_active": 2}, "is_active"), ({**MANUAL, "retry_on_fail": "no"}, "retry_on_fail"),
    ({**MANUAL, "retry_on_fail": True, "max_retries": True}, "max_retries"), ({"command": "true", "max_retries": [1]}, "max_retries"),
    ({"command": "true", "max_retries": 1, "retry": [1]}, "retry"), ({"command": "true", "retry": {"max_attempts": "x"}}, "retry"),
    ({"command": "true", "env": {"A": None}}, "env"), ({"command": ["true", None]}, "command"), ({"command": [["true"]]}, "command"),
    ({"command": {"a": 1}}, "command"), ({"command": 5}, "command"), ({"command": "true", "env": {"A": {"B": 1}}}, "env"),
    ({"command": "true", "labels": deep(50)}, "labels"), ({"command": "true", "options": deep(900)}, "options"),
    ({"command": deep(900)}, "command"), ({"command": "true", "after": {"a": []}}, "after"), ({"command": "true", "cron": 10**30}, "cron"),
    ({"command": "true", "timezone": ["UTC"]}, "timezone"), ({"command": "true", "timezone": "../UTC"}, "timezone"), ({"command": "true", "at": "2020-01-01", "timezone": "no/where"}, "timezone"),
    ({"command": "true", "every": 10**30}, "every"), ({"command": "true", "at": {}}, "at"), ({"command": "true", "labels": []}, "labels"),
    ({"command": "true", "enabled": "false"}, "enabled"), ({"chain": [["known", 1]]}, "chain"), ({"chain": [None]}, "chain"),
    ({"command": "true", "not_between": [1, 2, 3]}, "not_between"), ({"command": "true", "only_if": deep(3)}, "only_if"),
]  # fmt: skip
NESTED = '{"a":' * 3000 + "1" + "}" * 3000
TOO_DEEP = "nested too deeply"


@pytest.fixture
def configured(world):
    world.configure(CONFIG)
    return world


@pytest.fixture
def instance(configured):
    return Instance(str(configured.config), str(configured.state))


@pytest.fixture
def over_cli(configured, monkeypatch):
    """Return a function that sends a text to `add --json` in this process, and returns the error output."""

    def add(text):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        done = invoke(configured, "add", "--json")
        assert done.code == 2
        return done.err

    return add


def over_mcp(instance, tool, arguments):
    """Return the error of a tool, called in this process."""
    found = asyncio.run(server.build(instance).call_tool(tool, arguments))
    assert found.is_error
    return found.content[0].text


def over_dbus(instance, question, arguments):
    """Return the error of a function, called as a call of the bus calls it."""
    with pytest.raises(ScheduledError) as refused:
        own.ask(instance, question, parse_arguments(json.dumps(arguments)))
    return str(refused.value)


def unnamed(documents, named):
    """Return the errors that do not name the key of their document, or have a traceback or an internal message."""
    wrong = ("Traceback", "Error:", "internal error", "recursion")
    return [
        (error, key)
        for error, (_, key) in zip(documents, named, strict=True)
        if not any(name in error for name in key.split("|")) or any(word in error for word in wrong)
    ]


def test_over_the_command_line(over_cli):
    assert unnamed([over_cli(json.dumps({"name": "odd", **table})) for table, _ in ODD], ODD) == []


def test_over_rest(connect, configured):
    client = connect()
    answers = [client.post("/api/jobs", json={"name": "odd", **table}) for table, _ in ODD]

    assert {answer.status_code for answer in answers} <= {400, 422}
    assert unnamed([answer.json()["detail"] for answer in answers], ODD) == []
    assert not (configured.config.parent / "jobs.d").exists()


def test_changes_over_rest(connect, configured):
    client, before = connect(), configured.config.read_bytes()
    tables = [(table, key) for table, key in ODD if "job_type" not in table and "max_retries" not in table]
    answers = [client.patch("/api/jobs/known", json=table) for table, _ in tables]

    assert {answer.status_code for answer in answers} <= {400, 422}
    assert unnamed([answer.json()["detail"] for answer in answers], tables) == []
    assert configured.config.read_bytes() == before


def test_over_mcp(instance):
    assert (
        unnamed([over_mcp(instance, "cron_add", {"name": "odd", "options": table}) for table, _ in ODD], ODD)
        == []
    )


def test_tasks_over_mcp(instance):
    given = [{"task_id": "odd", "task_type": "custom", "config": table} for table, _ in ODD]

    assert unnamed([over_mcp(instance, "scheduler_add_task", one) for one in given], ODD) == []


def test_over_dbus(instance, configured):
    errors = [over_dbus(instance, "add", {"name": "odd", "definition": table}) for table, _ in ODD]

    assert unnamed(errors, ODD) == []
    assert not (configured.config.parent / "jobs.d").exists()


def test_replacements_over_dbus(instance, configured):
    before = configured.config.read_bytes()
    errors = [over_dbus(instance, "replace", {"job": "known", "definition": table}) for table, _ in ODD]

    assert unnamed(errors, ODD) == []
    assert configured.config.read_bytes() == before


@pytest.mark.parametrize("text", [
    NESTED, f'{{"name": "odd", "command": "true", "labels": {NESTED}}}', "[" * 3000 + "]" * 3000, "[" * 100_000,
])  # fmt: skip
def test_a_text_of_three_thousand_levels_is_an_error_in_words(over_cli, connect, instance, text):
    rest = connect().post("/api/jobs", content=text, headers={"Content-Type": "application/json"})
    with pytest.raises(ScheduledError, match=f"not a JSON object: ({TOO_DEEP}|Expected `object`)"):
        parse_arguments(text)
    with pytest.raises(ScheduledError, match=TOO_DEEP):
        bot_cron_calls.parse_call(text)

    assert TOO_DEEP in over_cli(text)
    assert rest.status_code in (400, 413)
    assert rest.status_code == 413 or TOO_DEEP in rest.json()["detail"]
    assert service.jobs(instance)[0]["name"] == "known"


@pytest.mark.parametrize("text", [
    "[" * 3000, "[" * 3000 + "]" * 3000, "[" * 21, " [ " * 21, '{"a": ' * 3000, '[{"a": ' * 3000, NESTED,
])  # fmt: skip
def test_a_value_of_many_levels_is_the_same_error_over_both_interfaces_of_the_bus(instance, text):
    deep_list = json.loads("[" * 25 + "1" + "]" * 25)
    with pytest.raises(ScheduledError) as refused:
        bot_cron_calls.update_config(instance, "jobs.known", "description", text)
    with pytest.raises(ScheduledError) as other:
        own.ask(instance, "edit", {"job": "known", "changes": {"description": deep_list}})

    assert str(refused.value) == str(other.value)
    assert "description: nested too deeply: at most 20 levels" in str(refused.value)


def test_a_text_that_begins_with_a_few_brackets_is_a_text(instance):
    bot_cron_calls.update_config(instance, "jobs.known", "description", "[[x")

    assert service.written(instance, "known")["description"] == "[[x"


@pytest.mark.parametrize("key", [".".join("a" * 3000), ".".join("a" * 25)])
def test_a_key_of_many_names_is_an_error_in_words(instance, key):
    with pytest.raises(ScheduledError, match=TOO_DEEP):
        bot_cron_calls.update_config(instance, "defaults", key, "1")


def test_arguments_are_words_of_a_command_that_is_a_list_and_text_of_one_that_is_not(instance):
    service.add(instance, "words", {"job_type": "manual", "command": ["echo"], "arguments": "'a b' c"})
    service.add(
        instance, "text", {"job_type": "manual", "command": "echo", "arguments": "'a b' c", "is_active": 0}
    )

    assert service.written(instance, "words")["command"] == ["echo", "a b", "c"]
    assert service.written(instance, "text") == {"command": "echo 'a b' c", "enabled": False}


@pytest.mark.parametrize("words", [["apply"], ["apply", "--dry-run"], ["state", "restore"]])
@pytest.mark.parametrize("kind", ["fifo", "directory", "device"])
def test_what_is_no_regular_file_is_refused_as_an_argument(configured, words, kind):
    path = configured.root / "given.toml"
    {
        "fifo": lambda: os.mkfifo(path),
        "directory": path.mkdir,
        "device": lambda: path.symlink_to("/dev/zero"),
    }[kind]()

    done = invoke(configured, *words, str(path))  # ends the test if it blocks

    assert done.code == 2
    assert f"{path}: not a regular file" in done.err


REPEATED = [
    ('{"name": "odd", "command": "true", "command": "false"}', "command"),
    ('{"name": "odd", "command": "true", "labels": {"a": "1", "a": "2"}}', "a"),
    ('{"name": "odd", "command": "true", "description": "", "descripti\\u006fn": "x"}', "description"),
]


@pytest.mark.parametrize(("text", "key"), REPEATED)
def test_a_key_that_occurs_twice_is_refused_by_name(over_cli, connect, configured, instance, text, key):
    """Of two values for a key one would be lost without a word."""
    words = f"{key}: occurs twice in one object; write it once"
    rest = connect().post("/api/jobs", content=text, headers={"Content-Type": "application/json"})
    sent = f'{{"name": "odd", "definition": {text}}}'
    for parse in (parse_arguments, bot_cron_calls.parse_call):
        with pytest.raises(ScheduledError, match=words):
            parse(sent)
    with pytest.raises(ScheduledError, match=words):
        bot_cron_calls.update_config(instance, "jobs.known", "labels", text)

    assert words in over_cli(text)
    assert (rest.status_code, words in rest.json()["detail"]) == (400, True)
    assert not (configured.config.parent / "jobs.d").exists()
