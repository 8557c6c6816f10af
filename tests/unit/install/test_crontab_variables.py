"""The variables of a crontab; the expected values are those that Debian's cron gave to its jobs."""

import pytest

from scheduled.install.block import edit
from scheduled.install.crontab_variables import variables

ENTRIES = b"*/5 * * * * /usr/bin/python3 -I -S main.py run\n@reboot /usr/bin/python3 -I -S main.py run\n"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("A=plain", {"A": "plain"}),
        ("B = spaced value   ", {"B": "spaced value"}),
        ('"C"="quoted"', {"C": "quoted"}),
        ("'D' = 'single' ", {"D": "single"}),
        ("E=has # hash", {"E": "has # hash"}),
        ('F="a # b"', {"F": "a # b"}),
        ('J=""', {"J": ""}),
        ('A=" blanks at the end  "', {"A": " blanks at the end"}),
        ("K==eq", {"K": "=eq"}),
        ("  L=indent", {"L": "indent"}),
        ("M\t=\ttab\t", {"M": "tab"}),
        ("N=$HOME/x", {"N": "$HOME/x"}),
        ("S=a\\", {"S": "a\\"}),
        ('T=ab"c"', {"T": 'ab"c"'}),
        ("W='a\"b'", {"W": 'a"b'}),
        ("A=1\nA=2", {"A": "2"}),
        # Debian's crontab refuses these lines.
        ('G="unbalanced', {}),
        ("H='x'y", {}),
        ("I=", {}),
        ('O="esc\\"aped"', {}),
        ('V="x" trail', {}),
        ("# A=1", {}),
        ("0 5 * * * A=1 x", {}),
        ("@daily A=1 x", {}),
    ],
)
def test_a_line_is_read_as_cron_reads_it(line, expected):
    assert variables(line.encode() + b"\n") == expected


def test_the_variables_above_the_block_apply_to_it_and_those_below_do_not():
    crontab = edit(b"A=1\nB=2\n* * * * * x\nB=3\n", ENTRIES) + b"A=4\nC=5\n"

    assert variables(crontab) == {"A": "1", "B": "3"}


def test_a_variable_in_the_block_applies_to_the_ticks_below_it():
    assert variables(edit(b"A=1\n", b"A=2\n" + ENTRIES + b"A=3\n")) == {"A": "2"}


@pytest.mark.parametrize("crontab", [b"A=1\n* * * * * x\nA=2\n", b"A=1\n# >>> scheduled >>>\nA=2\n"])
def test_without_an_undamaged_block_all_lines_apply_since_a_new_block_comes_last(crontab):
    assert variables(crontab) == {"A": "2"}
