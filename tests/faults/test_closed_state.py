"""A state or configuration that the user may not read or write: every command names it and the fix."""

import os
import shutil
import subprocess

import pytest

ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can change owners")


# Every command with its arguments, except those that don't read the state.
ARGUMENTS = {
    "add": "b --every 1h --command true", "apply": "{config} --dry-run", "audit": "", "check": "", "daily-report": "",
    "disable": "a", "edit": "a", "emit": "x", "enable": "a", "env": "a", "explain": "a",
    "forecast": "--from 2030-01-01 --to 2030-01-02", "history": "", "incidents": "", "install": "", "jobs": "",
    "log": "", "logs": "a", "metrics": "", "next": "", "notices": "", "pause": "a", "remove": "a --dry-run", "report": "", "rerun": "a-1",
    "resume": "a", "run": "", "show": "a", "skip": "a", "state": "backup {root}/kept.tgz", "status": "", "stop": "a-1",
    "notify": "--test desktop --dry-run", "web": "--port 0", "approve": "a-1", "deny": "a-1", "ack": "--all", "mute": "a", "unmute": "a",
}  # fmt: skip
STATELESS = {"dbus", "mcp", "try", "uninstall"}
WITHOUT_PRIVILEGES = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] * (os.geteuid() == 0)


def test_every_command_is_covered():
    from scheduled.cli.main import cli

    assert {*ARGUMENTS, *STATELESS} == set(cli.list_commands(None))


@pytest.fixture
def closed(world):
    """A world after one tick; `invoke VERB` runs a command with the rights of an ordinary user."""
    world.configure(
        "[jobs.a]\nevery = '1h'\ncommand = 'echo words'\n[jobs.daily]\nhandler = 'daily_report'\n"
    )
    world.run("run", "a")

    def invoke(verb):
        words = ARGUMENTS[verb].format(config=world.config, root=world.root).split()
        command = [*WITHOUT_PRIVILEGES, *world.command(verb, *words)]
        editor = {**os.environ, "EDITOR": "true", "VISUAL": "true"}
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=editor)
        return done.returncode, done.stderr

    world.invoke = invoke
    yield world
    for place in (world.state, *world.state.glob("*")):
        os.chown(place, os.geteuid(), -1)
        place.chmod(0o700)


NEEDS_SETPRIV = pytest.mark.skipif(
    bool(WITHOUT_PRIVILEGES) and shutil.which("setpriv") is None, reason="NOT RUN: needs setpriv (util-linux)"
)


@ROOT
@NEEDS_SETPRIV
@pytest.mark.parametrize("verb", sorted(ARGUMENTS.keys() - {"edit", "install"}))
def test_every_command_names_a_state_of_another_user_and_the_fix(closed, verb):
    os.chown(closed.state, 4711, -1)

    assert closed.invoke(verb) == (
        2,
        (
            f"scheduled: {closed.state}: belongs to user 4711: run this as user 4711, without sudo, or make it root's; "
            f"chown -R 0 {closed.state}\n"
        ),
    )


@NEEDS_SETPRIV
@pytest.mark.parametrize("verb", sorted(ARGUMENTS.keys() - {"edit", "install"}))
@pytest.mark.parametrize("place", [".", "ledger.db"])
def test_every_command_names_a_state_with_an_unreadable_mode_and_the_fix(closed, verb, place):
    if (verb, place) == ("report", "ledger.db"):
        place = "reports"
    (closed.state / place).chmod(0)
    named = closed.state if place == "." else closed.state / place

    output = closed.invoke(verb)

    assert output == (2, f"scheduled: {named}: its mode does not let you read it; chmod u+rX {named}\n")
    subprocess.run(output[1].rpartition("; ")[2], shell=True, check=True)
    assert "does not let you" not in closed.invoke("history")[1]


@ROOT
@NEEDS_SETPRIV
@pytest.mark.parametrize("verb", ["run", "status", "history", "report"])
def test_a_state_in_an_inaccessible_directory_of_another_user_is_refused(closed, verb):
    inner = closed.state.parent / "inaccessible" / "state"
    inner.parent.mkdir()
    closed.state.rename(inner)
    closed.state = inner
    os.chown(inner.parent, 4711, -1)
    inner.parent.chmod(0o700)

    output = closed.invoke(verb)

    os.chown(inner.parent, 0, -1)
    assert output == (
        2,
        f"scheduled: {inner.parent}: belongs to user 4711: run this as user 4711, without sudo\n",
    )


@NEEDS_SETPRIV
@pytest.mark.parametrize("place", [".", "ledger.db"])
def test_a_state_with_a_read_only_mode_is_named_with_the_fix_also_by_status(closed, place):
    named = closed.state if place == "." else closed.state / place
    named.chmod(0o500 if named.is_dir() else 0o400)

    fix = f"{named}: its mode does not let you write it; chmod u+w {named}"
    assert {verb: closed.invoke(verb) for verb in ("run", "pause", "emit")} == dict.fromkeys(
        ("run", "pause", "emit"), (2, f"scheduled: {fix}\n")
    )
    status = subprocess.run(
        [*WITHOUT_PRIVILEGES, *closed.command("status")], capture_output=True, text=True, check=False
    )
    assert (status.returncode, status.stdout.startswith(f"! {fix}\n")) == (1, True)
    assert closed.invoke("history")[0] == 0


def test_a_file_in_place_of_the_state_directory_is_named(world):
    world.configure("")
    world.state.write_text("")

    for verb in ("run", "status", "history", "incidents"):
        done = world.run(verb)
        assert (done.returncode, done.stderr) == (
            2,
            f"scheduled: {world.state}: is not a directory; choose another one with --state DIR\n",
        )


@NEEDS_SETPRIV
def test_a_configuration_with_an_unreadable_mode_is_named_with_the_fix(closed):
    closed.config.chmod(0)

    fix = f"scheduled: {closed.config}: its mode does not let you read it; chmod u+rX {closed.config}"
    answered = "; the answer is from the ledger, and nothing runs until this is corrected"
    assert closed.invoke("run") == (2, f"{fix}\n")
    assert closed.invoke("status") == (2, f"{fix}{answered}\n")


@NEEDS_SETPRIV
def test_a_single_file_that_cannot_be_read_is_named_without_a_traceback(closed):
    (output,) = closed.state.glob("output/*/*")
    output.chmod(0)

    assert closed.invoke("logs") == (1, f"scheduled: {output}: Permission denied\n")
