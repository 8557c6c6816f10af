"""Secrets of jobs are neither stored nor shown."""

import json
import subprocess

import pytest

from scheduled.instance import Instance
from scheduled.masking import Mask, is_secret_name, secrets_of
from scheduled.queries import logs

SECRETS = {"written": "hunter2-and-more", "named": "s3cr3t"}


LEAKING = """
    import os, sys
    from scheduled.handlers.base import Condition, Notice, Outcome
    def run(task):
        secret = os.environ["VAULT"]
        print("printed", secret)
        task.report.event("leaked", what=secret)
        task.report.condition(Condition(key="key " + secret, group="g", payload={"a": [secret], secret: 1}))
        task.report.notice(Notice(recipient="@x", subject=secret, body=secret))
        raise OSError("no answer from https://x/?token=" + secret)
"""


@pytest.fixture
def keeper(world):
    """A world with jobs that have a secret from an env_file, and one in a variable with a telltale name."""
    (world.root / "env").write_text(f"VAULT={SECRETS['written']}\nSHORT=1\n")
    (world.root / "env").chmod(0o600)
    world.configure(f"""
        [defaults]
        env_file = "{world.root / "env"}"
        env = {{ MY_API_KEY = "{SECRETS["named"]}", PLAIN = "visible" }}
        [jobs.prints]
        command = 'echo "a $VAULT b $MY_API_KEY c $PLAIN 1"; echo $VAULT >&2; exit 3'
        [jobs.missing]
        command = ["/nowhere/{SECRETS["named"]}/program"]
        [jobs.floods]
        output_limit = 2000
        command = 'for n in $(seq 2000); do printf "%s-" "$VAULT"; done'
        [jobs.slow]
        command = 'echo "$VAULT"; sleep 30'
    """)
    return world


def kept_by(world):
    """Return the content of every file of the state, by path."""
    return {str(path): path.read_bytes() for path in world.state.rglob("*") if path.is_file()}


def leaks(output):
    data = output if isinstance(output, bytes) else output.encode()
    return [name for name, secret in SECRETS.items() if secret.encode() in data]


def test_no_secret_is_stored_in_any_file_or_shown_by_any_command(keeper):
    ticked = keeper.run("run", "prints", "missing", "floods")
    shown = [
        keeper.run(*words, "--json").stdout
        for words in (
            ["history"],
            ["status"],
            ["logs", "prints"],
            ["logs", "floods"],
            ["show", "prints"],
            ["jobs"],
        )
    ]

    assert (ticked.returncode, leaks(ticked.stderr + ticked.stdout)) == (1, [])
    assert {path: found for path, data in kept_by(keeper).items() if (found := leaks(data))} == {}
    # The command is configuration: a secret that is written there in plain text is shown.
    assert [leaks(output.replace(f"/nowhere/{SECRETS['named']}", "")) for output in shown] == [[]] * len(
        shown
    )
    assert json.loads(shown[2])["output"] == "a *** b *** c visible 1\n***\n"
    reasons = [run["reason"] for run in keeper.json("history") if run["job"] == "missing"]
    assert reasons == ["cannot start: /nowhere/***/program: No such file or directory"]


def test_a_cut_in_the_output_leaves_no_part_of_a_secret(keeper):
    keeper.run("run", "floods")

    output = keeper.json("logs", "floods")["output"]

    halves = {SECRETS["written"][:size] for size in range(4, 16)} | {
        SECRETS["written"][-size:] for size in range(5, 16)
    }
    assert ("dropped" in output, [half for half in halves if half in output]) == (True, [])


def test_what_a_run_prints_is_masked_while_it_runs(keeper, until):
    tick = keeper.start("run", "slow")
    until(lambda: any(SECRETS["written"].encode() in data for data in kept_by(keeper).values()))

    output = keeper.run("logs", "slow")

    assert (output.stdout, leaks(output.stdout)) == ("***\n", [])
    keeper.kill_all(tick)


def test_a_secret_that_only_the_tick_had_is_masked_by_readers_without_it_and_after_a_kill(
    keeper, until, monkeypatch
):
    monkeypatch.setenv("ONLY_TOKEN", SECRETS["named"])
    keeper.configure("""
        [jobs.waits]
        command = 'echo "a $ONLY_TOKEN b"; sleep 30'
        on_interrupted = "skip"
    """)
    tick = keeper.start("run", "waits", "--inherit-env")
    monkeypatch.delenv("ONLY_TOKEN")
    until(lambda: leaks(b"".join(kept_outputs(keeper).values())))
    while_it_runs = keeper.run("logs", "waits").stdout
    keeper.kill_all(tick)
    after_the_kill = keeper.run("logs", "waits").stdout
    keeper.configure("")  # the job is removed before a tick adopts the output
    keeper.run("run")

    assert (while_it_runs, after_the_kill) == ("a *** b\n", "a *** b\n")
    assert list(kept_outputs(keeper).values()) == [b"a *** b\n"]
    assert {path: found for path, data in kept_by(keeper).items() if (found := leaks(data))} == {}
    assert list(keeper.state.glob("results/*")) == []


def kept_outputs(world):
    return {path.name: path.read_bytes() for path in world.state.glob("output/*/*")}


def test_a_secret_that_is_torn_between_two_writes_is_not_shown_in_pieces(keeper, until):
    secret = SECRETS["written"]
    keeper.configure(f"""
        [jobs.torn]
        env_file = "{keeper.root / "env"}"
        command = '''printf "a {secret[:9]}"; until [ -e {keeper.root}/go ]; do sleep 0.1; done; echo "{secret[9:]} b"'''
    """)
    tick = keeper.start("run", "torn")
    until(lambda: any(kept_outputs(keeper).values()))

    pieces = [keeper.run("logs", "torn").stdout, keeper.json("logs", "torn")["output"]]
    following = subprocess.Popen(keeper.command("logs", "-f", "torn"), stdout=subprocess.PIPE, text=True)
    first = following.stdout.read(2)
    (keeper.root / "go").touch()
    whole = first + following.communicate(timeout=60)[0]
    tick.wait()

    assert (pieces, whole) == (["a ", "a "], "a *** b\n")


def test_a_window_that_begins_within_a_secret_shows_no_part_of_it(keeper, until):
    """REST and the other interfaces return the last 64 KiB of an output."""
    rest = 65536 - 5
    keeper.configure(f"""
        [jobs.long]
        env_file = "{keeper.root / "env"}"
        command = '''head -c 90000 /dev/zero | tr "\\0" x; printf $VAULT; head -c {rest} /dev/zero | tr "\\0" y; sleep 30'''
    """)
    instance = Instance(str(keeper.config), str(keeper.state))
    tick = keeper.start("run", "long")
    until(lambda: [len(data) for data in kept_outputs(keeper).values()] == [90000 + 16 + rest])
    shown = [logs.logs(instance, "long")["output"]]
    keeper.kill_all(tick)
    keeper.run("run")
    shown.append(logs.logs(instance, "long")["output"][-rest - 3 :])

    assert shown == ["***" + "y" * rest] * 2


def test_a_child_that_outlives_its_job_is_masked_when_it_has_ended(keeper, until):
    keeper.configure(f"""
        [jobs.parent]
        env_file = "{keeper.root / "env"}"
        command = '(until [ -e {keeper.root}/go ]; do sleep 0.1; done; echo "late $VAULT") & echo "early $VAULT"'
    """)
    keeper.run("run", "parent")
    before = keeper.run("logs", "parent").stdout
    (keeper.root / "go").touch()
    until(lambda: "late ***" in keeper.run("logs", "parent").stdout)
    keeper.run("run")

    assert before == "early ***\n"
    assert list(kept_outputs(keeper).values()) == [b"early ***\nlate ***\n"]
    assert {path: found for path, data in kept_by(keeper).items() if (found := leaks(data))} == {}


def test_damaged_secrets_withhold_the_output_and_the_next_tick_removes_it(keeper, until):
    tick = keeper.start("run", "slow")
    until(lambda: any(kept_outputs(keeper).values()))
    [secrets] = keeper.state.glob("results/*.secrets")
    secrets.write_bytes(b"")
    withheld = [keeper.run("logs", *words) for words in (["slow"], ["slow", "-f"])]
    keeper.kill_all(tick)
    keeper.run("run")

    for done in withheld:
        assert (done.returncode, done.stdout) == (1, "")
        assert "its output is not shown, because its secrets can't be masked" in done.stderr
    assert keeper.run("logs", "slow").stdout.startswith("[the output was removed: ")
    assert {path: found for path, data in kept_by(keeper).items() if (found := leaks(data))} == {}


def test_what_a_handler_reports_is_masked_before_it_is_written(tmp_path, monkeypatch):
    from scheduled.execution import handler_run, report_file
    from scheduled.execution.protocol import Spec
    from scheduled.handlers import registry

    space = {}
    exec("\n".join(line[4:] for line in LEAKING.splitlines()), space)
    monkeypatch.setattr(registry, "find", lambda _: type("Leaking", (), {"run": staticmethod(space["run"])}))
    monkeypatch.setenv("VAULT", SECRETS["written"])
    task = {"handler": "x", "job": "x", "zone": "UTC", "workspace": None, "options": {}, "scheduled_for": None,
            "window_start": None, "missed": 0, "totals": {}, "files": str(tmp_path), "sender": "@x", "recipients": {}, "layout": None}  # fmt: skip
    spec = Spec(run_id="x", attempt=1, job="x", task=task, cwd="/", env={}, timeout=9, output="", output_limit=9,
                report=str(tmp_path / "report"), secrets=(SECRETS["written"],))  # fmt: skip

    assert handler_run.serve(spec) == 1

    written = (tmp_path / "report").read_bytes()
    found = report_file.read_report(tmp_path / "report")
    assert (leaks(written), written.count(b"***")) == ([], 7)
    assert found.outcome.reason == "OSError: no answer from https://x/?token=***"
    assert (found.notices[0].subject, found.conditions[0].payload) == ("***", {"a": ["***"], "***": 1})


@pytest.mark.parametrize(
    ("name", "is_secret"),
    [
        ("API_KEY", True), ("GITHUB_TOKEN", True), ("PGPASSWORD", True), ("DB_PASS", True), ("SSH_KEY", True),
        ("client_secret", True), ("AWS_SECRET_ACCESS_KEY", True), ("SENTRY_DSN", True), ("RESTIC_PASSWORD", True),
        ("PWD", False), ("OLDPWD", False), ("HOME", False), ("KEYBOARD", False), ("AUTHOR", False), ("PASSAGE", False),
        ("MONKEY", False), ("SSH_AUTH_SOCK", False), ("COMPASS", False),
    ],
)  # fmt: skip
def test_the_name_of_a_variable_decides_whether_it_is_a_secret(name, is_secret):
    assert is_secret_name(name) is is_secret


def test_short_values_are_not_secrets_and_longer_secrets_are_masked_first():
    found = secrets_of(
        {"TOKEN": "abc", "KEY": "abcd", "HOME": "/root"}, {"DEBUG": "true", "URL": "abcdabcdabcd"}
    )

    assert found == ("abcdabcdabcd", "abcd")
    assert Mask(found).text("abcdabcdabcd abcd abc /root true") == "*** *** abc /root true"


@pytest.mark.parametrize("size", range(1, 30))
def test_a_secret_that_comes_in_pieces_is_masked(size):
    mask, output = Mask(["abab", "babyXYZ", "ababcd"]), b"-abab-babyXYZ-ababcd-ababab-babyXY-aba"

    pieces = [output[at : at + size] for at in range(0, len(output), size)]

    assert b"".join(mask.stream(pieces)) == mask.data(output) == b"-***-***-***-***-babyXY-aba"


ESCAPED = """pa"zq'zq\\r\u00e4d"""
RETURNS = """
import json, os

def main():
    secret = os.environ["API_TOKEN"]
    print(json.dumps({"in": secret}), json.dumps(secret, ensure_ascii=False), ascii([secret]), sep="\\n")
    print([secret, secret + "'", secret.encode().decode()], f"{secret!r}")
    return {"token": secret, "more": ["x" + secret, "it's " + secret]}

def fail():
    raise KeyError(os.environ["API_TOKEN"])
"""


@pytest.mark.parametrize(("name", "masks"), [("main", 10), ("fail", 1)])
def test_a_secret_is_masked_as_python_and_json_write_it(world, name, masks):
    """A function may print a value, or return or raise it: quotes and backslashes have another form then."""
    (world.root / "returns.py").write_text(RETURNS)
    (world.root / "env").write_text("API_TOKEN=" + json.dumps(ESCAPED, ensure_ascii=False) + "\n")
    (world.root / "env").chmod(0o600)
    world.configure(f"""
        [jobs.job]
        python = "returns:{name}"
        env_file = "{world.root}/env"
        env = {{ PYTHONPATH = "{world.root}" }}
    """)

    world.run("run", "job")

    output = world.json("logs", "job")["output"]
    assert ("zq" in output, output.count("***")) == (False, masks)
    assert [path for path, data in kept_by(world).items() if b"zq" in data] == []
