import os
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduled.errors import ConfigError, ScheduledError
from scheduled.install import crontab
from scheduled.install.block import InstallPlan, compose, decides_paths, edit, installed_cadence
from scheduled.install.block_lines import BEGIN, END, BlockError

BODY = b"*/5 * * * * run\n"
BLOCK = BEGIN + b"\n" + BODY + END + b"\n"
HOME = Path("/home/ada")
PLAN = InstallPlan(
    python=Path("/home/ada/venv/bin/python"),
    main=Path("/home/ada/venv/lib/scheduled/__main__.py"),
    config=HOME / ".config/scheduled/scheduled.toml",
    state=HOME / ".local/state/scheduled",
    home=HOME,
)

NASTY = [
    b"",
    b"\n",
    b"\n\n# a comment\n\n",
    b"PATH = /a:/b\nMAILTO=\"\"\nA='x # y'\n",
    b"@reboot /bin/x\n* * * * * mail -s 50\\% me%body%more\n",
    b"no parser likes this\n  \t \n",
    b"# latin-1: \xe4\n0 7 * * 7 caf\xe9\n",
    b"* * * * * crlf\r\n# and\rin the middle\r\n",
    b"* * * * * x\n# no newline at the end",
    b"* * * * * no newline at the end",
    b"# no newline, but a carriage return\r",
    b"a\0b\n",
    b"# scheduled\n# >>> conda initialize >>>\n# <<< conda initialize <<<\n",
]


@pytest.mark.parametrize("current", NASTY)
def test_uninstall_restores_every_byte(current):
    assert edit(edit(current, BODY), None) == current


@pytest.mark.parametrize("current", NASTY)
def test_installing_twice_changes_nothing(current):
    once = edit(current, BODY)

    assert edit(once, BODY) == once


@pytest.mark.parametrize("current", NASTY)
def test_uninstall_restores_every_byte_after_the_block_was_replaced(current):
    assert edit(edit(edit(current, BODY), b"other\n"), None) == current


@pytest.mark.parametrize("current", NASTY)
def test_removing_a_block_that_is_not_there_changes_nothing(current):
    assert edit(current, None) == current


LINES = st.binary().filter(lambda line: b"scheduled" not in line.lower())


@given(st.lists(LINES).map(b"\n".join))
def test_any_crontab_is_restored(current):
    once = edit(current, BODY)

    assert once.startswith(current)
    assert edit(once, BODY) == once
    assert edit(once, None) == current


@given(st.lists(LINES).map(b"\n".join), LINES, LINES)
def test_lines_added_around_the_block_stay_where_they_are(current, above, below):
    above, below = above + b"\n", below + b"\n"
    edited = above + edit(current, BODY) + below

    assert edit(edited, None).startswith(above + current)
    assert edit(edited, None).endswith(below)
    assert edit(edited, b"new\n") == edited.replace(BODY, b"new\n", 1) or BODY in above + current


def test_a_block_between_other_lines_is_replaced_in_its_position():
    assert edit(b"a\n" + BLOCK + b"b\n", b"new\n") == b"a\n" + BEGIN + b"\nnew\n" + END + b"\nb\n"


def test_lines_appended_after_the_block_keep_the_newline_before_them():
    current = edit(b"# no newline", BODY) + b"* * * * * mine\n"

    assert edit(current, None) == b"# no newline\n* * * * * mine\n"


def test_a_block_that_an_editor_saved_with_crlf_is_found():
    assert edit(b"a\r\n" + BLOCK.replace(b"\n", b"\r\n"), None) == b"a\r\n"


@pytest.mark.parametrize(
    ("damaged", "line"),
    [
        (b"a\n" + BEGIN + b"\nb\n", 2),
        (b"a\n" + END + b"\n", 2),
        (END + b"\n" + BEGIN + b"\n", 1),
        (BLOCK + BLOCK, 4),
        (b"a\n" + BLOCK + b"\n" + END + b"\n", 6),
        (BEGIN + b"\n" + BLOCK + END + b"\n", 2),
        (BLOCK.replace(BEGIN, b"#>>> Scheduled>>>"), 1),
        (BLOCK.replace(END, b"# <<< scheduled"), 3),
        (BLOCK.replace(BEGIN, BEGIN + b" and a word"), 1),
    ],
)
@pytest.mark.parametrize("body", [BODY, None])
def test_damaged_markers_are_refused_with_their_line(damaged, line, body):
    with pytest.raises(BlockError, match=f"^line {line} of your crontab "):
        edit(damaged, body)


def entries(plan, **options):
    return [line for line in compose(plan, **options).decode().splitlines() if not line.startswith("#")]


def test_the_block_calls_the_file_in_isolated_mode():
    command = "/home/ada/venv/bin/python -I -S /home/ada/venv/lib/scheduled/__main__.py"

    assert entries(PLAN) == [
        f"*/5 * * * * {command} run",
        f"0 8 * * * {command} daily-report --due",
        f"@reboot {command} run",
    ]


@pytest.mark.parametrize(("every", "minutes"), [(1, "*"), (2, "*/2"), (30, "*/30")])
def test_the_cadence_is_the_minute_field(every, minutes):
    body = compose(replace(PLAN, every=every))

    assert f"\n{minutes} * * * * ".encode() in body
    assert installed_cadence(edit(b"", body)) == every


@pytest.mark.parametrize("every", [0, -5, 7, 60])
def test_a_cadence_that_does_not_divide_the_hour_is_refused(every):
    with pytest.raises(ConfigError, match=f"--every {every}: choose one of 1, 2, 3"):
        compose(replace(PLAN, every=every))


def test_paths_that_are_not_the_defaults_are_named():
    plan = replace(PLAN, config=Path("/etc/my jobs.toml"), state=Path("/srv/100%/state"))

    for entry in entries(plan):
        assert entry.endswith(r" --config '/etc/my jobs.toml' --state /srv/100\%/state")


def test_both_paths_are_named_where_the_crontab_sets_its_own_home():
    assert all(
        entry.endswith(f"--config {PLAN.config} --state {PLAN.state}")
        for entry in entries(PLAN, explicit=True)
    )


@pytest.mark.parametrize("line", [b"HOME=/tmp", b' "XDG_STATE_HOME" = /x', b"a\nSCHEDULED_CONFIG=/x"])
def test_a_line_that_changes_the_paths_of_the_program_is_found(line):
    assert decides_paths(line)


@pytest.mark.parametrize("line", [b"# HOME=/tmp", b"MYHOME=/tmp", b"* * * * * HOME=/tmp x", b"PATH = /a"])
def test_other_lines_do_not_change_the_paths(line):
    assert not decides_paths(line)


def test_quotes_survive_the_shell():
    plan = replace(PLAN, state=Path('/it\'s "$HOME" #1'))
    line = entries(plan)[0].removeprefix("*/5 * * * * ")

    assert shlex.split(line)[-1] == str(plan.state)


def test_a_path_that_is_not_utf8_keeps_its_bytes():
    assert b"'/caf\xe9'" in compose(replace(PLAN, state=Path(os.fsdecode(b"/caf\xe9"))))


@pytest.mark.parametrize("character", ["\n", "\r", "\\", "\0"])
def test_a_path_that_cannot_be_written_in_a_crontab_is_refused(character):
    with pytest.raises(ConfigError, match="can't be written in a crontab"):
        compose(replace(PLAN, config=Path(f"/a{character}b")))


def test_a_command_that_is_too_long_for_cron_is_refused():
    with pytest.raises(ConfigError, match="bytes long"):
        compose(replace(PLAN, config=Path("/" + "x" * 900)))


@pytest.mark.parametrize(
    ("field", "minutes"),
    [(b"*", 1), (b"*/7", 7), (b"*/25", 25), (b"0", 60), (b"5,10,50", 40), (b"0-30", None)],
)
def test_the_cadence_of_an_edited_entry_is_parsed(field, minutes):
    assert installed_cadence(edit(b"", field + b" * * * * python main.py run\n")) == minutes


@pytest.mark.parametrize("current", [b"", b"*/5 * * * * python main.py run\n", BEGIN + b"\n* * * * * run\n"])
def test_without_a_whole_block_there_is_no_cadence(current):
    assert installed_cadence(current) is None


def test_every_error_has_its_exit_code():
    codes = {
        crontab.BlockError: 1,
        crontab.CrontabError: 1,
        crontab.CrontabMissingError: 1,
        crontab.CrontabRefusedError: 1,
        crontab.CrontabChangedError: 75,
    }

    assert {error: error.exit_code for error in codes} == codes
    assert all(issubclass(error, ScheduledError) for error in codes)


def test_the_plan_is_that_of_the_running_installation(tmp_path):
    plan = crontab.install_plan(config=tmp_path / "c.toml", state=tmp_path / "s", every=10)

    assert plan.python.is_absolute()
    assert plan.main.is_file()
    assert (plan.config, plan.state, plan.every) == (tmp_path / "c.toml", tmp_path / "s", 10)


def test_the_python_of_a_virtual_environment_is_not_resolved(tmp_path, monkeypatch):
    python = tmp_path / "python"
    python.symlink_to("/bin/sh")
    monkeypatch.setattr("sys.executable", str(python))

    assert crontab.install_plan(config=tmp_path, state=tmp_path).python == python
