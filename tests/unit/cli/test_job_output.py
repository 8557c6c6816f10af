"""The output of a job on a terminal, in pieces of any size."""

import pytest

from scheduled.cli.job_output import for_terminal

OUTPUTS = "\x1b[1;31mred\x1b[0m\ttab\r\nü \x1b]0;owned\x07 \x1b[2J \x9b \r \xff".encode() + b"\xff"


@pytest.mark.parametrize("size", range(1, 12))
def test_output_for_a_terminal_is_the_same_however_it_is_split(size):
    pieces = [OUTPUTS[at : at + size] for at in range(0, len(OUTPUTS), size)]

    assert "".join(for_terminal(pieces)) == (
        "\x1b[1;31mred\x1b[0m\ttab\nü \\x1b]0;owned\\x07 \\x1b[2J \\x9b \\r ÿ\\xff\x1b[0m"
    )


@pytest.mark.parametrize("codes", ["8", "08", "1;8", "31;8;4", "8;31"])
def test_a_color_that_hides_text_is_escaped(codes):
    assert "".join(for_terminal([f"\x1b[{codes}mhidden".encode()])) == f"\\x1b[{codes}mhidden"


@pytest.mark.parametrize("codes", ["", "0", "38;5;208", "28", "108", "1;31"])
def test_a_color_is_kept_and_reset(codes):
    assert "".join(for_terminal([f"\x1b[{codes}mtext".encode()])) == f"\x1b[{codes}mtext\x1b[0m"
