"""Lock files have the process id of their holder."""

import os

import pytest

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
