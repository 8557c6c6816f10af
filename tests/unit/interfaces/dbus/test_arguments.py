"""A client of an interface names no file of the user: functions take only the arguments that the interface offers."""

import asyncio
import inspect

import pytest

from scheduled.errors import ConfigError
from scheduled.interfaces.dbus import bot_cron_calls, own
from scheduled.interfaces.mcp import server
from scheduled.service import Instance

FILES = {
    "against",
    "file",
    "path",
    "archive",
    "log",
    "command",
    "source",
    "output",
}  # names of such arguments


@pytest.fixture
def instance(world):
    world.configure('[jobs.mine]\ncommand = "true"\ncron = "@daily"\n')
    return Instance(str(world.config), str(world.state))


def test_the_bus_does_not_compare_the_audit_with_a_file_that_a_client_names(instance, tmp_path):
    secret = tmp_path / "web-token"
    secret.write_text("theTokenOfTheOwner\n")

    with pytest.raises(ConfigError) as refused:
        own.ask(instance, "audit", {"against": str(secret)})

    assert str(refused.value) == "audit: against: unknown argument; use one of after, until"


def test_the_bus_offers_only_arguments_that_exist_and_hides_those_that_name_a_file():
    hidden = {
        (name, argument)
        for name, function in own.QUESTIONS.items()
        for argument in list(inspect.signature(function).parameters)[1:]
        if argument not in own.ARGUMENTS[name]
    }
    for name, function in own.QUESTIONS.items():
        assert set(own.ARGUMENTS[name]) <= set(inspect.signature(function).parameters)
    assert hidden == {("audit", "against")}


def test_no_call_of_the_other_bus_interface_and_no_tool_names_a_file(instance):
    calls = {name: list(inspect.signature(call).parameters) for name, call in bot_cron_calls.CALLS.items()}
    tools = {
        tool.name: list(tool.input_schema.get("properties", {}))
        for tool in asyncio.run(server.build(instance).list_tools())
    }
    named = [(name, FILES & set(known)) for name, known in (calls | tools).items() if FILES & set(known)]
    assert named == [("cron_add", {"command"})]  # a definition, which needs add_commands
