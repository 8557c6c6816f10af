"""`scheduled log`, `[log] format` and `[log] journald`, with real ticks."""

import json
import os
import shutil
import signal
import subprocess
import sys

import pytest

from scheduled.engine.log import MAX_BYTES

SECRET = "hunter2-and-more"
# Binds the socket of a journal in an own /run, runs a command, and prints what the socket got.
JOURNAL = """
import json, os, socket, subprocess, sys
os.makedirs("/run/systemd/journal")
receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
receiver.bind("/run/systemd/journal/socket")
done = subprocess.run(sys.argv[1:], capture_output=True, text=True)
receiver.setblocking(False)
entries = []
while True:
    try:
        entries.append(receiver.recv(1 << 20).decode())
    except BlockingIOError:
        break
print(json.dumps([done.returncode, done.stderr, entries]))
"""
in_a_namespace = [
    pytest.mark.system,
    pytest.mark.skipif(
        os.geteuid() != 0 or shutil.which("unshare") is None,
        reason="NOT RUN: needs root and unshare for a /run of its own",
    ),
]


@pytest.fixture
def leaking(world):
    """A world with a job that has a secret, and uses it in a place that is logged."""
    (world.root / "env").write_text(f"VAULT={SECRET}\n")
    (world.root / "env").chmod(0o600)
    world.text = f"""
        timezone = "Europe/Berlin"
        [log]
        format = "json"
        journald = JOURNALD
        [jobs.leaks]
        env_file = "{world.root / "env"}"
        pre = 'echo "$VAULT" >&2; exit 1'
        command = 'true'
        [jobs.fails]
        env_file = "{world.root / "env"}"
        fails_if = {{ output = "{SECRET}" }}
        command = 'echo "$VAULT"'
        [jobs.missing]
        env = {{ MY_TOKEN = "{SECRET}" }}
        command = ["/nowhere/{SECRET}/program"]
    """
    world.configure(world.text.replace("JOURNALD", "false"))
    return world


def log_of(world):
    return (world.state / "scheduled.log").read_text().splitlines()


def test_each_line_is_a_json_object_with_the_event_and_no_secret(leaking):
    leaking.run("run", "leaks", "fails", "missing")
    lines = log_of(leaking)
    found = [json.loads(line) for line in lines]

    assert [{"time", "level", "message"} - one.keys() for one in found] == [set()] * len(found)
    failed = [one for one in found if one.get("event") == "job_failed"]
    assert {one["job"]: (one["level"], one["status"]) for one in failed} == dict.fromkeys(
        ("leaks", "fails", "missing"), ("ERROR", "failed")
    )
    assert {one["time"][-6:] for one in found} <= {"+01:00", "+02:00"}
    assert SECRET not in "".join(lines)


def test_a_tick_and_the_command_agree_about_both_forms(world):
    world.configure("[jobs.a]\ncommand = 'true'\n")
    world.run("run", "a")
    world.configure("[log]\nformat = 'json'\n[jobs.a]\ncommand = 'true'\n")
    world.run("run", "a")
    lines, entries = world.run("log").stdout.splitlines(), world.json("log")

    assert {line[0] for line in log_of(world)} == {"2", "{"}
    assert all(line.split(" | ")[1:2] == ["scheduled"] for line in lines)
    assert [entry["text"] for entry in entries] == lines
    assert [entry["event"] for entry in entries if "event" in entry][-1] == "job_completed"
    assert world.run("log", "-n", "1").stdout.splitlines() == lines[-1:]


def test_a_configuration_that_cannot_be_read_is_in_the_log_that_is_shown(world):
    world.configure("jobs = [")
    world.run("run")
    done = world.run("log")

    assert done.returncode == 2
    assert done.stdout.count("\n") == 1
    assert str(world.config) in done.stdout


def test_the_log_is_followed_through_a_rotation_until_ctrl_c(world):
    world.configure("[jobs.a]\ncommand = 'true'\n")
    world.run("run", "a")
    log = world.state / "scheduled.log"
    with subprocess.Popen(
        world.command("log", "-n", "1", "-f", "--json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as follower:
        seen = [json.loads(follower.stdout.readline())]
        with log.open("a") as file:
            file.write("x" * (MAX_BYTES - log.stat().st_size - 1) + "\n")  # the next tick rotates it
        seen += [json.loads(follower.stdout.readline())]
        world.run("run", "a")
        while seen[-1].get("message", "").partition(" ")[0] != "job_completed" or len(seen) < 3:
            seen.append(json.loads(follower.stdout.readline()))
        follower.send_signal(signal.SIGINT)
        rest, errors = follower.communicate(timeout=60)

    assert (follower.returncode, rest, errors.strip()) == (130, "", "")
    assert (world.state / "scheduled.log.1").exists()
    words = [entry["message"].partition(" ")[0] for entry in seen]
    assert words[0] == "job_completed"
    assert words[1].startswith("xxx")
    assert [word for word in words[2:] if word.startswith("job_")] == ["job_started", "job_completed"]


class TestJournal:
    pytestmark = in_a_namespace

    def test_the_journal_gets_the_entries_of_a_tick_without_secrets(self, leaking):
        leaking.configure(leaking.text.replace("JOURNALD", "true"))
        words = leaking.command("run", "leaks", "fails", "missing")
        script = 'mount -t tmpfs tmpfs /run && exec "$0" -c "$@"'
        done = subprocess.run(
            ["unshare", "-m", "sh", "-c", script, sys.executable, JOURNAL, *words],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        code, errors, entries = json.loads(done.stdout)

        assert (code, "journald" in errors) == (1, False)
        assert [entry.partition("\n")[0].removeprefix("MESSAGE=") for entry in entries] == [
            json.loads(line)["message"] for line in log_of(leaking)
        ]
        failed = [entry for entry in entries if "SCHEDULED_EVENT=job_failed\n" in entry]
        assert len(failed) == 3
        assert all("\nPRIORITY=3\nSYSLOG_IDENTIFIER=scheduled\n" in entry for entry in failed)
        assert SECRET not in "".join(entries)

    def test_without_a_journal_a_tick_names_that_once(self, leaking):
        leaking.configure(leaking.text.replace("JOURNALD", "true"))
        script = 'mount -t tmpfs tmpfs /run && "$@"; "$@"'
        done = subprocess.run(
            ["unshare", "-m", "sh", "-c", script, "sh", *leaking.command("run", "leaks")],
            capture_output=True, text=True, check=False,
        )  # fmt: skip

        assert done.stderr.count("log.journald: the journal takes no entries: No such file or directory") == 1
        assert "".join(log_of(leaking)).count('"message":"log.journald: ') == 1


def test_a_run_prints_its_log_and_its_messages_as_lines_of_json(leaking):
    done = leaking.run("run", "fails", "--log-json")

    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert (done.returncode, done.stdout, SECRET in done.stderr) == (1, "", False)
    assert [line["event"] for line in lines if "event" in line][-2:] == ["job_failed", "job_output"]
    assert [line["output"] for line in lines if "output" in line] == ["***\n"]
    messages = [line["message"] for line in lines if "event" not in line and line["level"] == "ERROR"]
    assert messages[0].startswith("fails: failed: exit code 0, but its output matches")
    assert {"time", "level", "message"} <= set.intersection(*map(set, lines))


def test_a_refused_configuration_is_a_line_of_json_as_well(leaking):
    leaking.config.write_text("[jobs.a\n")
    done = leaking.run("run", "--log-json")

    (line,) = map(json.loads, done.stderr.splitlines())
    assert (done.returncode, line["level"], str(leaking.config) in line["message"]) == (2, "ERROR", True)
