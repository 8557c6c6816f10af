"""The environment of a job is that of cron, however its run was started. See test_real_cron.py for cron itself."""

import os
import time
from pathlib import Path

import pytest

from tests.fixtures.world import World

JOB = """
[jobs.a]
command = "env | grep -v ^PWD= | sort; exit 3"
[jobs.due]
cron = "* * * * *"
command = "env > due"
cwd = "{root}"
"""
CRONTAB = 'PATH=/opt/tools:/usr/bin:/bin\nMAILTO=""\nWORD="a b"\n* * * * * true\n'


@pytest.fixture
def caller(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Return the environment of a caller with variables that cron does not give, and a crontab with variables."""
    stub = Path.home() / "bin/crontab"
    (Path.home() / "crontab").write_text(CRONTAB)
    stub.write_text(f"#!/bin/sh\ncat {Path.home()}/crontab\n")
    monkeypatch.setenv("WORD", "of the caller")
    return {**os.environ, "FOO": "1", "LANG": "de_DE.UTF-8", "API_TOKEN": "very-secret"}


@pytest.fixture
def cli(world: World) -> World:
    world.configure(JOB.format(root=world.root))
    return world


def variables(text: str) -> dict[str, str]:
    return dict(line.partition("=")[::2] for line in text.splitlines() if line)


def test_a_run_by_hand_gets_the_variables_of_the_crontab_and_none_of_the_caller(
    cli: World, caller: dict[str, str]
) -> None:
    cli.run("run", "a", env=caller)

    given = variables(cli.run("logs", "a").stdout)

    assert {name: given.get(name) for name in ("PATH", "WORD", "MAILTO", "SHELL", "FOO", "API_TOKEN")} == {
        "PATH": "/opt/tools:/usr/bin:/bin", "WORD": "a b", "MAILTO": "", "SHELL": "/bin/sh", "FOO": None,
        "API_TOKEN": None,
    }  # fmt: skip
    assert given.get("LANG") != "de_DE.UTF-8"
    assert (given["SCHEDULED_CONFIG"], given["SCHEDULED_STATE"]) == (str(cli.config), str(cli.state))


ALL_WAYS = """
timezone = "UTC"
[jobs.a]
cron = "0 0 1 1 *"
command = "env -0 | sort -z"
[jobs.all]
cron = "0 0 1 1 *"
chain = ["a"]
"""


def test_a_tick_run_and_try_give_all_variables_the_same_values(cli: World, caller: dict[str, str]) -> None:
    def given(*words: str) -> dict[str, str]:
        text = cli.run(*words, env=caller).stdout
        return dict(entry.partition("=")[::2] for entry in text.split("\0") if entry)

    cli.configure(ALL_WAYS)
    cli.run("run", at="2024-12-31 23:59:00", env=caller)
    cli.run("run", at="2025-01-01 00:00:10", env=caller)  # the slot, and the chain with a step
    slot_id, step_id = [run["run_id"] for run in cli.json("history", "a")[::-1]]
    ticked, step = given("logs", slot_id), given("logs", step_id)
    cli.run("run", "a", at="2025-01-01 00:01:00", env=caller)
    cli.run("run", "all", at="2025-01-01 00:02:00", env=caller)
    by_hand = {run["trigger"]: given("logs", run["run_id"]) for run in cli.json("history", "a")[:2]}
    tried, step_tried = given("try", "a"), given("try", "all")

    january = "2025-01-01T00:00:00+00:00"
    about = {
        "ATTEMPT": "1",
        "EVENT": "",
        "EVENT_DATA": "{}",
        "JOB": "a",
        "MISSED": "0",
        "TARGET": "",
        "WINDOW_START": january,
    }
    of_slot = {**about, "FOR": january, "RUN_ID": slot_id, "TRIGGER": "schedule", "WINDOW_START": ""}
    manual = {**about, "FOR": "", "TRIGGER": "manual"}
    of_chain = {**about, "FOR": "", "TRIGGER": "chain", "EVENT": "chain"}
    same = {name: value for name, value in ticked.items() if not _is_about(name)}
    assert ticked == same | _named(of_slot)
    assert step == same | _named({**of_chain, "FOR": january, "WINDOW_START": "", "RUN_ID": step_id})
    assert by_hand["manual"] == same | _named({**manual, "RUN_ID": by_hand["manual"]["SCHEDULED_RUN_ID"]})
    assert tried == same | _named({**manual, "RUN_ID": "a-try"})
    assert by_hand["chain"] == same | _named({**of_chain, "RUN_ID": by_hand["chain"]["SCHEDULED_RUN_ID"]})
    assert step_tried == same | _named({**of_chain, "RUN_ID": "a-try"})


def _is_about(name: str) -> bool:
    return name.startswith("SCHEDULED_") and name not in ("SCHEDULED_CONFIG", "SCHEDULED_STATE")


def _named(about: dict[str, str]) -> dict[str, str]:
    return {f"SCHEDULED_{name}": value for name, value in about.items()}


@pytest.mark.parametrize("command", ["run", "try"])
def test_a_job_that_fails_by_hand_names_the_variables_that_it_was_not_given(
    cli: World, caller: dict[str, str], command: str
) -> None:
    done = cli.run(command, "a", env=caller)

    names, hint = done.stderr.splitlines()[-2:]
    assert names.startswith("scheduled: a: was not given these variables of your shell, as under cron: ")
    listed = names.partition("cron: ")[2].split(", ")
    assert {"FOO", "API_TOKEN", "PATH (another value)", "WORD (another value)"} <= set(listed)
    assert "very-secret" not in names + hint and "SCHEDULED_CONFIG" not in names + hint
    assert hint.endswith(f"`env` or `env_file`; with all of them: `scheduled {command} --inherit-env a`")


@pytest.mark.parametrize("command", ["run", "try"])
def test_with_inherit_env_it_gets_all_of_them_and_nothing_is_named(
    cli: World, caller: dict[str, str], command: str
) -> None:
    done = cli.run(command, "a", "--inherit-env", env=caller)

    given = variables(done.stdout if command == "try" else cli.run("logs", "a").stdout)
    assert (given["FOO"], given["WORD"], given["LANG"]) == ("1", "of the caller", "de_DE.UTF-8")
    assert (given["PATH"], given["MAILTO"]) == (caller["PATH"], "")
    assert "was not given" not in done.stderr


@pytest.mark.parametrize(
    ("what", "codes", "reason"),
    [
        ('command = "exit 75"', (75, 75), "deferred"),
        ('command = "sleep 9"\ntimeout = 1', (1, 1), "timed_out"),
        ('command = "true"\ncwd = "/nonexistent"', (1, 1), "cannot start: /nonexistent"),
        ('command = "true"\npre = "exit 1"', (1, 1), "pre: exit code 1"),
        (
            'command = "true"\nsecrets = { A = "command:exit 3" }',
            (1, 1),
            "secret A (command:exit 3): exit code 3",
        ),
    ],
)
def test_what_is_no_matter_of_variables_names_none(
    cli: World, caller: dict[str, str], what: str, codes: tuple[int, int], reason: str
) -> None:
    cli.configure(f"[jobs.a]\n{what}\n")
    done = [cli.run(command, "a", env=caller) for command in ("run", "try")]

    assert tuple(one.returncode for one in done) == codes
    assert all(reason in one.stderr and "was not given" not in one.stderr for one in done)


def test_a_tick_does_not_mention_the_caller_and_does_not_inherit(cli: World, caller: dict[str, str]) -> None:
    cli.configure(JOB.format(root=cli.root).replace("env > due", "exit 4"))

    ticked, refused = cli.run("run", env=caller), cli.run("run", "--inherit-env", env=caller)

    assert (ticked.returncode, refused.returncode) == (1, 2)
    assert ticked.stderr == "scheduled: due: failed: exit code 4 (scheduled logs due)\n"
    assert "--inherit-env: give a JOB" in refused.stderr


def test_the_command_of_a_gate_gets_the_environment_and_the_env_of_its_job(
    cli: World, caller: dict[str, str]
) -> None:
    gate = 'only_if = { command = "test \\"$FOO-$WORD-$MINE\\" = \\"-a b-1\\"" }\nenv = { MINE = "1" }\n'
    cli.configure(f'[jobs.gated]\ncron = "* * * * *"\ncommand = "true"\n{gate}')

    cli.run("run", env=caller)

    assert [run["status"] for run in cli.json("history")] == ["success"]


def test_a_secret_of_the_crontab_is_masked_while_the_run_is_under_way(
    world: World, caller: dict[str, str]
) -> None:
    (Path.home() / "crontab").write_text("API_TOKEN=from-the-crontab\n")
    end = world.root / "end"
    world.configure(f"[jobs.a]\ncommand = 'echo \"$API_TOKEN\"; until [ -e {end} ]; do sleep 0.1; done'\n")
    del caller["API_TOKEN"]
    runner = world.start("run", "a")

    printed = ""
    for _ in range(200):
        printed = world.run("logs", "a", env=caller).stdout
        if printed:
            break
        time.sleep(0.05)
    end.touch()
    runner.wait()

    assert printed == "***\n"


def test_try_runs_the_steps_of_a_chain_in_order_and_stops_at_a_failure(world: World) -> None:
    steps = "".join(
        f"[jobs.{name}]\ncommand = 'echo {name}; exit {code}'\n" for name, code in (("a", 0), ("b", 3))
    )
    off = "[jobs.off]\nenabled = false\ncommand = 'true'\n"
    chain = '[jobs.all]\nchain = ["a", ["b", "off"], "a"]\n[jobs.on]\nchain = ["all", "a"]\non_failure = "continue"\n'
    world.configure(steps + off + chain)

    stopped, continued = world.run("try", "all"), world.json("try", "on")

    assert (stopped.returncode, stopped.stdout) == (1, "a\nb\n")
    assert stopped.stderr.splitlines()[:4] == [
        "a: success", "b: failed: exit code 3", "off: failed: is disabled", "all: failed: b and off failed",
    ]  # fmt: skip
    assert [(step["job"], step["status"]) for step in continued["steps"]] == [
        ("all", "failed"),
        ("a", "success"),
    ]
    assert (continued["output"], continued["reason"]) == ("a\nb\na\n", "all failed")
    assert world.json("history") == []


def test_try_of_a_chain_ends_at_a_step_that_is_deferred_as_a_tick_holds_it_back(world: World) -> None:
    world.configure(
        "[jobs.later]\ncommand = 'exit 75'\n[jobs.bad]\ncommand = 'exit 3'\n[jobs.last]\ncommand = 'echo ran'\n"
        '[jobs.all]\nchain = [["bad", "later"], "last"]\non_failure = "continue"\n'
    )

    done, document = world.run("try", "all"), world.json("try", "all")

    assert (done.returncode, done.stdout) == (75, "")
    assert (document["status"], document["reason"]) == ("deferred", "later deferred; bad failed")
    assert [step["job"] for step in document["steps"]] == ["bad", "later"]


def test_the_remark_about_variables_is_one_line_for_all_jobs(world, monkeypatch):
    monkeypatch.setenv("TOKEN_A", "x")
    world.configure(
        "[jobs.a]\ncommand = 'false'\n[jobs.b]\ncommand = 'false'\n[jobs.c]\ncommand = '/none/x'\n"
        "[jobs.d]\ncommand = ['/none/x']\n[jobs.e]\ncommand = 'false'\nenv = { TOKEN_A = 'x' }\n"
    )
    same = [line for line in world.run("run", "a", "b", "d").stderr.splitlines() if " of your shell" in line]
    other = [line for line in world.run("run", "a", "e").stderr.splitlines() if " of your shell" in line]

    assert [line.partition(" of your")[0] for line in same] == [
        "scheduled: a, b: were not given these variables"
    ]
    assert [line.partition(" of your")[0] for line in other] == [
        "scheduled: a, e: were not given some of these variables"
    ]
    assert same[0].count("TOKEN_A") == 1 and other[0].count("TOKEN_A") == 1
