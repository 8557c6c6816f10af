"""The command line as a process: exit codes, output, and that an invalid command changes nothing."""

import json
import os
import subprocess
import sys
from datetime import datetime

import pytest

from tests.fixtures.world import ENTRY

# With an anchor in the past there is a slot in every second, also at the first tick.
JOBS = """
    [jobs.good]
    every = "1s"
    anchor = "2000-01-01"
    command = "echo done"
    [jobs.bad]
    enabled = false
    every = "1s"
    anchor = "2000-01-01"
    command = "exit 3"
"""


@pytest.fixture
def cli(world):
    world.configure(JOBS)
    return world


def everything(root):
    """Return the content and the modification time of each file, by its path."""
    return {
        path: (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def runs(world):
    return [(run["job"], run["trigger"], run["status"]) for run in world.json("history")]


# Invalid commands


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--nonsense"], "--nonsense"),
        (["--nonsense", "run"], "--nonsense"),
        (["runn"], "No such command: runn; did you mean run?"),
        (["run", "--nonsense"], "--nonsense"),
        (["run", "good", "--nonsense"], "--nonsense"),
        (["run", "goood"], "no such job: goood; did you mean good?"),
        (["run", "good", "nothing"], "no such job: nothing"),
        (["run", "--dry-run", "nothing"], "no such job: nothing"),
        (["try", "nothing"], "no such job: nothing"),
        (["try"], "Missing argument"),
        (["stop"], "Missing argument"),
        (["status", "extra"], "unexpected extra argument"),
        (["history", "--limit", "0"], "not in the range"),
        (["history", "--limit", "9223372036854775808"], "not in the range"),
        (["next", "--limit", "99999999999999999999999"], "not in the range"),
        (["history", "--limit", "many"], "not a valid integer"),
        (["run", "--config"], "requires an argument"),
        (["daily-report"], 'no job has handler = "daily_report"'),
    ],
)
def test_an_invalid_command_is_refused_without_a_change(cli, words, expected):
    done = cli.run(*words)

    assert (done.returncode, done.stdout) == (2, "")
    assert expected in done.stderr
    assert "Traceback" not in done.stderr
    assert not cli.state.exists()


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["run", "good", "-h"], ["--version"]])
def test_help_and_version_change_nothing(cli, words):
    done = cli.run(*words)

    assert (done.returncode, done.stderr, cli.state.exists()) == (0, "", False)
    assert done.stdout.startswith(("Usage: scheduled", "scheduled, version "))


def test_a_run_that_is_not_under_way_cannot_be_stopped(cli):
    done = cli.run("stop", "good-1")

    assert (done.returncode, "good-1: no such run is under way" in done.stderr) == (2, True)


# Which configuration, which state


@pytest.mark.parametrize("order", ["before", "after", "around"])
def test_config_and_state_may_be_before_or_after_the_command(cli, order):
    config, state = ["--config", str(cli.config)], ["--state", str(cli.state)]
    words = {
        "before": [*config, *state, "check", "--json"],
        "after": ["check", "--json", *config, *state],
        "around": [*state, "check", *config, "--json"],
    }[order]

    done = subprocess.run([sys.executable, ENTRY, *words], capture_output=True, text=True, check=False)

    assert (done.returncode, json.loads(done.stdout)["jobs"]) == (0, 2)


def test_options_take_precedence_over_the_environment(cli, tmp_path):
    environment = {
        **os.environ,
        "SCHEDULED_CONFIG": str(cli.config),
        "SCHEDULED_STATE": str(tmp_path / "elsewhere"),
    }

    done = subprocess.run(
        [sys.executable, ENTRY, "run", "good", "--state", cli.state],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")
    assert (cli.state.exists(), (tmp_path / "elsewhere").exists()) == (True, False)


def test_it_can_be_started_as_a_module(cli):
    command = [sys.executable, "-m", "scheduled", *cli.command("check", "--json")[2:]]

    done = subprocess.run(command, cwd=ENTRY.parents[1], capture_output=True, text=True, check=False)

    assert (done.returncode, json.loads(done.stdout)["ok"]) == (0, True)


# Exit codes and output


@pytest.mark.parametrize(
    "words",
    [
        ["history"],
        ["history", "--json"],
        ["status"],
        ["next"],
        ["logs", "good"],
        ["--help"],
        ["run", "--dry-run"],
    ],
)
def test_an_unwritable_stdout_is_an_error(cli, words):
    assert cli.run("run", "good").returncode == 0
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            cli.command(*words), stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )

    assert done.returncode == 1
    assert done.stderr == "scheduled: stdout: No space left on device\n"


def test_a_successful_tick_prints_nothing(cli):
    done = [cli.run("run", "good"), cli.run("run")]

    assert [(one.returncode, one.stdout, one.stderr) for one in done] == [(0, "", "")] * 2
    assert ("good", "manual", "success") in runs(cli)


def test_a_failure_is_printed_once_and_ends_with_1(cli):
    first, second = cli.run("run", "bad"), cli.run("run", "good")

    assert (first.returncode, first.stdout) == (1, "")
    failed, *not_given = first.stderr.splitlines()
    assert failed == "scheduled: bad: failed: exit code 3 (scheduled logs bad)"
    assert not_given[0].startswith("scheduled: bad: was not given these variables of your shell")
    assert not_given[-1].endswith("`scheduled run --inherit-env bad`")
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")


def test_a_job_that_is_not_valid_is_named_in_the_log_once(world):
    world.configure("[jobs.bad]\ncomand = 'x'\n[jobs.good]\ncommand = 'true'\n")

    codes = [world.run("run", "good").returncode for _ in range(2)]

    assert codes == [2, 2]
    named = [line for line in (world.state / "scheduled.log").read_text().splitlines() if "jobs.bad" in line]
    assert [line[20:] for line in named] == [
        f"| scheduled | WARNING | {world.config}:2: jobs.bad: comand: unknown key; did you mean command?"
    ]


def test_a_failure_with_a_pending_retry_ends_with_0(world):
    now = datetime.now().astimezone()
    world.configure(f"""
        timezone = "UTC"
        [jobs.job]
        cron = "{now.minute}-{min(59, now.minute + 1)} * * * *"
        command = "exit 3"
        retry = {{ max_attempts = 2, delay = "1h" }}
    """)

    done = world.run("run")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert runs(world) == [("job", "schedule", "waiting_retry")]


def test_an_invalid_job_ends_with_2_and_the_other_jobs_run(cli):
    cli.configure(JOBS + '[jobs.typo]\ncomand = "true"\n')

    done = cli.run("run", "good")

    assert (done.returncode, done.stdout) == (2, "")
    assert (
        done.stderr == f"scheduled: {cli.config}:12: jobs.typo: comand: unknown key; did you mean command?\n"
    )
    assert runs(cli) == [("good", "manual", "success")]


def test_a_configuration_that_cannot_be_read_ends_with_2_and_nothing_runs(cli):
    cli.configure("[jobs.good\n")

    done = cli.run("run")

    assert (done.returncode, done.stdout, (cli.state / "ledger.db").exists()) == (2, "", False)
    assert done.stderr.startswith(f"scheduled: {cli.config}: ")
    assert f"so no job ran: {cli.config}: " in (cli.state / "scheduled.log").read_text()


def test_a_job_that_another_tick_is_running_ends_with_75(cli, until):
    cli.configure(
        f"[jobs.long]\ncwd = '{cli.root}'\ncommand = 'touch begun; while [ ! -e go ]; do sleep 0.02; done'\n"
    )
    other = subprocess.Popen(cli.command("run", "long"))
    until((cli.root / "begun").exists)

    done = cli.run("run", "long")
    (cli.root / "go").touch()

    assert (done.returncode, done.stderr) == (
        75,
        "scheduled: long: it, or another job of its group, is already running\n",
    )
    assert other.wait(20) == 0
    assert runs(cli) == [("long", "manual", "success")]


def test_the_exit_codes_of_check_and_status_report_problems(cli):
    cli.run("run", "bad")
    status = cli.run("status")
    cli.configure("[jobs.typo]\n")
    check = cli.run("check")

    assert (status.returncode, "bad: failed: exit code 3" in status.stdout) == (1, True)
    assert (check.returncode, "jobs.typo" in check.stdout) == (2, True)


def test_during_the_first_tick_status_reports_no_missed_tick(world, until):
    world.configure(
        f"[jobs.slow]\nevery = '1s'\nanchor = '2000-01-01'\ncommand = 'until [ -e {world.root}/end ]; do sleep 0.05; done'\n"
    )
    tick = world.start("run")
    until(lambda: (world.state / "ledger.db").exists() and world.json("history"))
    while_it_runs = world.run("status", "--json")
    (world.root / "end").touch()
    tick.wait(20)

    assert (while_it_runs.returncode, json.loads(while_it_runs.stdout)["problems"]) == (0, [])
    assert [line["running"] for line in json.loads(while_it_runs.stdout)["jobs"]] == [True]
    assert [line["running"] for line in world.json("status")["jobs"]] == [False]


def test_try_prints_the_output_of_a_job_and_records_nothing(cli):
    done = cli.run("try", "good")

    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "good: success\n")
    assert not cli.state.exists() or runs(cli) == []


def test_logs_print_the_output_of_the_newest_run(cli):
    cli.run("run", "good")

    assert cli.run("logs", "good").stdout == "done\n"


# JSON


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_json_is_utf_8_in_any_locale(cli, encoding):
    cli.configure("""
        [jobs.tea]
        command = "true"
        description = "für später 😀"
    """)
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run(cli.command("jobs", "--json"), env=environment, capture_output=True, check=True)

    assert json.loads(done.stdout)[0]["description"] == "für später 😀"


@pytest.mark.parametrize(
    "words",
    [
        ["run"], ["run", "good"], ["run", "bad"], ["run", "--dry-run"], ["status"], ["check"], ["history"],
        ["history", "good"], ["audit"], ["logs", "good"], ["try", "good"], ["install", "--dry-run"],
    ],
)  # fmt: skip
def test_json_output_is_exactly_one_document(cli, words):
    cli.run("run")
    environment = {**os.environ, "PATH": os.environ["PATH"]}
    if words[0] == "install":
        fake = cli.root / "home" / "bin" / "crontab"
        fake.write_text('#!/bin/sh\n[ "$1" = -l ] || cat >/dev/null\n')

    done = cli.run(*words, "--json", env=environment)

    assert isinstance(json.loads(done.stdout), dict | list), done.stderr
    assert done.stdout.endswith(("}\n", "]\n"))


def test_history_has_the_documented_fields(cli):
    cli.run("run", "good")

    (run,) = cli.json("history")

    assert list(run) == [
        "run_id", "job", "target", "scheduled_for", "slots", "trigger", "attempt", "status", "reason", "started_at",
        "finished_at", "duration_ms", "exit_code", "host", "host_id", "result",
    ]  # fmt: skip
    assert datetime.fromisoformat(run["started_at"]).tzinfo is not None


# Queries change nothing


def test_a_dry_run_of_the_first_tick_creates_nothing(cli):
    done = cli.run("run", "--dry-run", "--json")

    assert [entry["job"] for entry in json.loads(done.stdout)] == ["good"]
    assert (done.returncode, cli.state.exists()) == (0, False)


@pytest.mark.parametrize(
    "words", [["run", "-n"], ["run", "-n", "good"], ["status"], ["check"], ["history"], ["audit"]]
)
def test_a_query_changes_no_file(cli, words):
    cli.run("run", "good")
    before = everything(cli.state)

    cli.run(*words)

    assert everything(cli.state) == before


@pytest.mark.parametrize(("word", "near"), [("histry", "history"), ("jbs", "jobs"), ("forcast", "forecast")])
def test_an_unknown_command_is_refused_with_the_nearest_name(cli, word, near):
    done = cli.run(word)

    assert (done.returncode, f"No such command: {word}; did you mean {near}?" in done.stderr) == (2, True)


@pytest.mark.parametrize(("words", "expected"), [("expl", ["explain"]), ("explain go", ["good"])])
def test_the_shell_completes_commands_and_jobs(cli, words, expected):
    line = ["scheduled", "--config", str(cli.config), *words.split()]
    completion = {"COMP_WORDS": " ".join(line), "COMP_CWORD": str(len(line) - 1)}

    done = cli.run(env={**os.environ, **completion, "_SCHEDULED_COMPLETE": "bash_complete"})

    assert done.stdout.split() == [f"plain,{word}" for word in expected]
