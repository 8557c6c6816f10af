"""When a configuration file was edited."""

import os
import time

from scheduled.config.edited_at import changed_at, edited_at
from scheduled.config.files import load_config

DAY = 86400


def test_the_later_of_mtime_and_ctime_counts(tmp_path):
    path, now = tmp_path / "file", int(time.time()) + 60
    path.touch()
    ctime = path.stat().st_ctime
    os.utime(path, (now - DAY, now - DAY))

    assert (changed_at(path, now) or 0) >= ctime
    assert changed_at(path, now - 2 * DAY) is None  # both are in the future


def test_a_time_in_the_future_is_ignored(tmp_path):
    path, now = tmp_path / "file", int(time.time()) + 60
    path.touch()
    os.utime(path, (now + DAY, now + DAY))

    assert abs((changed_at(path, now) or 0) - now) < DAY / 2


def test_a_symbolic_link_that_was_replaced_counts(tmp_path):
    path, link, now = tmp_path / "file", tmp_path / "link", int(time.time()) + 3 * DAY
    path.touch()
    link.symlink_to(path)
    os.utime(link, (now - DAY, now - DAY), follow_symlinks=False)

    assert (changed_at(path, now) or 0) < changed_at(link, now) == now - DAY


def test_a_file_that_cannot_be_read_has_no_time(tmp_path):
    assert changed_at(tmp_path / "missing", int(time.time())) is None


def test_a_removed_job_was_edited_with_the_last_change_of_any_file(tmp_path):
    config = tmp_path / "etc" / "scheduled.toml"
    (config.parent / "jobs.d").mkdir(parents=True)
    config.write_text("")
    now = int(time.time()) + 3 * DAY
    os.utime(config, (now - DAY, now - DAY))
    found = load_config(config)

    assert edited_at(found, "gone", now, now - 2 * DAY) == now - DAY
    assert edited_at(found, "gone", now, now - 10) == now - 10
    assert edited_at(found, "gone", int(time.time()) - DAY, 1) is None
