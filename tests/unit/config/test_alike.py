"""`check` warns of two jobs with names that look the same."""

from types import SimpleNamespace

import pytest

from scheduled import service
from scheduled.config.alike import of_targets, warnings
from scheduled.config.files import load_config
from scheduled.config.named import known_key
from scheduled.core.keys import JobKey
from scheduled.errors import ConfigError
from scheduled.interfaces.dbus import own
from scheduled.interfaces.mcp.cron_tools import CronTools
from scheduled.interfaces.permissions import Permissions


def of(*names):
    return [*warnings({name: SimpleNamespace(name=name, source="a.toml") for name in names})]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("backup", "Backup"),
        ("\u2126", "\u03a9"),  # the ohm sign and the letter
        ("\ud55c", "\u1112\u1161\u11ab"),  # a syllable and its three letters
        ("Stra\u00dfe", "STRASSE"),
    ],
)
def test_names_that_look_the_same_are_named(one, other):
    (warning,) = of(one, "third", other)

    assert warning.startswith(
        f"a.toml: jobs.{other}: the name differs from that of jobs.{one} only in capitals"
    )


def test_other_names_are_not_named():
    assert of("backup", "backup2", "back_up", "\u00e4", "a") == []


def test_a_job_that_looks_like_a_target_is_named(tmp_path):
    (tmp_path / "a.toml").write_text(
        """timezone = "UTC"
[jobs.lst]
command = "true"
for_each = ["a", "\u00e4"]
[jobs."lst@a"]
command = "true"
[jobs."lst@\u00e4"]
command = "true"
[jobs."lst@c"]
command = "true"
""",
        encoding="utf-8",
    )
    config = load_config(tmp_path / "a.toml")

    found = [text.partition(": jobs.")[2] for text in of_targets(config.jobs)]

    assert found == [
        "lst@a: the name is that of the target a of jobs.lst: `lst@a` names this job, and `lst@%61` the target; rename one of them",
        "lst@\u00e4: the name is that of the target \u00e4 of jobs.lst: `lst@\u00e4` names this job, and `lst@%C3%A4` the target; rename one of them",
    ]
    assert known_key(config, "lst@%61") == JobKey("lst", "a")


@pytest.mark.parametrize(
    "edit",
    [
        lambda instance: service.add(instance, "lst@a", {"handler": "health"}),
        lambda instance: own.ask(instance, "add", {"name": "lst@a", "definition": {"handler": "health"}}),
        lambda instance: CronTools(Permissions(instance, "mcp", "add_commands")).cron_add(
            "lst@a", cron="@daily", options={"handler": "health"}
        ),
        lambda instance: service.edit(instance, "lst", {"for_each": ["a", "b"]}),
    ],
)
def test_no_edit_makes_a_job_and_a_target_of_the_same_name(world, edit):
    world.configure("""timezone = "UTC"
[mcp]
allow = ["add"]
[jobs.lst]
command = "true"
for_each = ["a"]
[jobs."lst@b"]
command = "true"
""")

    with pytest.raises(
        ConfigError, match=r"the name is that of the target . of jobs.lst: .*; rename one of them"
    ):
        edit(service.Instance(str(world.config), str(world.state)))
