"""What the command line shows on terminals, in pipes, and where there is no UTF-8."""

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
    """Run a command whose output is a terminal; return its exit code and what it showed."""
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
            except OSError:  # the other side is closed
                break
            if not part:
                break
            shown += part
    os.close(controller)
    return process.returncode, shown


def test_on_a_terminal_a_tick_says_what_it_does(cli):
    code, shown = on_a_terminal(cli, "run", "Größe", LC_ALL="C.UTF-8", NO_COLOR=None)

    assert (code, "Größe success".encode() in re.sub(rb"\x1b\[[0-9;]*m", b"", shown)) == (0, True)
    assert COLOURED.search(shown)


def test_no_color_means_no_colour(cli):
    code, shown = on_a_terminal(cli, "run", "bad", LC_ALL="C.UTF-8", NO_COLOR="1")

    assert (code, b"failed" in shown, COLOURED.search(shown)) == (1, True, None)


def test_a_tick_on_a_terminal_with_nothing_due_says_so(cli):
    _, shown = on_a_terminal(cli, "run", NO_COLOR="1")

    assert b"nothing was due" in shown


def test_verbose_speaks_into_a_pipe_too_and_without_colours(cli):
    done = cli.run("run", "-v", "Größe")

    assert (done.returncode, "success" in done.stdout, "\x1b" in done.stdout) == (0, True, False)


@pytest.mark.parametrize(
    "words",
    [
        ["run", "-v", "Größe"], ["run", "-v", "bad"], ["run", "-n", "Größe"], ["status"], ["check"], ["history"],
        ["audit"], ["logs", "Größe"], ["try", "Größe"], ["run", "Größé"], ["status", "--json"], ["history", "--json"],
    ],
)  # fmt: skip
def test_where_there_is_no_utf_8_nothing_crashes(cli, words):
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    cli.run("run", "Größe")

    done = cli.run(*words, env=environment, encoding="utf-8", errors="replace")

    assert done.returncode in (0, 1, 2)
    assert "Traceback" not in done.stderr
    assert (done.stdout + done.stderr).strip() or words[-1] == "-n"


def test_words_that_are_no_text_are_refused(cli):
    done = subprocess.run([*cli.command("history"), b"\xff"], capture_output=True, check=False)

    assert (done.returncode, done.stdout, b"Traceback" in done.stderr) == (2, b"", False)
    assert done.stderr.startswith(b"scheduled: ")


def test_a_reader_that_goes_away_causes_no_traceback(cli):
    cli.run("run", "Größe")
    reader, writer = os.pipe()
    os.close(reader)

    done = subprocess.run(
        cli.command("history", "--json"), stdout=writer, stderr=subprocess.PIPE, check=False
    )
    os.close(writer)

    assert (done.returncode, b"Traceback" in done.stderr) == (1, False)
