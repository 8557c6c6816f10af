"""Secrets are kept with an attempt until its output is masked on disk; readers mask it until then."""

import errno
import fcntl
import os

import pytest

from scheduled.execution import kept_secrets, masked_output
from scheduled.execution.kept_secrets import LostSecretsError
from scheduled.execution.masked_output import MaskedOutput
from scheduled.masking import Mask

SECRET = "hunter2-and-more"


@pytest.fixture
def output(tmp_path):
    found = MaskedOutput(tmp_path / "run.1.log", tmp_path / "run.1.secrets")
    kept_secrets.keep(found.secrets, [SECRET, "é\udcff-bytes"])
    found.path.write_text(f"a {SECRET} b\n")
    return found


def shown(output):
    return output.end(None, final=True)[0]


def test_secrets_are_kept_with_every_byte_and_for_their_owner_only(output):
    assert kept_secrets.mask_in(output.secrets).data(b"\xc3\xa9\xff-bytes " + SECRET.encode()) == b"*** ***"
    assert output.secrets.stat().st_mode & 0o777 == 0o600


def test_an_output_without_kept_secrets_is_shown_as_it_is(output):
    output.secrets.unlink()

    assert shown(output) == f"a {SECRET} b\n".encode()


@pytest.mark.parametrize("damage", [b"", b"hunter2", b"hunter2-and-more\0en"])
def test_with_damaged_secrets_nothing_is_shown_and_nothing_is_changed(output, damage):
    output.secrets.write_bytes(damage)

    for use in (shown, MaskedOutput.seal, lambda output: list(output.follow(0))):
        with pytest.raises(LostSecretsError, match="damaged"):
            use(output)
    assert output.path.read_text() == f"a {SECRET} b\n"


def test_an_output_of_which_the_secrets_are_lost_is_replaced_by_a_line(output):
    output.secrets.write_bytes(b"")

    output.discard()

    assert not output.secrets.exists()
    assert shown(output).startswith(b"[the output was removed: ")


def test_a_masked_output_replaces_the_other_and_keeps_its_mode_and_time(output):
    output.path.chmod(0o600)
    os.utime(output.path, (5, 7))

    assert output.seal()

    seen = output.path.stat()
    assert (output.path.read_text(), seen.st_mode & 0o777, seen.st_mtime) == ("a *** b\n", 0o600, 7)
    assert [path.name for path in output.path.parent.glob("run*")] == ["run.1.log"]


def test_an_output_without_a_secret_in_it_stays_the_same_file(output):
    output.path.write_text("nothing\n")
    before = output.path.stat()

    assert output.seal()

    after = output.path.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert not output.secrets.exists()


def test_an_output_to_which_a_process_may_still_write_is_masked_later(output):
    with output.path.open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)

        assert (output.seal(), output.secrets.exists(), shown(output)) == (False, True, b"a *** b\n")

    assert (output.seal(), output.secrets.exists(), output.path.read_text()) == (True, False, "a *** b\n")


@pytest.mark.parametrize("call", ["write_all", "sync_directory"])
def test_an_output_that_cannot_be_masked_now_stays_masked_for_its_readers(output, monkeypatch, call):
    def fail(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(masked_output, call, fail)
        with pytest.raises(OSError, match="No space"):
            output.seal()
    assert (shown(output), output.secrets.exists()) == (b"a *** b\n", True)

    assert output.seal()
    assert (shown(output), output.secrets.exists()) == (b"a *** b\n", False)


def test_a_reader_that_opened_the_output_before_it_was_masked_opens_it_once_more(output, monkeypatch):
    read = kept_secrets.mask_in

    def ended_first(path):
        if output.secrets.exists():
            output.seal(Mask([SECRET]))
        return read(path)

    monkeypatch.setattr(kept_secrets, "mask_in", ended_first)

    assert shown(output) == b"a *** b\n"


def test_a_follower_of_an_output_that_is_masked_meanwhile_prints_each_byte_once(output):
    following = output.follow(0)
    with output.path.open("ab") as job:
        fcntl.flock(job, fcntl.LOCK_EX)
        first = next(following)
        job.write(f"c {SECRET} d\n".encode())
    assert output.seal()

    assert first + b"".join(following) == b"a *** b\nc *** d\n"


def test_an_output_longer_than_one_read_is_masked_at_the_bounds_of_the_reads(output, monkeypatch):
    monkeypatch.setattr(masked_output, "CHUNK", 7)
    output.path.write_text(f"{SECRET} {SECRET}{SECRET} x")

    followed = b"".join(output.follow(0))
    assert output.seal()

    assert (followed, output.path.read_bytes()) == (b"*** ****** x", b"*** ****** x")


def test_a_secret_of_which_a_killed_job_wrote_the_beginning_is_masked(output):
    output.path.write_text(f"a {SECRET[:9]}")

    assert (output.end(None, final=False)[0], shown(output)) == (b"a ", b"a ***")
    assert output.seal()
    assert output.path.read_bytes() == b"a ***"
