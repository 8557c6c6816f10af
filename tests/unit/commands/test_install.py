"""`install` apart from the crontab: the service files of an earlier installation, and new directories."""

import os

import pytest

from scheduled.state.files import make_directories


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_new_parent_directories_are_private_to_the_owner(tmp_path, umask):
    before = os.umask(umask)
    try:
        make_directories(tmp_path / "a/b/c")
        make_directories(tmp_path / "a/b/c")
    finally:
        os.umask(before)

    places = [tmp_path / "a", *(tmp_path / "a").rglob("*")]
    assert [oct(place.stat().st_mode & 0o777) for place in places] == ["0o700"] * 3


def test_a_file_at_the_path_of_a_directory_is_an_error(tmp_path):
    (tmp_path / "a").touch()

    with pytest.raises(FileExistsError):
        make_directories(tmp_path / "a")
