"""The `secrets` of jobs: they are read when an attempt starts, never stored, and always masked."""

import os
import tarfile

import pytest

from tests.fixtures.supervised import gone

SECRETS = {"file": "from-the-file-1", "command": "from-the-command-2", "credential": "abcd"}

LEAKING = """
import os
def main():
    raise OSError(f"no answer from https://x/?token={os.environ['FROM_FILE']}")
"""


@pytest.fixture
def keeper(world, monkeypatch):
    """A world with a job that has a secret of each kind, and prints them."""
    (world.root / "token").write_text(f"{SECRETS['file']}\n")
    (world.root / "token").chmod(0o600)
    (world.root / "credentials").mkdir(mode=0o700)
    (world.root / "credentials/inner").write_text(SECRETS["credential"])
    (world.root / "leaking.py").write_text(LEAKING)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(world.root / "credentials"))
    # The output of the command does not occur in its text, which is shown.
    text = SECRETS["command"].replace("-", "%s")
    world.configure(f"""
        [defaults.secrets]
        FROM_FILE = "file:{world.root}/token"
        FROM_COMMAND = "command:printf '{text}\\\\n' - - -"
        [jobs.prints]
        command = 'echo "a $FROM_FILE b $FROM_COMMAND c $FROM_CREDENTIAL d" | tee {world.root}/printed; exit 3'
        secrets = {{ FROM_CREDENTIAL = "credential:inner" }}
        [jobs.raises]
        python = "leaking:main"
        env = {{ PYTHONPATH = "{world.root}" }}
    """)
    return world


def leaks(data):
    data = data if isinstance(data, bytes) else data.encode()
    return [kind for kind, secret in SECRETS.items() if secret.encode() in data]


def kept(world):
    return {str(path): path.read_bytes() for path in world.state.rglob("*") if path.is_file()}


def reason(world, job):
    [found] = [run["reason"] for run in world.json("history") if run["job"] == job]
    return found


def test_no_secret_is_stored_in_any_file_or_shown_by_any_command(keeper):
    ticked = keeper.run("run", "prints", "raises")
    tried = keeper.run("try", "prints")
    commands = [
        "history",
        "status",
        "logs prints",
        "logs raises",
        "show prints",
        "jobs",
        "explain prints",
        "check",
    ]
    shown = [keeper.run(*words.split(), *form) for words in commands for form in ([], ["--json"])]
    keeper.run("state", "backup", str(keeper.root / "backup.tar"))

    assert (
        keeper.root / "printed"
    ).read_text() == f"a {' b '.join([SECRETS['file'], SECRETS['command']])} c abcd d\n"
    assert keeper.json("logs", "prints")["output"] == "a *** b *** c *** d\n" == tried.stdout
    assert [leaks(done.stdout + done.stderr) for done in (ticked, tried, *shown)] == [[]] * (2 + len(shown))
    assert "token=***" in keeper.run("logs", "raises").stdout
    assert {path: found for path, data in kept(keeper).items() if (found := leaks(data))} == {}
    with tarfile.open(keeper.root / "backup.tar") as archive:
        members = [archive.extractfile(member) for member in archive.getmembers() if member.isfile()]
        assert [leaks(member.read()) for member in members] == [[]] * len(members)
    assert list(keeper.state.glob("results/*.secrets")) == []


def test_secrets_are_shown_as_they_are_written(keeper):
    settings = keeper.json("show", "prints")["settings"]

    assert settings["secrets"]["FROM_FILE"] == f"file:{keeper.root}/token"
    assert list(settings["secrets"]) == ["FROM_FILE", "FROM_COMMAND", "FROM_CREDENTIAL"]


def test_an_attempt_with_secrets_that_is_killed_leaves_none_after_the_next_tick(keeper, until):
    keeper.configure(f"""
        [jobs.slow]
        command = 'echo "$FROM_FILE"; sleep 100'
        secrets = {{ FROM_FILE = "file:{keeper.root}/token" }}
        on_interrupted = "skip"
    """)
    tick = keeper.start("run", "slow")
    until(lambda: any(leaks(data) for path, data in kept(keeper).items() if path.endswith(".log")))
    while_it_runs = keeper.run("logs", "slow").stdout
    keeper.kill_all(tick)
    (keeper.root / "token").unlink()
    after_the_kill = keeper.run("logs", "slow").stdout
    keeper.run("run")

    assert (while_it_runs, after_the_kill) == ("***\n", "***\n")
    assert {path: found for path, data in kept(keeper).items() if (found := leaks(data))} == {}
    assert list(keeper.state.glob("results/*")) == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("file:ROOT/missing", "ROOT/missing: No such file or directory"),
        ("file:ROOT/open", "ROOT/open: is writable by all users; chmod o-w ROOT/open"),
        ("file:ROOT/fifo", "ROOT/fifo: not a regular file"),
        ("file:ROOT/empty", "it is empty"),
        ("file:ROOT/short", "it has fewer than 4 bytes, so that it can't be masked in the output"),
        ("file:ROOT/nul", "it holds a NUL character, which no variable can hold"),
        ("file:ROOT/large", "ROOT/large: too large: 65537 bytes, and at most 65536 are read"),
        ("credential:missing", "ROOT/credentials/missing: No such file or directory"),
        ("command:echo printed; echo a remark >&2; echo of two lines >&2; exit 7", "exit code 7: a remark; of two lines"),
        ("command:kill -9 $$", "it was killed by a signal"),
        ("command:nowhere-to-be-found", "nowhere-to-be-found: not found"),
        ("command:cat /dev/zero", "it printed more than 65536 bytes, the most that a secret may have"),
        ("command:true", "it is empty"),
    ],
)  # fmt: skip
def test_a_secret_that_cannot_be_had_fails_the_run_and_nothing_is_started(keeper, source, expected):
    root = keeper.root
    files = {"open": b"secret", "empty": b"\n", "short": b"abc\n", "nul": b"sec\0ret", "large": b"x" * 65537}
    for name, content in files.items():
        (root / name).write_bytes(content)
        (root / name).chmod(0o602 if name == "open" else 0o600)
    os.mkfifo(root / "fifo")
    source, expected = source.replace("ROOT", str(root)), expected.replace("ROOT", str(root))
    keeper.configure(f"""
        [jobs.fails]
        command = "touch {root}/started"
        secrets = {{ FIRST = "file:{root}/token", SECOND = "{source}" }}
    """)

    done = keeper.run("run", "fails")
    [run] = keeper.json("history")

    assert (done.returncode, run["status"], run["exit_code"]) == (1, "failed", 78)
    assert run["reason"].startswith(f"secret SECOND ({source}): ") and expected in run["reason"]
    assert expected in done.stderr and expected in keeper.run("try", "fails").stdout + done.stderr
    assert not (root / "started").exists()
    assert list(keeper.state.glob("output/*/*")) == list(keeper.state.glob("results/*.secrets")) == []


def test_without_credentials_the_reason_names_what_gives_them(keeper, monkeypatch):
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")

    keeper.run("run", "prints")

    assert (
        "there is no CREDENTIALS_DIRECTORY: only systemd sets it, for a unit with LoadCredential=inner:PATH"
        in (reason(keeper, "prints"))
    )


def test_a_secret_that_a_failing_command_repeats_is_masked(keeper):
    keeper.configure(f"""
        [jobs.fails]
        command = "true"
        secrets = {{ FIRST = "file:{keeper.root}/token", SECOND = "command:cat {keeper.root}/token >&2; exit 1" }}
    """)

    keeper.run("run", "fails")

    assert reason(keeper, "fails").endswith("exit code 1: ***")


def test_each_attempt_reads_its_secrets_again(keeper):
    keeper.configure(f"""
        [jobs.rotates]
        cron = "* * * * *"
        command = '[ "$TOKEN" = rotated ] || exit 1'
        secrets = {{ TOKEN = "command:cat {keeper.root}/token; echo rotated > {keeper.root}/token" }}
        retry = {{ max_attempts = 2, delay = 0 }}
    """)

    keeper.run("run")

    assert [(run["attempt"], run["status"]) for run in keeper.json("history")] == [(2, "success")]


def test_a_command_gets_the_environment_and_the_directory_of_the_job_without_its_secrets(keeper):
    keeper.configure(f"""
        [jobs.sees]
        command = "true"
        cwd = "{keeper.root}"
        env = {{ PLAIN = "plain", TOKEN = "of env" }}
        secrets = {{ FIRST = "file:token", TOKEN = "command:pwd; env > seen" }}
    """)

    keeper.run("run", "sees")
    seen = dict(line.split("=", 1) for line in (keeper.root / "seen").read_text().splitlines())

    assert reason(keeper, "sees") is None
    assert (seen["PLAIN"], seen["SCHEDULED_JOB"], seen["SCHEDULED_ATTEMPT"]) == ("plain", "sees", "1")
    assert {"FIRST", "TOKEN"}.isdisjoint(seen)


def test_what_a_command_leaves_in_its_session_is_killed_and_an_agent_stays(keeper, until):
    keeper.configure(f"""
        [jobs.leaves]
        command = "true"
        secrets = {{ TOKEN = '''command:
            sh -c 'echo $$ > {keeper.root}/left; exec sleep 1000' &
            setsid sh -c 'echo $$ > {keeper.root}/agent; exec sleep 1000' > /dev/null 2>&1 &
            until [ -s {keeper.root}/left ] && [ -s {keeper.root}/agent ]; do sleep 0.02; done
            echo token
        ''' }}
    """)

    keeper.run("run", "leaves")
    left, agent = (int((keeper.root / name).read_text()) for name in ("left", "agent"))
    agent_lived = not gone(agent)
    os.kill(agent, 9)

    assert reason(keeper, "leaves") is None
    until(lambda: gone(left))
    assert agent_lived


def test_a_slot_runs_once_if_its_tick_is_killed_while_it_reads_secrets(keeper, until):
    keeper.configure(f"""
        [jobs.slot]
        cron = "* * * * *"
        command = "echo ran >> {keeper.root}/ran"
        secrets = {{ TOKEN = '''command:
            [ -e {keeper.root}/pid ] || {{ echo $$ > {keeper.root}/pid.new; mv {keeper.root}/pid.new {keeper.root}/pid; sleep 1000; }}
            echo token
        ''' }}
    """)
    tick = keeper.start("run")
    until((keeper.root / "pid").exists)
    keeper.kill_all(tick)
    pid = int((keeper.root / "pid").read_text())

    until(lambda: gone(pid))
    keeper.run("run")

    assert {(run["attempt"], run["status"]) for run in keeper.json("history")} == {(1, "success")}
    assert (keeper.root / "ran").read_text() in ("ran\n", "ran\n" * 2)  # a minute may have passed


def test_a_tick_that_is_stopped_leaves_the_slot_open_and_ends_the_command(keeper, until):
    keeper.configure(f"""
        [jobs.slot]
        cron = "* * * * *"
        command = "true"
        secrets = {{ TOKEN = "command:echo $$ > {keeper.root}/pid; sleep 1000" }}
    """)
    tick = keeper.start("run")
    until(lambda: (keeper.root / "pid").exists() and (keeper.root / "pid").read_text())
    tick.terminate()
    tick.wait(60)

    until(lambda: gone(int((keeper.root / "pid").read_text())))
    assert [(run["attempt"], run["status"]) for run in keeper.json("history")] == [(0, "waiting_retry")]
