"""Whose files we make and believe, what links we follow, and what of a job's secrets is kept anywhere."""

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from scheduled.masking import Mask, is_telling, secrets_of
from scheduled.state.files import RefusedError, write_atomically
from tests.fixtures.sample import unpack

ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
SECRETS = {"written": "hunter2-and-more", "told": "s3cr3t"}


# Ours


@pytest.mark.parametrize("umask", [0o000, 0o077, 0o022])
def test_everything_we_make_is_for_the_owners_eyes_only_whatever_the_umask(world, umask):
    unpack(world.root / "workspace")
    world.configure(f"""
        workspace = "{world.root / "workspace"}"
        [jobs.a]
        command = "echo words"
        [jobs.report]
        handler = "daily_report"
    """)
    options = {"preexec_fn": lambda: os.umask(umask)}

    assert world.run("run", "a", "report", **options).returncode == 0
    assert world.run("add", "b", "--every", "1h", "--command", "true", **options).returncode == 0
    assert world.run("state", "backup", str(world.root / "kept.tgz"), **options).returncode == 0
    world.start("run").wait()

    rights = {path: stat.S_IMODE(path.stat().st_mode) for path in [world.state, *world.state.rglob("*")]}
    assert len(rights) > 10
    assert {mode for path, mode in rights.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in rights.items() if path.is_file()} == {0o600}
    made = [world.config.parent / "jobs.d" / "b.toml", world.root / "kept.tgz"]
    assert [stat.S_IMODE(path.stat().st_mode) for path in made] == [0o600, 0o600]
    assert stat.S_IMODE(made[0].parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("name", ["ledger.db", "scheduled_state.json", "spool", "outcomes", "output"])
def test_state_that_everybody_may_write_is_refused_with_the_fix(world, name):
    world.configure("")
    world.run("run")
    place = world.state / name
    place.chmod(0o777)

    done = world.run("run", "-v")

    assert (done.returncode, done.stderr) == (
        2,
        f"scheduled: {place}: everybody may write it; chmod o-w {place}\n",
    )
    subprocess.run(done.stderr.rpartition("; ")[2], shell=True, check=True)
    assert world.run("run").returncode == 0


def test_a_file_of_variables_that_everybody_may_write_starts_nothing_and_the_other_jobs_run(world):
    variables = world.root / "env"
    variables.write_text("PATH=/tmp/evil\n")
    variables.chmod(0o666)
    world.configure(f"""
        [jobs.a]
        command = "touch {world.root}/ran"
        env_file = "{variables}"
        [jobs.b]
        command = "true"
    """)

    done = world.run("run", "a", "b")

    said = f"a: failed: env_file {variables}: {variables}: everybody may write it; chmod o-w {variables}"
    assert (done.returncode, said in done.stderr, (world.root / "ran").exists()) == (1, True, False)
    assert {run["job"]: run["status"] for run in world.json("history")} == {"a": "failed", "b": "success"}


# Not ours to read

# Every verb, with what it needs; the second column are those that never look at the state.
ASKED = {
    "add": "b --every 1h --command true", "apply": "{config} --dry-run", "audit": "", "check": "", "daily-report": "",
    "disable": "a", "edit": "a", "emit": "x", "enable": "a", "explain": "a",
    "forecast": "--from 2030-01-01 --to 2030-01-02", "history": "", "incidents": "", "install": "", "jobs": "",
    "logs": "a", "next": "", "notices": "", "pause": "a", "remove": "a --dry-run", "report": "", "rerun": "a-1",
    "resume": "a", "run": "", "show": "a", "skip": "a", "state": "backup {root}/kept.tgz", "status": "", "stop": "a-1",
    "web": "--port 0",
}  # fmt: skip
LOOK_ELSEWHERE = {"dbus", "mcp", "try", "uninstall"}
WITHOUT_PRIVILEGES = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] * (os.geteuid() == 0)


def test_every_verb_is_asked():
    from scheduled.cli import cli

    assert {*ASKED, *LOOK_ELSEWHERE} == set(cli.list_commands(None))


@pytest.fixture
def closed(world):
    """A world that has been ticked; `ask VERB` asks it as a user without root's privileges would."""
    world.configure(
        "[jobs.a]\nevery = '1h'\ncommand = 'echo words'\n[jobs.daily]\nhandler = 'daily_report'\n"
    )
    world.run("run", "a")

    def ask(verb):
        words = ASKED[verb].format(config=world.config, root=world.root).split()
        command = [*WITHOUT_PRIVILEGES, *world.command(verb, *words)]
        editor = {**os.environ, "EDITOR": "true", "VISUAL": "true"}
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=editor)
        return done.returncode, done.stderr

    world.ask = ask
    yield world
    for place in (world.state, *world.state.glob("*")):
        os.chown(place, os.geteuid(), -1)
        place.chmod(0o700)


NEEDS_SETPRIV = pytest.mark.skipif(
    bool(WITHOUT_PRIVILEGES) and shutil.which("setpriv") is None, reason="NOT RUN: needs setpriv (util-linux)"
)


@ROOT
@NEEDS_SETPRIV
@pytest.mark.parametrize("verb", sorted(ASKED.keys() - {"edit", "install"}))
def test_a_state_of_somebody_elses_is_named_with_the_fix_by_every_verb(closed, verb):
    os.chown(closed.state, 4711, -1)

    assert closed.ask(verb) == (
        2,
        (
            f"scheduled: {closed.state}: belongs to user 4711: run this as user 4711, without sudo, or make it root's; "
            f"chown -R 0 {closed.state}\n"
        ),
    )


@NEEDS_SETPRIV
@pytest.mark.parametrize("verb", sorted(ASKED.keys() - {"edit", "install"}))
@pytest.mark.parametrize("place", [".", "ledger.db"])
def test_a_state_that_its_mode_closes_is_named_with_the_fix_by_every_verb(closed, verb, place):
    if (verb, place) == ("report", "ledger.db"):
        place = "reports"
    (closed.state / place).chmod(0)
    named = closed.state if place == "." else closed.state / place

    said = closed.ask(verb)

    assert said == (2, f"scheduled: {named}: its mode does not let you read it; chmod u+rX {named}\n")
    subprocess.run(said[1].rpartition("; ")[2], shell=True, check=True)
    assert "does not let you" not in closed.ask("history")[1]


@ROOT
@NEEDS_SETPRIV
@pytest.mark.parametrize("verb", ["run", "status", "history", "report"])
def test_a_state_in_a_closed_directory_of_somebody_elses_is_not_asked_for(closed, verb):
    inner = closed.state.parent / "theirs" / "state"
    inner.parent.mkdir()
    closed.state.rename(inner)
    closed.state = inner
    os.chown(inner.parent, 4711, -1)
    inner.parent.chmod(0o700)

    said = closed.ask(verb)

    os.chown(inner.parent, 0, -1)
    assert said == (
        2,
        f"scheduled: {inner.parent}: belongs to user 4711: run this as user 4711, without sudo\n",
    )


@NEEDS_SETPRIV
@pytest.mark.parametrize("place", [".", "ledger.db"])
def test_a_state_that_its_mode_keeps_from_being_written_is_named_with_the_fix_and_status_has_it(
    closed, place
):
    named = closed.state if place == "." else closed.state / place
    named.chmod(0o500 if named.is_dir() else 0o400)

    fix = f"{named}: its mode does not let you write it; chmod u+w {named}"
    assert {verb: closed.ask(verb) for verb in ("run", "pause", "emit")} == dict.fromkeys(
        ("run", "pause", "emit"), (2, f"scheduled: {fix}\n")
    )
    status = subprocess.run(
        [*WITHOUT_PRIVILEGES, *closed.command("status")], capture_output=True, text=True, check=False
    )
    assert (status.returncode, status.stdout.startswith(f"! {fix}\n")) == (1, True)
    assert closed.ask("history")[0] == 0


def test_a_file_in_the_place_of_the_state_is_named_by_every_verb(world):
    world.configure("")
    world.state.write_text("")

    for verb in ("run", "status", "history", "incidents"):
        done = world.run(verb)
        assert (done.returncode, done.stderr) == (
            2,
            f"scheduled: {world.state}: is no directory; name another one with --state\n",
        )


@NEEDS_SETPRIV
def test_a_configuration_that_its_mode_closes_is_named_with_the_fix(closed):
    closed.config.chmod(0)

    fix = f"scheduled: {closed.config}: its mode does not let you read it; chmod u+rX {closed.config}\n"
    assert {verb: closed.ask(verb) for verb in ("run", "status")} == dict.fromkeys(
        ("run", "status"), (2, fix)
    )


@NEEDS_SETPRIV
def test_a_single_file_that_cannot_be_read_is_named_without_a_traceback(closed):
    (output,) = closed.state.glob("output/*")
    output.chmod(0)

    assert closed.ask("logs") == (1, f"scheduled: {output}: Permission denied\n")


# Links


@ROOT
def test_a_link_that_somebody_planted_in_a_shared_directory_is_not_followed(tmp_path):
    shared, mine = tmp_path / "shared", tmp_path / "mine"
    shared.mkdir()
    shared.chmod(0o1777)
    mine.write_text("mine")
    (shared / "backup.tgz").symlink_to(mine)
    os.lchown(shared / "backup.tgz", 4711, 4711)

    with pytest.raises(RefusedError, match="a link of user 4711"):
        write_atomically(shared / "backup.tgz", b"x", mode=0o600)

    os.lchown(shared / "backup.tgz", 0, 0)
    write_atomically(shared / "backup.tgz", b"x")
    assert mine.read_text() == "x"


@ROOT
def test_a_private_file_in_the_place_of_somebody_elses_is_not_given_to_him(tmp_path):
    path = tmp_path / "backup.tgz"
    path.touch(mode=0o666)
    os.chown(path, 4711, 4711)

    write_atomically(path, b"x", mode=0o600)

    found = path.stat()
    assert (found.st_uid, stat.S_IMODE(found.st_mode)) == (0, 0o600)


@pytest.mark.parametrize("place", ["ledger.db", "scheduled.log", "scheduled_state.json"])
def test_a_link_in_the_state_leads_nowhere(world, place):
    world.configure("[jobs.a]\ncommand = 'true'\n")
    world.run("run", "a")
    before = world.root / "elsewhere"
    before.write_bytes(b"somebody's")
    (world.state / place).unlink(missing_ok=True)
    (world.state / place).symlink_to(before)

    world.run("run", "a")

    assert before.read_bytes() == b"somebody's"


def test_a_central_file_that_leads_out_of_the_workspace_is_not_written(world):
    workspace = world.root / "workspace"
    unpack(workspace)
    outside = world.root / "outside"
    outside.write_text("{}")
    for name in ("HEALTH", "METRICS", "AI_MAIL"):
        (workspace / f"aipass_os/AI_CENTRAL/{name}.central.json").unlink(missing_ok=True)
        (workspace / f"aipass_os/AI_CENTRAL/{name}.central.json").symlink_to(outside)
    world.configure(f"""
        workspace = "{workspace}"
        [jobs]
        health.handler = "health"
        metrics.handler = "metrics"
        mail.handler = "mail_cleanup"
    """)

    done = world.run("run", "health", "metrics", "mail")

    assert (outside.read_text(), "leads out of the workspace" in done.stderr) == ("{}", True)
    assert "Traceback" not in done.stderr


def test_logs_that_lie_elsewhere_are_left_alone_and_ours_is_in_the_state(world):
    workspace = world.root / "workspace"
    unpack(workspace)
    (workspace / "system_logs").rename(world.root / "elsewhere")
    (workspace / "system_logs").symlink_to(world.root / "elsewhere")
    world.configure(f'workspace = "{workspace}"\n[jobs.a]\ncommand = "true"\n')

    world.run("run", "a")

    assert not (world.root / "elsewhere" / "scheduled.log").exists()
    assert "job_completed" in (world.state / "scheduled.log").read_text()


def test_a_fifo_in_the_place_of_the_log_holds_up_no_tick(world):
    workspace = world.root / "workspace"
    unpack(workspace)
    os.mkfifo(workspace / "system_logs" / "scheduled.log")
    world.configure(f'workspace = "{workspace}"\n[jobs.a]\ncommand = "true"\n')

    done = world.run("run", "a")

    assert (done.returncode, "scheduled.log: No such device or address" in done.stderr) == (1, True)


# Secrets

TELLING = """
    import os, sys
    from scheduled.handlers.base import Condition, Notice, Outcome
    def run(task):
        secret = os.environ["VAULT"]
        print("printed", secret)
        task.report.event("told", what=secret)
        task.report.condition(Condition(key="key " + secret, group="g", payload={"a": [secret], secret: 1}))
        task.report.notice(Notice(recipient="@x", subject=secret, body=secret))
        raise OSError("no answer from https://x/?token=" + secret)
"""


@pytest.fixture
def keeper(world):
    """A world whose jobs know a secret from an env_file, and one from a variable that says what it is."""
    (world.root / "env").write_text(f"VAULT={SECRETS['written']}\nSHORT=1\n")
    (world.root / "env").chmod(0o600)
    world.configure(f"""
        [defaults]
        env_file = "{world.root / "env"}"
        env = {{ MY_API_KEY = "{SECRETS["told"]}", PLAIN = "visible" }}
        [jobs.prints]
        command = 'echo "a $VAULT b $MY_API_KEY c $PLAIN 1"; echo $VAULT >&2; exit 3'
        [jobs.missing]
        command = ["/nowhere/{SECRETS["told"]}/program"]
        [jobs.floods]
        output_limit = 2000
        command = 'for n in $(seq 2000); do printf "%s-" "$VAULT"; done'
        [jobs.slow]
        command = 'echo "$VAULT"; sleep 30'
    """)
    return world


def kept_by(world):
    """Return all that is kept, in every file."""
    return {str(path): path.read_bytes() for path in world.state.rglob("*") if path.is_file()}


def leaks(said):
    data = said if isinstance(said, bytes) else said.encode()
    return [name for name, secret in SECRETS.items() if secret.encode() in data]


def test_no_secret_is_kept_in_outputs_ledger_log_or_snapshot_nor_shown_by_any_verb(keeper):
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
    # The command itself is configuration: what is written there in clear is shown in clear.
    assert [leaks(said.replace(f"/nowhere/{SECRETS['told']}", "")) for said in shown] == [[]] * len(shown)
    assert json.loads(shown[2])["output"] == "a *** b *** c visible 1\n***\n"
    reasons = [run["reason"] for run in keeper.json("history") if run["job"] == "missing"]
    assert reasons == ["cannot start: /nowhere/***/program: No such file or directory"]


def test_half_a_secret_at_a_cut_is_no_secret_any_more(keeper):
    keeper.run("run", "floods")

    said = keeper.json("logs", "floods")["output"]

    halves = {SECRETS["written"][:size] for size in range(4, 16)} | {
        SECRETS["written"][-size:] for size in range(5, 16)
    }
    assert ("dropped" in said, [half for half in halves if half in said]) == (True, [])


def test_what_a_run_prints_is_masked_while_it_runs(keeper, until):
    runner = keeper.start("run", "slow")
    until(lambda: any(SECRETS["written"].encode() in data for data in kept_by(keeper).values()))

    said = keeper.run("logs", "slow")

    assert (said.stdout, leaks(said.stdout)) == ("***\n", [])
    keeper.kill_all(runner)


def test_what_a_handler_reports_is_masked_before_it_is_written(tmp_path, monkeypatch):
    from scheduled.actions import handler
    from scheduled.actions.spec import Spec
    from scheduled.handlers import registry

    space = {}
    exec("\n".join(line[4:] for line in TELLING.splitlines()), space)
    monkeypatch.setattr(registry, "find", lambda _: type("Telling", (), {"run": staticmethod(space["run"])}))
    monkeypatch.setenv("VAULT", SECRETS["written"])
    task = {"handler": "x", "job": "x", "zone": "UTC", "workspace": None, "options": {}, "scheduled_for": None,
            "window_start": None, "missed": 0, "totals": {}, "files": str(tmp_path), "sender": "@x"}  # fmt: skip
    spec = Spec(run_id="x", attempt=1, job="x", task=task, cwd="/", env={}, timeout=9, output="", output_limit=9,
                report=str(tmp_path / "report"), secrets=(SECRETS["written"],))  # fmt: skip

    assert handler.serve(spec) == 1

    written = (tmp_path / "report").read_bytes()
    found = handler.read_report(tmp_path / "report")
    assert (leaks(written), written.count(b"***")) == ([], 7)
    assert found.outcome.reason == "OSError: no answer from https://x/?token=***"
    assert (found.notices[0].subject, found.conditions[0].payload) == ("***", {"a": ["***"], "***": 1})


@pytest.mark.parametrize(
    ("name", "telling"),
    [
        ("API_KEY", True), ("GITHUB_TOKEN", True), ("PGPASSWORD", True), ("DB_PASS", True), ("SSH_KEY", True),
        ("client_secret", True), ("AWS_SECRET_ACCESS_KEY", True), ("SENTRY_DSN", True), ("RESTIC_PASSWORD", True),
        ("PWD", False), ("OLDPWD", False), ("HOME", False), ("KEYBOARD", False), ("AUTHOR", False), ("PASSAGE", False),
        ("MONKEY", False), ("SSH_AUTH_SOCK", False), ("COMPASS", False),
    ],
)  # fmt: skip
def test_a_variables_name_tells_whether_it_is_a_secret(name, telling):
    assert is_telling(name) is telling


def test_short_words_are_no_secrets_and_the_longest_goes_first():
    found = secrets_of(
        {"TOKEN": "abc", "KEY": "abcd", "HOME": "/root"}, {"DEBUG": "true", "URL": "abcdabcdabcd"}
    )

    assert found == ("abcdabcdabcd", "abcd")
    assert Mask(found).text("abcdabcdabcd abcd abc /root true") == "*** *** abc /root true"


@pytest.mark.parametrize("size", range(1, 30))
def test_a_secret_that_comes_in_pieces_is_masked(size):
    mask, said = Mask(["abab", "babyXYZ", "ababcd"]), b"-abab-babyXYZ-ababcd-ababab-babyXY-aba"

    pieces = [said[at : at + size] for at in range(0, len(said), size)]

    assert b"".join(mask.stream(pieces)) == mask.data(said) == b"-***-***-***-***ab-babyXY-aba"


def test_bytes_that_are_no_text_do_not_stop_a_tick(world):
    world.configure("""
        [jobs.a]
        command = 'printf "%s" "$ODD" | od -An -tx1'
    """)

    done = world.run("run", "a", env={**os.environ, "ODD": os.fsdecode(b"\xffa\x80")})

    assert (done.returncode, done.stderr, world.json("logs", "a")["output"]) == (0, "", " ff 61 80\n")


def test_the_seal_of_python_is_not_broken_by_what_lies_in_the_working_directory(world):
    """A tick that is typed in a shared directory imports nothing from there."""
    (world.root / "json.py").write_text("raise SystemExit('planted')\n")
    world.configure("[jobs.a]\ncommand = 'true'\n")

    done = subprocess.run(
        [sys.executable, "-I", "-S", *world.command("run", "a")[1:]],
        cwd=world.root, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")
    assert Path(world.state / "ledger.db").exists()
