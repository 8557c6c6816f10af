"""Which facts are sent to a monitor, and how."""

import pytest

from scheduled.core.events import Event
from scheduled.core.keys import JobKey
from scheduled.core.pings import LARGEST, address, body, ping_of, slug, to_repeat

RUN = {"job": "backup", "run_id": "backup-1", "attempt": 2}
UUID = "https://hc-ping.com/5f0c3a52"


def ping(name="job_failed", **payload):
    return ping_of(Event(name=name, payload={**RUN, **payload}), "t", 5)


@pytest.mark.parametrize(
    ("name", "status", "signal"),
    [
        ("job_started", None, "start"),
        ("job_completed", "success", "success"),
        ("job_failed", "failed", "fail"),
        ("job_interrupted", "interrupted", "fail"),
        ("job_retry_scheduled", "failed", "log"),
        ("job_skipped", "skipped", "success"),
        ("job_skipped", "stopped", "log"),
        ("job_skipped", "deferred", "log"),
    ],
)
def test_every_event_of_a_run_has_a_signal(name, status, signal):
    assert ping(name, status=status).signal == signal


def test_what_is_about_no_run_is_not_sent():
    assert ping("job_skipped", run_id=None) is None
    assert ping("configuration_changed") is None


def test_a_ping_has_the_text_for_a_person():
    found = ping(status="failed", reason="exit code 3", exit_code=3, target="db/1")

    assert found.text == "backup@db%2F1: failed: exit code 3 (backup-1)"
    assert (found.name, found.exit_code, found.key) == ("backup-1.2", 3, JobKey("backup", "db/1"))


@pytest.mark.parametrize(
    ("url", "signal", "code", "expected"),
    [
        (UUID, "success", 0, f"{UUID}?rid=r"),
        (UUID + "/", "start", None, f"{UUID}/start?rid=r"),
        (UUID, "fail", 3, f"{UUID}/3?rid=r"),
        (UUID, "fail", None, f"{UUID}/fail?rid=r"),
        (UUID, "fail", 0, f"{UUID}/fail?rid=r"),
        (UUID, "fail", -9, f"{UUID}/fail?rid=r"),
        (UUID, "fail", 256, f"{UUID}/fail?rid=r"),
        (UUID, "log", 3, f"{UUID}/log?rid=r"),
        (UUID + "?create=1", "fail", 255, f"{UUID}/255?create=1&rid=r"),
    ],
)
def test_the_address_follows_the_protocol(url, signal, code, expected):
    assert address(url, signal, code, "r") == expected


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (JobKey("Nightly Backup!"), "nightly-backup"),
        (JobKey("a_b-c"), "a_b-c"),
        (JobKey("sync", "/srv/data"), "sync-srv-data"),
        (JobKey("\u00fc"), "job"),
    ],
)
def test_a_slug_has_the_characters_that_a_monitor_allows(key, expected):
    assert slug(key) == expected


def test_a_body_has_the_end_of_the_output_and_is_valid_text():
    found = body("x: failed", "\u00e4" * LARGEST + "end")

    assert len(found) <= LARGEST
    assert found.decode().startswith("x: failed\n\n\u00e4")
    assert found.endswith(b"end")
    assert len(body("\u00e4" * LARGEST)) <= LARGEST
    assert body("a\udcff").decode() == "a?"


def test_a_start_is_not_repeated_when_its_end_is_known():
    started, ended = ping("job_started"), ping("job_completed")
    other = ping("job_started", attempt=3)

    assert to_repeat([started, other, ended]) == [other, ended]
    assert to_repeat([started, other], [ended]) == [other]
