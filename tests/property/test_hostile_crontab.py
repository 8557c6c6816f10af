"""In any crontab the block is inserted and removed without other changes, or a line is refused."""

import time
import tracemalloc

from hypothesis import example, given, settings
from hypothesis import strategies as st

from scheduled.install.block import decides_paths, edit, installed_cadence
from scheduled.install.block_lines import BEGIN, END, JOINED, BlockError
from tests.fixtures.in_process_cli import NIGHTLY

EXAMPLES = 20_000 if NIGHTLY else 400
BODY = b"*/5 * * * * /usr/bin/python3 -I -S /x/__main__.py run\n"
MULTIPLE = 12  # bytes of memory per byte of crontab: a list of its lines, and two copies
PIECES = st.sampled_from(
    [
        BEGIN, END, BEGIN + JOINED, BEGIN.upper(), b"# >>>  scheduled >>>", b" " + BEGIN, END + b"\r", b"# <<<scheduled<<<", BODY.strip(),
        b"HOME=/x", b"* * * * * x%y\\%z", b"@reboot run", b"\xff\xfe", b"\0", b"\r", b"\x0c", "\u2028".encode(), b"# x" * 50, b"",
    ]
) | st.binary(max_size=30)  # fmt: skip
CRONTABS = st.lists(PIECES, max_size=8).flatmap(
    lambda pieces: st.sampled_from(
        [b"\n".join(pieces), b"\n".join([*pieces, b""]), b"\r\n".join(pieces), b"".join(pieces)]
    )
)


@given(CRONTABS)
@example(BEGIN + b"\n" + END)
@example(b"x\n" + BEGIN + JOINED + b"\n" + END + b"\n")
@settings(max_examples=EXAMPLES)
def test_inserting_and_removing_the_block_changes_no_other_byte(crontab):
    try:
        installed = edit(crontab, BODY)
    except BlockError as error:
        message = str(error)
    else:
        message = ""
    if message:
        assert "of your crontab" in message
        return
    if BEGIN in crontab.replace(BEGIN.upper(), b""):
        return  # an existing block, which the new one replaces

    assert edit(installed, BODY) == installed
    assert edit(installed, None) == crontab
    assert installed.startswith(crontab)
    assert installed_cadence(installed) == 5


@given(CRONTABS)
@settings(max_examples=EXAMPLES)
def test_other_bytes_survive_even_if_there_was_a_block(crontab):
    try:
        without = edit(crontab, None)
        replaced = edit(crontab, BODY)
    except BlockError:
        return

    assert edit(replaced, None) == without
    decides_paths(crontab)
    installed_cadence(crontab)


def test_the_memory_for_a_large_crontab_is_bounded_by_a_multiple_of_its_size():
    for crontab in (
        b"# x\n" * 50_000,
        b"#" * 200_000,
        b"# >>>" * 40_000,
        b" " * 200_000,
        b"*/5 " * 50_000,
    ):
        tracemalloc.start()
        began = time.process_time()
        assert edit(edit(crontab, BODY), None) == crontab
        installed_cadence(crontab)
        decides_paths(crontab)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert time.process_time() - began < 20
        assert peak < (MULTIPLE + 50) * len(crontab)
