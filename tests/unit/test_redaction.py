"""Secrets that stand in a definition are in no answer of any door, and no mask takes their place."""

import pytest

from scheduled import service
from scheduled.config import edit as editing
from scheduled.config import redaction
from scheduled.config.files import load
from scheduled.errors import ConfigError
from scheduled.interfaces.dbus import bot_cron as dbus_bot_cron
from scheduled.interfaces.dbus import own as dbus_own
from scheduled.service import Where

SECRET = "inlineTokenValue99"
TEXT = f"""# mine
[defaults]
env = {{ MAIL_PASSWORD = "{SECRET}-default" }}

[jobs.neighbour]
command = "true"

[jobs.secretive]
command = "true"
env = {{ API_TOKEN = "{SECRET}", LANG = "C" }}  # ours

[jobs.tabled]
command = "true"
[jobs.tabled.env]
API_KEY = "{SECRET}\\"\\n"   # escaped
"OTHER_TOKEN" = '''
{SECRET}
'''

[jobs.dotted]
command = "true"
env.X_SECRET = "{SECRET}"
"""


@pytest.fixture
def where(world):
    world.configure(TEXT)
    return Where(str(world.config), str(world.state))


def secret_of(where, job="secretive", key="API_TOKEN"):
    return load(where.config_file).jobs[job].env[key]


def asked(where, question, **arguments):
    return dbus_own.ask(where, question, arguments)


@pytest.mark.parametrize(
    "change",
    [
        lambda where: service.edit(where, "secretive", {"description": "x"}),
        lambda where: service.edit(where, "tabled", {"description": "x"}),
        lambda where: service.edit(where, "dotted", {"description": "x"}),
        lambda where: service.edit(where, "secretive", {"env": None}),
        lambda where: service.remove(where, "neighbour"),
        lambda where: service.remove(where, "tabled"),
        lambda where: service.add(where, "new", {"command": "x", "env": {"API_TOKEN": SECRET}}),
        lambda where: service.remove(where, "secretive", dry_run=True),
    ],
)
def test_no_secret_is_in_what_is_told_of_a_change(where, change):
    done = change(where)

    assert done["changed"] and SECRET not in str(done)
    assert done["diff"].startswith("---")


@pytest.mark.parametrize(
    "ask",
    [
        lambda where: service.written(where, "secretive"),
        lambda where: asked(where, "written", job="secretive"),
        lambda where: dbus_bot_cron.get_config(where, "jobs.secretive"),
    ],
)
def test_no_secret_is_in_what_is_told_of_a_definition(where, ask):
    assert ask(where) == {"command": "true", "env": {"API_TOKEN": "***", "LANG": "C"}}


def test_all_but_the_secrets_is_in_the_diff_as_it_is_in_the_file(where):
    diff = service.edit(where, "secretive", {"description": "x"})["diff"]

    assert ' env = { API_TOKEN = "***", LANG = "C" }  # ours\n' in diff
    assert '+description = "x"\n' in diff


def test_that_a_secret_is_another_is_said(where):
    diff = service.edit(where, "secretive", {"env": {"API_TOKEN": "another one"}})["diff"]

    assert '-env = { API_TOKEN = "***", LANG = "C" }  # ours\n' in diff
    assert "*** (another)" in diff and "another one" not in diff


def test_what_was_told_can_be_written_back_and_the_secret_stays(where):
    told = service.written(where, "secretive")

    service.edit(where, "secretive", {**told, "env": {**told["env"], "LANG": "de"}})
    service.replace(where, "secretive", {**told, "description": "x"})

    assert secret_of(where) == SECRET
    assert load(where.config_file).jobs["secretive"].description == "x"


@pytest.mark.parametrize(
    "write",
    [
        lambda where: service.edit(where, "neighbour", {"env": {"API_TOKEN": "***"}}),
        lambda where: service.add(where, "new", {"command": "x", "env": {"API_TOKEN": "***"}}),
        lambda where: service.edit(where, "secretive", {"env": {"DB_PASSWORD": "*** (another)"}}),
    ],
)
def test_a_mask_that_stands_for_nothing_here_is_refused(where, world, write):
    with pytest.raises(ConfigError, match=r"env\.\w+: \*\*\* stands for a secret"):
        write(where)

    assert world.config.read_text() == TEXT


def test_of_what_is_no_toml_nothing_is_shown(world):
    broken = f"[jobs.x\nAPI_TOKEN = '{SECRET}'".encode()

    diff = editing.Edit(world.config, broken, TEXT.encode()).diff()

    assert SECRET not in diff and "can't be shown" in diff


def test_what_has_no_secrets_is_shown_byte_for_byte(world):
    diff = redaction.diff(world.config, None, b"a = 1  # why\r\n[b]\n")

    assert diff.splitlines(keepends=True)[3:] == ["+a = 1  # why\r\n", "+[b]\n"]
