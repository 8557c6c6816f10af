"""Jobs with a shell, a standard input, hooks and `fails_if`, as real processes of a tick, also if it is killed."""

import json
import os
import signal

import pytest

from tests.fixtures.sample_workspace import Sample
from tests.fixtures.world import World


def ended(world: World) -> list[tuple[str, int | None, str | None]]:
    return [(run["status"], run["exit_code"], run["reason"]) for run in world.json("history")]


def printed(world: World) -> str:
    return world.run("logs", "job").stdout


def test_a_line_is_executed_by_the_shell_of_the_job(world: World) -> None:
    world.configure("""
        [jobs.job]
        shell = "/bin/bash -u"
        command = '[[ $- == *u* ]] && echo "${BASH_VERSION:+bash} $SHELL"'
        """)
    world.run("run", "job")

    assert printed(world) == "bash /bin/sh\n"


def test_each_attempt_reads_the_standard_input_from_its_start(world: World) -> None:
    world.configure("""
        [jobs.job]
        command = "cat; test $SCHEDULED_ATTEMPT = 2"
        stdin = "one\\ntwo\\n"
        on = "go"
        retry = { max_attempts = 2, delay = 0 }
        """)
    world.run("emit", "go")
    world.run("run")

    assert ended(world) == [("success", 0, None)]
    assert printed(world) == "one\ntwo\n"


def test_an_on_interrupted_command_leaves_the_standard_input_to_the_job(world: World, until) -> None:
    world.configure(f"""
        [jobs.job]
        on = "go"
        on_interrupted = "cat > {world.root}/stolen; false"
        command = "cat; touch {world.root}/started; test -e {world.root}/go || sleep 60"
        stdin = "text"
        """)
    world.run("emit", "go")
    runner = world.start("run")
    until((world.root / "started").exists)
    world.kill_all(runner)
    (world.root / "go").touch()
    world.run("run")

    assert ended(world) == [("success", 0, None)]
    assert (printed(world), (world.root / "stolen").read_text()) == ("text", "")


def supervisor_of(world: World, runner: int) -> int:
    """Return the process that holds the result file of the tick open, other than the tick."""
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            files = [os.readlink(f"/proc/{name}/fd/{fd}") for fd in os.listdir(f"/proc/{name}/fd")]
        except OSError:
            continue
        if int(name) != runner and any(file.startswith(f"{world.state}/results/") for file in files):
            return int(name)
    raise AssertionError("there is no supervisor")


WAITS = "touch {root}/{name}; while [ ! -e {root}/go ]; do sleep 0.05; done"
JOB = """
    [jobs.job]
    on = "go"
    command = "{command}"
    pre = "echo pre; {pre}"
    post = "echo post $SCHEDULED_STATUS; {post}"
    stdin = "from stdin\\n"
    fails_if = {{ output = "wrong" }}
    """


@pytest.mark.parametrize("step", ["pre", "command", "post"])
def test_a_killed_runner_changes_nothing(world: World, until, step: str) -> None:
    steps = {"pre": "true", "command": "cat; echo wrong", "post": "true"}
    steps[step] = WAITS.format(root=world.root, name="started") + "; " + steps[step]
    world.configure(JOB.format(**steps))
    world.run("emit", "go")
    runner = world.start("run")
    until((world.root / "started").exists)
    runner.kill()
    runner.wait()
    assert world.run("run").returncode == 0  # it still runs
    (world.root / "go").touch()
    until(lambda: world.run("run").returncode == 0 and ended(world)[0][0] != "running")

    assert ended(world) == [("failed", 0, 'exit code 0, but its output matches "wrong"')]
    assert printed(world) == "pre\nfrom stdin\nwrong\npost failed\n"
    assert world.json("audit")["problems"] == []


def test_a_killed_supervisor_leaves_the_job_to_its_end_and_counts_the_attempt_as_interrupted(
    world: World, until
) -> None:
    wait = WAITS.format(root=world.root, name="started")
    command = f"echo $SCHEDULED_ATTEMPT >> {world.root}/ran; test $SCHEDULED_ATTEMPT = 2 && exit; {wait}"
    world.configure(JOB.format(pre="true", command=command, post="true"))
    world.run("emit", "go")
    runner = world.start("run")
    until((world.root / "started").exists)
    results = next((world.state / "results").glob("*.jsonl"))
    until(lambda: results.read_bytes().count(b"started") >= 2)  # `pre`, and the command
    os.kill(supervisor_of(world, runner.pid), signal.SIGKILL)
    runner.kill()
    runner.wait()
    assert (world.run("run").returncode, ended(world)[0][0]) == (0, "running")
    (world.root / "go").touch()
    until(lambda: world.run("run").returncode == 0 and ended(world)[0][0] == "success")

    assert (world.root / "ran").read_text() == "1\n2\n"
    assert printed(world) == "pre\npost success\n"


def test_the_result_of_the_command_counts_if_the_supervisor_is_killed_during_post(
    world: World, until
) -> None:
    wait = WAITS.format(root=world.root, name="started")
    world.configure(JOB.format(pre="true", command=f"echo >> {world.root}/ran", post=wait))
    world.run("emit", "go")
    runner = world.start("run")
    until((world.root / "started").exists)
    supervisor = supervisor_of(world, runner.pid)
    results = next((world.state / "results").glob("*.jsonl"))
    until(lambda: b"so_far" in results.read_bytes())
    os.kill(supervisor, signal.SIGKILL)
    runner.kill()
    runner.wait()
    (world.root / "go").touch()
    until(lambda: world.run("run").returncode == 0 and ended(world)[0][0] != "running")

    reason = "post: its result is not known, because the supervisor stopped"
    assert ended(world) == [("success", 0, reason)]
    assert (world.root / "ran").read_text() == "\n"


@pytest.mark.parametrize("is_workspace", [True, False])
def test_a_handler_has_hooks_too(world: World, sample: Sample, is_workspace: bool) -> None:
    world.configure(f"""
        workspace = "{sample.root if is_workspace else world.root}"
        [jobs.job]
        handler = "metrics"
        pre = "echo before"
        post = "echo after; exit 3"
        """)
    world.run("run", "job")

    ((status, _, reason),) = ended(world)
    assert (status, (reason or "").rpartition("; ")[2]) == ("failed", "post: exit code 3")
    assert (reason == "post: exit code 3") == is_workspace
    lines = printed(world).splitlines()
    assert (lines[0], lines[-1]) == ("before", "after")


def test_retry_on_sees_a_failure_by_its_output_as_failed(world: World) -> None:
    world.configure("""
        [jobs.job]
        on = "go"
        command = "test $SCHEDULED_ATTEMPT = 2 || echo ERROR"
        fails_if = { output = "^ERROR" }
        retry = { max_attempts = 2, delay = 0, retry_on = ["failed"] }
        """)
    world.run("emit", "go")
    world.run("run")

    assert [run["attempt"] for run in world.json("history")] == [2]
    assert ended(world) == [("success", 0, None)]


def test_stop_ends_the_command_and_post_follows(world: World, until) -> None:
    world.configure(f"""
        [jobs.job]
        on = "go"
        command = "touch {world.root}/started; sleep 60"
        post = "echo post $SCHEDULED_STATUS"
        """)
    world.run("emit", "go")
    runner = world.start("run")
    until((world.root / "started").exists)
    world.run("stop", world.json("history")[0]["run_id"])
    runner.wait()

    assert [entry[0] for entry in ended(world)] == ["skipped"]
    assert printed(world) == "post stopped\n"


def test_the_keys_are_shown_without_the_text_of_the_standard_input(world: World) -> None:
    world.configure(JOB.format(pre="true", command="cat", post="true"))
    shown = world.run("show", "job").stdout
    settings = json.loads(world.run("show", "job", "--json").stdout)["settings"]

    assert settings["stdin"] == "a text of 11 bytes"
    assert settings["pre"] == "echo pre; true"
    assert "from stdin" not in shown
    assert world.json("explain", "job")["fails_if"] == 'a line of its output matches "wrong"'


def test_add_has_options_for_the_keys(world: World) -> None:
    world.configure("")
    options = ("--shell", "bash -eu", "--stdin", "text", "--pre", "true", "--post", "echo $SCHEDULED_STATUS")
    done = world.run("add", "job", "--command", "cat; false; echo on", *options)
    assert done.returncode == 0, done.stderr
    world.run("run", "job")

    assert (ended(world)[0][:2], printed(world)) == (("failed", 1), "textfailed\n")


def test_add_has_an_option_for_the_interval_from_the_end_of_a_run(world: World) -> None:
    world.configure("")
    options = ("--every", "5m", "--from", "end", "--kill-after", "0")
    done = world.run("add", "job", *options, "--", "true")
    assert done.returncode == 0, done.stderr

    shown = world.json("show", "job")

    assert shown["schedule_words"] == "every 5m, from the end of the last run"
    assert shown["settings"]["kill_after"] == 0


def test_an_empty_standard_input_of_add_is_named(world: World) -> None:
    world.configure("")
    done = world.run("add", "--json", input="")

    assert done.returncode == 2
    assert "standard input: is empty; write one JSON object" in done.stderr


# `stop` with several steps, and before the first one


@pytest.mark.parametrize("killed", [False, True])
def test_stop_during_pre_starts_no_command_although_pre_ends_well(world, until, killed):
    pre = f"trap 'exit 0' TERM; touch {world.root}/ready; while :; do sleep 0.1; done"
    world.configure(f'[jobs.job]\nkill_after = 5\npre = "{pre}"\ncommand = "touch {world.root}/began"\n')
    tick = world.start("run", "job")
    until((world.root / "ready").exists)
    run_id = until(
        lambda: next((run["run_id"] for run in world.json("history") if run["status"] == "running"), "")
    )
    if killed:  # its supervisor goes on
        tick.kill()

    assert world.run("stop", run_id).returncode == 0

    tick.wait(60)
    world.run("run")
    assert [(run["status"], run["reason"]) for run in world.json("history")] == [("skipped", "stopped")]
    assert not (world.root / "began").exists()


def test_post_follows_a_run_that_was_stopped_and_a_second_stop_ends_it(world, until):
    post = f"echo $SCHEDULED_STATUS > {world.root}/post; exec sleep 60"
    world.configure(
        f'[jobs.job]\nkill_after = 5\npost = "{post}"\ncommand = "touch {world.root}/ready; exec sleep 60"\n'
    )
    tick = world.start("run", "job")
    until((world.root / "ready").exists)
    run_id = until(
        lambda: next((run["run_id"] for run in world.json("history") if run["status"] == "running"), "")
    )

    first = world.run("stop", run_id).returncode
    until(lambda: (world.root / "post").exists() and (world.root / "post").read_text())
    still = tick.poll()
    second = world.run("stop", run_id).returncode

    assert (first, still, second, tick.wait(20)) == (0, None, 0, 1)
    assert (world.root / "post").read_text() == "stopped\n"
    assert [run["status"] for run in world.json("history")] == ["skipped"]


def test_stop_while_secrets_are_read_ends_their_command_and_starts_no_job(world, until):
    secret = f"touch {world.root}/asked; exec sleep 50"
    world.configure(
        f'[jobs.job]\ncommand = "touch {world.root}/began"\nsecrets = {{ PASSWORD = "command:{secret}" }}\n'
    )
    tick = world.start("run", "job")
    until((world.root / "asked").exists)
    ((run_id,),) = world.sql("SELECT run_id FROM runs")

    assert world.run("stop", run_id).returncode == 0

    assert tick.wait(20) == 1
    assert [(run["status"], run["reason"]) for run in world.json("history")] == [("skipped", "stopped")]
    assert not (world.root / "began").exists()
    assert list((world.state / "results").glob("*.stop")) == []


def test_a_failed_post_is_named_although_the_run_answered_not_now(world):
    """The slot waits as after any "not now", and every answer about it names both."""
    world.configure('[jobs.job]\non = "go"\ncommand = "exit 75"\npost = "exit 4"\n')
    world.run("emit", "go")

    assert world.run("run").returncode == 0

    both = "not now; post: exit code 4"
    assert [(run["status"], run["reason"]) for run in world.json("history")] == [("waiting_retry", both)]
    found = world.json("explain", "job")
    assert f"ended with exit code 75 ({both}); the next attempt" in found["sentence"]
