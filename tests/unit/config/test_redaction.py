"""No interface returns the secrets of a definition, and no mask is written in place of a secret."""

import pytest

from scheduled import service
from scheduled.config import edit, redaction
from scheduled.config.files import load_config
from scheduled.errors import ConfigError
from scheduled.interfaces.dbus import bot_cron_calls, own
from scheduled.service import Instance

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
def instance(world):
    world.configure(TEXT)
    return Instance(str(world.config), str(world.state))


def secret_of(instance, job="secretive", key="API_TOKEN"):
    return load_config(instance.config_file).jobs[job].env[key]


def asked(instance, question, **arguments):
    return own.ask(instance, question, arguments)


@pytest.mark.parametrize(
    "change",
    [
        lambda instance: service.edit(instance, "secretive", {"description": "x"}),
        lambda instance: service.edit(instance, "tabled", {"description": "x"}),
        lambda instance: service.edit(instance, "dotted", {"description": "x"}),
        lambda instance: service.edit(instance, "secretive", {"env": None}),
        lambda instance: service.remove(instance, "neighbour"),
        lambda instance: service.remove(instance, "tabled"),
        lambda instance: service.add(instance, "new", {"command": "x", "env": {"API_TOKEN": SECRET}}),
        lambda instance: service.remove(instance, "secretive", dry_run=True),
    ],
)
def test_no_secret_is_in_the_result_of_a_change(instance, change):
    done = change(instance)

    assert done["changed"] and SECRET not in str(done)
    assert done["diff"].startswith("---")


@pytest.mark.parametrize(
    "ask",
    [
        lambda instance: service.written(instance, "secretive"),
        lambda instance: asked(instance, "written", job="secretive"),
        lambda instance: bot_cron_calls.get_config(instance, "jobs.secretive"),
    ],
)
def test_no_secret_is_in_a_definition_that_is_shown(instance, ask):
    assert ask(instance) == {"command": "true", "env": {"API_TOKEN": "***", "LANG": "C"}}


def test_the_diff_has_the_text_of_the_file_except_the_secrets(instance):
    diff = service.edit(instance, "secretive", {"description": "x"})["diff"]

    assert ' env = { API_TOKEN = "***", LANG = "C" }  # ours\n' in diff
    assert '+description = "x"\n' in diff


COMMENTED = f"""# API_TOKEN = "{SECRET}"
[jobs.mine]
command = "echo '# no comment' #4" # {SECRET}
env = {{ A = '''#1 "
#2''', B = \"\"\"
#3 \\\" \"\"\"\" }}#{SECRET}
after = [ # {SECRET}
  'neighbour', # "{SECRET}
]
"""


@pytest.mark.parametrize(
    "edit",
    [
        lambda instance: service.edit(instance, "mine", {"description": "x"}),
        lambda instance: bot_cron_calls.update_config(instance, "jobs.mine", "description", "x"),
        lambda instance: service.remove(instance, "mine"),
    ],
)
def test_a_client_of_an_interface_sees_no_comment_of_the_file(instance, edit):
    """A comment may be an old secret, or a key that is commented out."""
    instance.config_file.write_text(TEXT + COMMENTED)

    diff = edit(instance.for_client())["diff"]

    assert (SECRET in diff, "# ..." in diff) == (False, True)


def test_a_diff_without_comments_has_the_strings_that_look_like_one(world):
    diff = redaction.diff(world.config, None, COMMENTED.encode(), comments=False)

    assert SECRET not in diff and diff.count("# ...") == 5
    assert [text for text in ("'# no comment' #4", '#1 "', "#2", "#3") if text not in diff] == []


def test_the_command_line_sees_the_comments_of_its_users_file(instance):
    assert "# ours" in service.edit(instance, "secretive", {"description": "x"})["diff"]


def test_the_diff_marks_a_changed_secret(instance):
    diff = service.edit(instance, "secretive", {"env": {"API_TOKEN": "another one"}})["diff"]

    assert '-env = { API_TOKEN = "***", LANG = "C" }  # ours\n' in diff
    assert "*** (another)" in diff and "another one" not in diff


def test_a_masked_definition_can_be_written_back_and_the_secret_is_kept(instance):
    shown = service.written(instance, "secretive")

    service.edit(instance, "secretive", {**shown, "env": {**shown["env"], "LANG": "de"}})
    service.replace(instance, "secretive", {**shown, "description": "x"})

    assert secret_of(instance) == SECRET
    assert load_config(instance.config_file).jobs["secretive"].description == "x"


@pytest.mark.parametrize(
    "write",
    [
        lambda instance: service.edit(instance, "neighbour", {"env": {"API_TOKEN": "***"}}),
        lambda instance: service.add(instance, "new", {"command": "x", "env": {"API_TOKEN": "***"}}),
        lambda instance: service.edit(instance, "secretive", {"env": {"DB_PASSWORD": "*** (another)"}}),
    ],
)
def test_a_mask_of_no_known_secret_is_refused(instance, world, write):
    with pytest.raises(ConfigError, match=r"toml: .*env\.\w+: \*\*\* is the mask of a secret"):
        write(instance)

    assert world.config.read_text() == TEXT


def test_no_diff_is_shown_of_a_file_that_is_not_toml(world):
    broken = f"[jobs.x\nAPI_TOKEN = '{SECRET}'".encode()

    diff = edit.Edit(world.config, broken, TEXT.encode()).diff()

    assert SECRET not in diff and "the diff is not shown" in diff


def test_the_diff_of_a_file_without_secrets_is_byte_for_byte(world):
    diff = redaction.diff(world.config, None, b"a = 1  # why\r\n[b]\n")

    assert diff.splitlines(keepends=True)[3:] == ["+a = 1  # why\r\n", "+[b]\n"]
