"""The address of a monitor is a secret: it is masked where it is shown, and kept by an edit that sends the mask back."""

from pathlib import Path

import pytest

from scheduled.config.redaction import ANOTHER, diff, mask_problems, masked_table, unmasked
from scheduled.config.secret_urls import is_secret_url
from scheduled.config.values import absolute, monitor
from scheduled.errors import ConfigError

URL = "https://hc-ping.com/5f0c3a52"
TABLES = ("jobs.a", "defaults", "notify")


def test_an_address_is_a_secret_and_its_source_is_not():
    assert is_secret_url(URL)
    assert not any(map(is_secret_url, ("", "file:~/url", "command:pass hc", "credential:hc", None, False)))


def test_a_table_is_shown_without_the_address():
    assert masked_table({"heartbeat_url": URL, "cron": "@daily"}) == {
        "heartbeat_url": "***",
        "cron": "@daily",
    }
    assert masked_table({"heartbeat_url": "file:/a"}) == {"heartbeat_url": "file:/a"}
    assert masked_table({"heartbeat_url": False}) == {"heartbeat_url": False}


@pytest.mark.parametrize("mask", ["***", ANOTHER])
def test_a_mask_that_is_sent_back_keeps_the_address(mask):
    assert unmasked({"heartbeat_url": mask, "a": 1}, {"heartbeat_url": URL}) == {"heartbeat_url": URL, "a": 1}
    assert unmasked({"heartbeat_url": "file:/a"}, {"heartbeat_url": URL}) == {"heartbeat_url": "file:/a"}


@pytest.mark.parametrize("table", TABLES)
def test_a_diff_has_no_address(table):
    before, after = (f'[{table}]\nheartbeat_url = "{URL}{end}"\n'.encode() for end in ("", "7"))

    assert URL not in diff(Path("c"), before, after)
    assert ANOTHER in diff(Path("c"), before, after)
    assert URL not in diff(Path("c"), None, after)


@pytest.mark.parametrize("table", TABLES)
def test_a_mask_without_an_address_is_refused(table):
    after = f'[{table}]\nheartbeat_url = "***"\n'.encode()

    assert len(mask_problems(None, after)) == 1


@pytest.mark.parametrize(
    "wrong",
    ["", " ", "hc-ping.com/x", "ftp://a/b", "https://", "https:///x", "https://a/b c", "https://a/b\n", "https://a/b#c",
     "https://a/\u00fc", "file:", "credential:a/b"],
)  # fmt: skip
def test_a_wrong_address_is_refused(wrong):
    with pytest.raises(ConfigError, match="heartbeat_url: must be an address"):
        monitor("heartbeat_url", wrong)


@pytest.mark.parametrize(
    "right", [URL, "http://127.0.0.1:8000/ping/k/{job}?create=1", "https://a", "file:~/x"]
)
def test_an_address_or_its_source_is_accepted(right):
    assert monitor("heartbeat_url", right) == right


@pytest.mark.parametrize("wrong", ["", "x", "./x", "~x", "/a\0"])
def test_a_file_must_not_depend_on_the_directory(wrong):
    with pytest.raises(ConfigError, match=r"notify\.deadman: must be an absolute path"):
        absolute("notify.deadman", wrong)
