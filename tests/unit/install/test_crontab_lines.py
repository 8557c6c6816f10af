"""Bad lines of a crontab are named by their number in the user's own file."""

import pytest

from scheduled.install import crontab_lines
from scheduled.install.block import edit

BLOCK = b"*/5 * * * * tick\n@reboot tick\n"


def refusal(own, printed):
    return crontab_lines.refusal(
        printed + b"\nerrors in crontab file, can't install.\n", edit(own, BLOCK), own
    )


@pytest.mark.parametrize(
    ("own", "printed", "named"),
    [
        # As Debian's `crontab` prints them: it counts the newlines that it read before the error.
        (
            b"# a\n60 * * * * x\n",
            b'"crontab":1: bad minute',
            "line 2 of your crontab (60 * * * * x): bad minute",
        ),
        (b"60 * * * * x\n", b'"crontab":0: bad minute', "line 1 of your crontab (60 * * * * x)"),
        (b'A=b\n\n\nX="a\n', b'"crontab":3: bad minute', 'line 4 of your crontab (X="a)'),
        (b"0 1 * * * y\n0\n0 3 * * * z\n", b'"crontab":2: bad hour', "line 2 of your crontab (0)"),
        (b"A=b\n60 1 * * * y\n", b'"crontab":1: bad minute', "line 2 of"),
        (b"@daily y\n60 1 * * * y\n", b'"crontab":1: bad minute', "line 2 of"),
        (b"@daily y\n@daily\n", b'"crontab":2: bad command', "line 2 of"),
        (
            b"0 1 * * * y\n0 2 * * * " + b"x" * 1200 + b"\n0 3 * * * z\n",
            b'"crontab":2: command too long',
            f"line 2 of your crontab (0 2 * * * {'x' * 37}...): command too long",
        ),
    ],
)
def test_a_bad_line_has_its_number_and_its_text(own, printed, named):
    assert named in refusal(own, printed)


def test_a_bad_line_below_the_block_has_the_number_that_the_user_sees():
    own = edit(b"# a\n", b"one old line\n") + b"60 * * * * x\n"
    written = edit(own, BLOCK)
    newlines = written.split(b"\n").index(b"60 * * * * x")

    message = crontab_lines.refusal(b'"crontab":%d: bad minute' % newlines, written, own)

    assert message.startswith("line 5 of your crontab (60 * * * * x): bad minute; nothing was changed.")
    assert "`crontab -e`" in message


def test_without_the_block_a_bad_line_keeps_its_number_too():
    own = edit(b"# a\n", BLOCK) + b"60 * * * * x\n"

    assert "line 6 of" in crontab_lines.refusal(b'"crontab":1: bad minute', edit(own, None), own)


def test_an_error_without_a_line_of_the_user_is_not_explained():
    assert refusal(b"# a\n", b"crontab: no space") is None
    assert refusal(b"# a\n", b'"crontab":3: bad minute') is None  # a line of the block


def test_empty_lines_with_a_carriage_return_are_listed_with_the_command_that_helps():
    own = b"# a\r\n\r\n0 1 * * * x\r\n\r\n"

    message = refusal(own, b'"crontab":1: bad minute')

    assert message.startswith("line 2 of your crontab (only a carriage return): bad minute")
    assert "(lines 2, 4)" in message
    assert crontab_lines.TO_NEWLINES in message


def test_lines_that_cannot_be_read_exactly_are_named():
    assert "lines 1, 2, 3, 4, 5 and others" in crontab_lines.unreadable(list(range(1, 9)), at_line_ends=True)
    assert crontab_lines.TO_NEWLINES in crontab_lines.unreadable([1], at_line_ends=True)
    assert crontab_lines.TO_NEWLINES not in crontab_lines.unreadable([1], at_line_ends=False)


@pytest.mark.parametrize(
    ("own", "newlines", "expected"),
    [
        (
            b"A=1\nEMPTY=\n* * * * * x\n",
            1,
            "line 2 of your crontab (EMPTY=): bad minute; nothing was changed. For cron",
        ),
        (b"# a\n\t\r\n* * * * * x\n", 1, "line 2 of your crontab (only a carriage return)"),
        (
            b"60 * * * * x\n\r\n",
            0,
            "line 1 of your crontab (60 * * * * x): bad minute; nothing was changed. Correct it",
        ),
        (b"\b\n", 0, r"line 1 of your crontab (\x08): bad minute"),
    ],
)
def test_the_next_step_is_about_the_line_that_is_named(own, newlines, expected):
    assert refusal(own, b'"crontab":%d: bad minute' % newlines).startswith(expected)
