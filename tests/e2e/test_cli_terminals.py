"""The output of the command line on terminals, in pipes, and without UTF-8."""

import os
import pty
import re
import subprocess

import pytest

COLOURED = re.compile(rb"\x1b\[[0-9;]*3[0-9]m")
NAMES = """
    [jobs."Größe"]
    description = "→ naïve"
    command = "echo täglich"
    [jobs.bad]
    command = "echo ☃; exit 3"
"""


@pytest.fixture
def cli(world):
    world.configure(NAMES)
    return world


def on_a_terminal(world, *words, **environment):
    """Run a command on a terminal; return its exit code and its output."""
    controller, terminal = pty.openpty()
    env = {
        key: value
        for key, value in {**os.environ, "TERM": "xterm", **environment}.items()
        if value is not None
    }
    with subprocess.Popen(
        world.command(*words), stdin=terminal, stdout=terminal, stderr=terminal, env=env
    ) as process:
        os.close(terminal)
        shown = b""
        while True:
            try:
                part = os.read(controller, 65536)
            except OSError:  # the process has closed the terminal
                break
            if not part:
                break
            shown += part
    os.close(controller)
    return process.returncode, shown


def test_on_a_terminal_a_tick_prints_its_progress(cli):
    code, shown = on_a_terminal(cli, "run", "Größe", LC_ALL="C.UTF-8", NO_COLOR=None)

    assert (code, "Größe success".encode() in re.sub(rb"\x1b\[[0-9;]*m", b"", shown)) == (0, True)
    assert COLOURED.search(shown)


def test_no_color_disables_colors(cli):
    code, shown = on_a_terminal(cli, "run", "bad", LC_ALL="C.UTF-8", NO_COLOR="1")

    assert (code, b"failed" in shown, COLOURED.search(shown)) == (1, True, None)


def test_on_a_terminal_a_tick_prints_that_nothing_was_due(cli):
    _, shown = on_a_terminal(cli, "run", NO_COLOR="1")

    assert b"nothing was due" in shown


def test_verbose_prints_progress_into_a_pipe_without_colors(cli):
    done = cli.run("run", "-v", "Größe")

    assert (done.returncode, "success" in done.stdout, "\x1b" in done.stdout) == (0, True, False)


@pytest.mark.parametrize(
    "words",
    [
        ["run", "-v", "Größe"], ["run", "-v", "bad"], ["run", "-n", "Größe"], ["status"], ["check"], ["history"],
        ["audit"], ["logs", "Größe"], ["try", "Größe"], ["run", "Größé"], ["status", "--json"], ["history", "--json"],
    ],
)  # fmt: skip
def test_without_utf_8_no_command_crashes(cli, words):
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    cli.run("run", "Größe")

    done = cli.run(*words, env=environment, encoding="utf-8", errors="replace")

    assert done.returncode in (0, 1, 2)
    assert "Traceback" not in done.stderr
    assert (done.stdout + done.stderr).strip() or words[-1] == "-n"


def test_arguments_that_are_not_utf_8_are_refused(cli):
    done = subprocess.run([*cli.command("history"), b"\xff"], capture_output=True, check=False)

    assert (done.returncode, done.stdout, b"Traceback" in done.stderr) == (2, b"", False)
    assert done.stderr.startswith(b"scheduled: ")


def test_a_closed_pipe_causes_no_traceback(cli):
    cli.run("run", "Größe")
    reader, writer = os.pipe()
    os.close(reader)

    done = subprocess.run(
        cli.command("history", "--json"), stdout=writer, stderr=subprocess.PIPE, check=False
    )
    os.close(writer)

    assert (done.returncode, b"Traceback" in done.stderr) == (1, False)


def test_on_a_terminal_long_values_continue_below_their_beginning(world):
    world.configure(
        "[jobs.a]\ncommand = 'true'\nretry = { max_attempts = 3, delay = '5m' }\n"
        "secrets = { FIRST = 'file:/etc/a-long-name-of-a-file', SECOND = 'command:pass show a-long-name-of-an-entry' }\n"
    )
    _, shown = on_a_terminal(world, "show", "a", NO_COLOR="1", COLUMNS="80")
    lines = shown.decode().splitlines()
    follow = [at for at, line in enumerate(lines) if line.startswith(" " * 20)]

    assert max(len(line) for line in lines if "scheduled.toml" not in line) <= 80  # a path can be copied
    assert {lines[at - 1].split()[0] for at in follow if at - 1 not in follow} >= {"retry", "secrets"}
    assert "SECOND = command:pass show" in " ".join(shown.decode().split())
    piped = world.run("show", "a").stdout.splitlines()
    assert [line for line in piped if line.startswith(" " * 20)] == []  # a program gets one line for each
