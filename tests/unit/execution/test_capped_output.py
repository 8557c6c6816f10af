import os

import pytest

from scheduled.execution import capped_output
from scheduled.execution.capped_output import CappedOutput
from scheduled.execution.process import open_output


@pytest.fixture
def path(tmp_path):
    return tmp_path / "out.log"


def capped(path, limit):
    return CappedOutput(open_output(str(path)), limit)


def written(path, *chunks, limit=100):
    """Write *chunks*, with a pause after each; return the number of printed bytes and what is kept."""
    output = capped(path, limit)
    for chunk in chunks:
        os.write(output.fd, chunk)
        output.grew()
        output.grew()
    return output.close(), path.read_bytes()


def test_output_within_the_limit_is_unchanged(path):
    data = bytes(range(256)) * 4

    assert written(path, data[:512], data[512:], limit=1024) == (1024, data)


def test_empty_output_stays_empty(path):
    assert written(path) == (0, b"")


def test_long_output_keeps_its_beginning_and_end_and_gives_the_number_of_dropped_bytes(path):
    printed, kept = written(path, b"A" * 50 + b"x" * 900 + b"Z" * 50)

    assert printed == 1000
    assert kept == b"A" * 50 + b"\n[... 900 bytes dropped ...]\n" + b"Z" * 50


def test_a_file_that_was_cut_before_is_cut_again_and_its_count_stays_true(path):
    chunks = [b"%03d " % number * 20 for number in range(50)]

    printed, kept = written(path, *chunks)

    data = b"".join(chunks)
    assert printed == len(data) == 4000
    assert kept == data[:50] + b"\n[... 3900 bytes dropped ...]\n" + data[-50:]


def test_what_a_job_prints_while_its_output_is_cut_is_kept(path, monkeypatch):
    output, read, last = capped(path, 100), os.pread, [b"error: disk full\n", b"exit 1\n"]

    def read_while_the_job_prints(fd, length, position):
        found = read(fd, length, position)
        if position and last:
            os.write(output.fd, last.pop(0))
        return found

    os.write(output.fd, b"x" * 1000)
    monkeypatch.setattr(os, "pread", read_while_the_job_prints)
    output.grew()
    output.grew()
    kept = path.read_bytes()

    assert (output.close(), last) == (1024, [])
    assert kept == b"x" * 50 + b"\n[... 924 bytes dropped ...]\n" + b"x" * 26 + b"error: disk full\nexit 1\n"


def test_binary_output_is_cut_by_bytes(path):
    data = bytes(range(256)) * 100

    _, kept = written(path, data, limit=512)

    assert (kept[:256], kept[-256:]) == (bytes(range(256)), bytes(range(256)))


def test_an_output_is_cut_in_a_pause_so_that_no_last_words_are_lost(path):
    output = capped(path, 1000)
    sizes = []
    for data in (b"x" * 90_000, b"error: disk full\n", b"", b""):
        os.write(output.fd, data)
        output.grew()
        sizes.append(path.stat().st_size)

    assert sizes[:2] == [90_000, 90_017]
    assert sizes[2] == sizes[3] < 1040


def test_an_output_does_not_reach_the_file_size_at_which_the_system_would_end_the_job(path):
    output, sizes = CappedOutput(open_output(str(path)), 1000, file_size=20_000), []
    for _ in range(200):
        os.write(output.fd, b"x" * 700)
        output.grew()
        sizes.append(path.stat().st_size)
    output.close()

    assert 5000 < max(sizes) <= 10_000


def test_the_file_stays_bounded_while_a_job_prints_without_a_pause(path, monkeypatch):
    monkeypatch.setattr(capped_output, "FLOOD", 5000)
    output, sizes = capped(path, 1000), []
    for _ in range(200):
        os.write(output.fd, b"x" * 700)
        output.grew()
        sizes.append(path.stat().st_size)
    output.close()

    assert 4000 < max(sizes) <= 2 * 1000 + 5000
    assert path.stat().st_size <= 1000 + 40


def test_growth_is_reported_once(path):
    output = capped(path, 100)

    seen = [output.grew()]
    os.write(output.fd, b"x")
    seen += [output.grew(), output.grew()]
    os.write(output.fd, b"x" * 1000)
    seen += [output.grew(), output.grew()]
    output.close()

    assert seen == [False, True, False, True, False]


def test_a_limit_of_zero_still_reports_dropped_bytes(path):
    printed, kept = written(path, b"0123456789", limit=0)

    assert (printed, kept) == (10, b"0\n[... 8 bytes dropped ...]\n9")


def test_a_link_in_place_of_the_output_is_refused(path, tmp_path):
    path.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(OSError, match="symbolic links"):
        open_output(str(path))


def test_an_output_is_created_with_its_directory_also_if_a_tick_removes_the_empty_one(tmp_path, monkeypatch):
    path, make, made = tmp_path / "3f" / "output", os.mkdir, []

    def mkdir(place, mode):
        make(place, mode)
        made.append(place)
        if len(made) == 1:
            os.rmdir(place)  # as another tick that prunes

    monkeypatch.setattr(os, "mkdir", mkdir)
    os.close(open_output(str(path)))

    assert len(made) == 2
    assert [oct(place.stat().st_mode & 0o777) for place in (path.parent, path)] == ["0o700", "0o600"]


def test_a_directory_of_outputs_that_is_a_link_to_nothing_is_an_error(tmp_path):
    (tmp_path / "3f").symlink_to(tmp_path / "nothing")

    with pytest.raises(FileNotFoundError):
        open_output(str(tmp_path / "3f" / "output"))
