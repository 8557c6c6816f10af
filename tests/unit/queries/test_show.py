"""`show` has every setting in words, as it is written, beside the plain values."""

import pytest

from scheduled.instance import Instance
from scheduled.queries.jobs import job

TABLE = """
timezone = "UTC"
[jobs.job]
command = "true"
once_per = "day"
between = ["09:00", "10:00"]
start_delay = "5m"
kill_after = "1m"
overlap = "replace"
umask = "027"
wake = true
pre = "echo a"
post = ["echo", "b"]
secrets = { TOKEN = "file:/etc/token" }
fails_if = { stderr = true }
expect = { by = "9:30", within = "36h", duration = "2.5x", output = "^ok", fresh = "~/x", command = ["test", "a b"] }
only_if = { network = "default", else = "skip" }
retry = { max_attempts = 2, delay = "40m" }
limits = { memory = "1M", cpu = "1h" }
"""


@pytest.fixture
def shown(tmp_path):
    path = tmp_path / "scheduled.toml"
    path.write_text(TABLE)
    return job(Instance(str(path), str(tmp_path / "state")), "job")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("between", "09:00 to 10:00"),
        ("start_delay", "5m"),
        ("kill_after", "1m"),
        ("overlap", "replace"),
        ("umask", "027"),
        ("wake", "yes"),
        ("pre", "echo a"),
        ("post", "echo b"),
        ("secrets", "TOKEN = file:/etc/token"),
        ("fails_if", "it writes to standard error"),
        (
            "expect",
            (
                "it succeeds by 09:30; its last success is at most 1d12h ago; a run takes at most 2.5 times the median of its runs; "
                "a line of its output matches \"^ok\"; a run changes ~/x; `test 'a b'` succeeds after it"
            ),
        ),
        ("only_if", "there is a network, else the slot is skipped"),
    ],
)
def test_a_setting_is_named_as_it_is_written(shown, name, text):
    assert shown["settings_words"][name] == text
    assert name not in shown["defaults"]


def test_what_is_expected_is_listed_as_it_is_written(shown):
    assert shown["settings"]["expect"] == {
        "by": "09:30", "within": "1d12h", "duration": "2.5x", "output": "^ok", "fresh": "~/x", "command": "test 'a b'",
    }  # fmt: skip


def test_durations_and_sizes_within_a_setting_have_units(shown):
    assert "max_attempts = 2, delay = 40m" in shown["settings_words"]["retry"]
    assert shown["settings_words"]["limits"].startswith("memory = 1M, cpu = 1h")


def test_what_the_user_did_not_write_is_no_setting_and_plain_values_stay(shown):
    assert "not_between" not in shown["settings_words"]
    assert shown["settings"]["between"] == {"start": 540, "end": 600}
    assert shown["settings"]["not_between"] == {"start": 600, "end": 540}
    assert shown["settings"]["start_delay"] == 300
