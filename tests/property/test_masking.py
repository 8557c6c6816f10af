"""Masking compared with a model that decides for each byte, at every offset, in every window and for every split."""

import os
import re
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scheduled.execution import capped_output, kept_secrets
from scheduled.execution.capped_output import CappedOutput
from scheduled.execution.masked_output import MaskedOutput
from scheduled.execution.process import open_output
from scheduled.masking import Mask

FEW = st.text("aab-", min_size=4, max_size=7)  # few letters: secrets that overlap, repeat and contain others
SECRETS = st.lists(FEW, min_size=1, max_size=3)
OUTPUT = st.lists(st.sampled_from("aaab-é\n"), max_size=40).map("".join)
SPLITS = st.lists(st.integers(0, 50), max_size=6)
SECRET = "S3CR3T-été-pass"


def covering(data, secrets, *, ended):
    """Return the bytes of *data* that are part of a secret, and those of them that do not begin a mask."""
    spans = [
        (at, at + len(secret))
        for secret in map(str.encode, secrets)
        for at in range(len(data))
        if data.startswith(secret, at)
    ]
    if ended:  # the job was killed before it had written all of a secret
        begun = [
            size
            for secret in map(str.encode, secrets)
            for size in range(4, len(secret))
            if data.endswith(secret[:size])
        ]
        spans += [(len(data) - max(begun), len(data))] if begun else []
    return (
        {at for start, end in spans for at in range(start, end)},
        {at for start, end in spans for at in range(start + 1, end)},
    )


def naive(data, secrets, start=0, end=None, *, continued=False, ended=True):
    covered, within = covering(data, secrets, ended=ended)
    shown = b""
    for at in range(start, len(data) if end is None else end):
        if at not in covered:
            shown += data[at : at + 1]
        elif at not in within or (at == start and not continued):
            shown += b"***"
    return shown


def split(data, at):
    bounds = sorted({0, len(data), *(min(place, len(data)) for place in at)})
    return [data[start:end] for start, end in pairwise(bounds)]


@given(SECRETS, OUTPUT, SPLITS)
@example(["aaab"], "aaaab", [3, 4])
@example(["aab-", "b-aa"], "aab-aab-aa", [5])
@example(["aaab-b"], "-aaab-", [3])
def test_every_occurrence_is_masked_however_the_output_is_split(secrets, output, at):
    mask, data = Mask(secrets), output.encode()

    assert mask.data(data) == naive(data, secrets)
    assert mask.text(output).encode() == naive(data, secrets, ended=False)
    assert b"".join(mask.stream(split(data, at))) == naive(data, secrets)


@given(SECRETS, OUTPUT, st.integers(0, 60), st.integers(0, 60), st.booleans())
def test_every_window_shows_what_the_whole_output_shows_there(secrets, output, one, other, continued):
    mask, data = Mask(secrets), output.encode()
    start, end = sorted(min(place, len(data)) for place in (one, other))
    begin = max(0, start - mask.reach)

    part = mask.part(
        data[begin : end + mask.reach], start - begin, end - begin, continued=continued and start > 0
    )

    assert part == naive(data, secrets, start, end, continued=continued and start > 0, ended=False)


def kept(directory, secrets):
    """Return a new output of an attempt with *secrets*, which are kept in their file."""
    output = MaskedOutput(directory / "run.1.log", directory / "run.1.secrets")
    output.path.write_bytes(b"")
    kept_secrets.keep(output.secrets, secrets)
    return output


@given(SECRETS, OUTPUT, SPLITS)
@example(["aaab"], "-aaab-", [1, 2, 3, 4, 5])
def test_what_is_read_while_it_is_written_is_what_is_read_at_the_end(tmp_path_factory, secrets, output, at):
    data, log = output.encode(), kept(tmp_path_factory.mktemp("growing"), secrets)
    seen, size = b"", 0
    for piece in split(data, at):
        with log.path.open("ab") as file:
            file.write(piece)
        found, size = log.after(size, 1000, final=False)
        seen += found
    found, size = log.after(size, 1000, final=True)

    assert (seen + found, size) == (naive(data, secrets), len(data))


@given(SECRETS, OUTPUT, st.integers(1, 60))
def test_the_last_bytes_begin_with_a_whole_character_and_no_part_of_a_secret(
    tmp_path_factory, secrets, output, most
):
    data, log = output.encode(), kept(tmp_path_factory.mktemp("tail"), secrets)
    log.path.write_bytes(data)

    found, _ = log.end(most, final=True)

    start = max(0, len(data) - most)
    while start and data[start : start + 1] and 0x80 <= data[start] < 0xC0:
        start += 1
    assert found == naive(data, secrets, start)


@given(SECRETS, OUTPUT)
def test_an_output_that_is_sealed_is_what_its_readers_saw(tmp_path_factory, secrets, output):
    log = kept(tmp_path_factory.mktemp("sealed"), secrets)
    log.path.write_bytes(output.encode())
    before, _ = log.end(None, final=True)

    assert log.seal()

    assert (log.path.read_bytes(), log.secrets.exists()) == (before, False)
    assert log.end(None, final=True)[0] == before


@pytest.mark.parametrize("reach", range(-len(SECRET.encode()) - 1, 2))
@pytest.mark.parametrize("times", [1, 3])
def test_a_cut_of_the_output_leaves_no_part_of_a_secret_at_any_offset(tmp_path, monkeypatch, reach, times):
    """The limit is 200: 100 bytes of the beginning and 100 of the end are kept; the secret comes near both places."""
    monkeypatch.setattr(capped_output, "FLOOD", 0)
    secret, path = SECRET.encode(), tmp_path / "run.1.log"
    output = CappedOutput(open_output(str(path)), 200, Mask([SECRET]))
    near = b"." * (100 + reach) + secret * times
    os.write(output.fd, near + b"." * 1000 + secret * times + b"." * (100 + reach))
    output.grew()
    os.write(output.fd, b"." * 500 + secret * times + b"." * (100 + reach))
    output.close()

    shown = Mask([SECRET]).data(path.read_bytes())

    assert set(shown.decode()) <= set(".*\n[] 0123456789bytesdropped")
    assert b"dropped" in shown


@pytest.mark.parametrize("text", ["aaabaaabaa", "abababab", "aaaaaaa"])
def test_a_cut_within_secrets_that_overlap_leaves_no_part_of_them(tmp_path, text):
    secrets = [text, text[1:] + text[:1], text[:4]]
    for offset in range(60):
        path = tmp_path / f"{offset}.log"
        output = CappedOutput(open_output(str(path)), 60, Mask(secrets))
        os.write(output.fd, b"." * offset + text.encode() * 8 + b"." * (100 - offset) + text.encode() * 3)
        output.close()

        shown = Mask(secrets).data(path.read_bytes())

        assert set(re.sub(rb"\d+ bytes dropped", b"", shown)) <= set(b".*\n[] ")
