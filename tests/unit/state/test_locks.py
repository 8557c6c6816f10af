"""Lock files have the process id of their holder."""

import os

import pytest

from scheduled.errors import BusyError
from scheduled.state import locks


@pytest.fixture
def path(tmp_path):
    return tmp_path / "edit.lock"


def test_a_lock_file_has_the_process_id_of_its_holder(path):
    path.write_bytes(b"4194304\n123")

    with locks.exclusive(path):
        assert int(path.read_bytes()) == os.getpid()


def test_a_holder_that_had_to_wait_writes_its_process_id_too(path):
    with locks._waited_for(path, 1):
        assert int(path.read_bytes()) == os.getpid()


def test_a_full_disk_does_not_break_a_lock(path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)

    with locks.exclusive(path):
        assert locks.is_held(path)


def test_a_copy_of_the_descriptor_keeps_the_lock(path):
    """As in a child process that inherits it."""
    with locks.inherited(path, 0) as fd:
        assert int(path.read_bytes()) == os.getpid()
        copy = os.dup(fd)
    assert locks.is_held(path)
    os.close(copy)
    assert not locks.is_held(path)


def test_a_lock_that_another_process_keeps_is_waited_for_in_vain(path):
    with (
        locks.exclusive(path),
        pytest.raises(BusyError, match=r"edit\.lock: another process has held this lock for 0 s"),
        locks.inherited(path, 0),
    ):
        pass
