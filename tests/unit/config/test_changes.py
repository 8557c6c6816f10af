"""What changed between two states of the configuration is named by its keys; values are not kept."""

import msgspec
import pytest

from scheduled.config import changes
from scheduled.config.files import load_config

TEXT = """
timezone = "UTC"
[history]
keep_days = 30
[defaults]
timeout = "1h"
[jobs.a]
cron = "@daily"
command = "true"
env = {API_TOKEN = "abc123"}
[jobs.b]
every = "1h"
command = "true"
"""


@pytest.fixture
def read(tmp_path):
    path = tmp_path / "scheduled.toml"

    def loaded(*replacements):
        text = TEXT
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        path.write_text(text)
        return load_config(path)

    return loaded


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("[jobs.b]", "[jobs.c]", {"added": ["c"], "removed": ["b"]}),
        ('cron = "@daily"', 'every = "2d"', {"changed": ["a.cron", "a.every"]}),
        ("abc123", "abc124", {"changed": ["a.env"]}),
        ("30", "31", {"settings": ["history.keep_days"]}),
        ('timezone = "UTC"', "max_parallel = 3", {"settings": ["max_parallel", "timezone"]}),
        ('timeout = "1h"', "", {"settings": ["defaults.timeout"]}),
        ("[jobs.b]", "# about b\n[jobs.b]", {}),
    ],
)
def test_the_changed_keys_are_named(read, old, new, expected):
    before, after = read(), read((old, new))

    found = changes.between(changes.summary(before), changes.summary(after))

    assert {key: value for key, value in msgspec.to_builtins(found).items() if value} == expected
    assert bool(found) is bool(expected) is (changes.digest(before) != changes.digest(after))


def test_no_value_is_kept(read):
    kept = msgspec.json.encode(changes.summary(read()))

    assert b"abc123" not in kept and b"@daily" not in kept


def test_a_job_that_is_not_valid_is_compared_too(read):
    found = changes.between(changes.summary(read()), changes.summary(read(("@daily", "61 * * * *"))))

    assert found.changed == ["a.cron"]


def test_jobs_of_a_file_that_cannot_be_read_are_not_removed(read):
    before, after = changes.summary(read()), changes.summary(read(("[jobs.b]", "[jobs.c]")))

    found = changes.between(before, changes.with_missing(before, after))

    assert (found.added, found.removed) == (["c"], [])
