"""`env JOB` lists what a job gets now, and where each variable comes from."""

import os
from pathlib import Path

import pytest

from tests.fixtures.world import World

SECRET = "hunter2-and-more"
CONFIG = """
timezone = "UTC"
[defaults]
env = {{ SHARED = "1", BOTH = "of all" }}
[jobs.a]
command = ["env", "-0"]
env = {{ BOTH = "of a", DB_PASSWORD = "abc", ADDRESS = "https://x/?{secret}" }}
env_file = "{root}/env"
secrets = {{ TOKEN = "file:{root}/token", WORD = "command:touch {root}/asked; echo word" }}
[jobs.each]
command = ["env", "-0"]
for_each = ["x", "y z"]
[jobs.unreadable]
command = "true"
env_file = "/nowhere/env"
"""


@pytest.fixture
def cli(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    stub = Path.home() / "bin/crontab"
    (Path.home() / "crontab").write_text('PATH=/opt/tools:/usr/bin:/bin\nWORD="a b"\n* * * * * true\n')
    stub.write_text(f"#!/bin/sh\ncat {Path.home()}/crontab\n")
    world.configure(CONFIG.format(root=world.root, secret=SECRET))
    (world.root / "env").write_text(f"VAULT={SECRET}\nSHORT=1\nBOTH='of the file'\n")
    (world.root / "token").write_text("a-token\n")
    for name in ("env", "token"):
        (world.root / name).chmod(0o600)
    monkeypatch.setenv("FOO", "1")
    monkeypatch.setenv("SHARED", "of the shell")
    monkeypatch.setenv("DB_PASSWORD", "of-the-shell")
    return world


def given_to(world: World, *words: str) -> dict[str, str]:
    return dict(entry.partition("=")[::2] for entry in world.run(*words).stdout.split("\0") if entry)


def test_it_has_the_variables_and_values_that_the_job_prints_to_its_log(cli: World) -> None:
    found = cli.json("env", "a")

    shown = {entry["name"]: entry["value"] for entry in found["variables"]}
    assert (found["job"], found["target"], list(shown)) == ("a", None, sorted(shown))
    printed = given_to(cli, "try", "a")
    # A secret is masked by its value in an output, if it has four characters; by its name here.
    assert shown == printed | {"DB_PASSWORD": "***"}
    assert (shown["TOKEN"], shown["VAULT"], shown["ADDRESS"]) == ("***", "***", "https://x/?***")


def test_each_variable_has_its_source_and_no_secret_is_read(cli: World) -> None:
    sources = {entry["name"]: entry["source"] for entry in cli.json("env", "a")["variables"]}

    assert not (cli.root / "asked").exists()
    expected = {
        "HOME": "cron", "LOGNAME": "cron", "USER": "cron", "SHELL": "cron", "PATH": "crontab", "SCHEDULED_CONFIG": "scheduled",
        "SCHEDULED_STATE": "scheduled", "SHARED": "[defaults] env", "BOTH": "env", "VAULT": f"env_file {cli.root}/env",
        "TOKEN": f"secret, file:{cli.root}/token", "WORD": f"secret, command:touch {cli.root}/asked; echo word",
        "SCHEDULED_JOB": "this run", "SCHEDULED_RUN_ID": "this run",
    }  # fmt: skip
    assert sources | expected == sources


def test_on_a_terminal_it_is_one_line_for_each_variable(cli: World) -> None:
    lines = cli.run("env", "a").stdout.splitlines()

    assert "BOTH=of a  # env" in lines and f"TOKEN=***  # secret, file:{cli.root}/token" in lines
    assert SECRET not in "".join(lines)


def test_with_diff_shell_it_lists_the_difference_from_the_shell(cli: World) -> None:
    shell = cli.json("env", "a", "--diff-shell")["shell"]
    text = cli.run("env", "a", "--diff-shell").stdout

    alone = {entry["name"] for entry in shell["only_in_job"]}
    other = {entry["name"]: (entry["value"], entry["shell"]) for entry in shell["other_value"]}
    assert "FOO" in shell["not_given"] and alone.issuperset({"TOKEN", "VAULT", "SCHEDULED_JOB"})
    assert alone.isdisjoint(os.environ)
    assert other["SHARED"] == ("1", "of the shell") and other["DB_PASSWORD"] == ("***", "***")
    assert other["PATH"] == ("/opt/tools:/usr/bin:/bin", os.environ["PATH"])
    assert "  SHARED=1  # [defaults] env; your shell: of the shell\n" in text
    assert "not given to the job:\n" in text and "  FOO\n" in text and "only in the job:\n" in text
    assert "of-the-shell" not in text


def test_a_target_is_named_and_given_to_its_run(cli: World) -> None:
    found = cli.json("env", "each@y%20z")

    target = next(entry for entry in found["variables"] if entry["name"] == "SCHEDULED_TARGET")
    assert (found["job"], found["target"], target["value"]) == ("each", "y z", "y z")


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        ("b", 2, "no such job: b; "),
        ("each", 2, "each: name one of its 2 targets; the targets of each are each@x, each@y%20z"),
        ("each@z", 2, "no such target: each@z; the targets of each are each@x, each@y%20z"),
        ("a@x", 2, "no such job: a@x; a has no targets, "),
        ("none@x", 2, "no such job: none@x; "),
        ("unreadable", 1, "env_file /nowhere/env: No such file or directory"),
    ],
)
def test_what_has_no_environment_is_named(cli: World, name: str, code: int, message: str) -> None:
    done = cli.run("env", name)

    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith(f"scheduled: {message}")


def test_without_a_configuration_the_error_is_named(cli: World) -> None:
    cli.config.write_text("[")

    done = cli.run("env", "a")

    assert (done.returncode, done.stdout) == (2, "") and str(cli.config) in done.stderr
