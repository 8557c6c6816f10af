"""Warnings about heartbeats that will probably not arrive, or share a check."""

from pathlib import Path

from scheduled.config.heartbeat_doubts import doubts, of_settings
from scheduled.config.job_table import parse_job
from scheduled.config.tables import NotifyTable

URL = "https://hc-ping.com/key"


def found(tmp_path, url, **table):
    given = {"command": "true", **table}
    job = parse_job(
        "a", given, source=Path("x.toml"), defaults={"heartbeat_url": url} if url else {}, timezone="UTC"
    )
    return list(doubts(job, given, {"PATH": "/usr/bin:/bin"}, str(tmp_path)))


def test_a_check_of_its_own_is_no_doubt(tmp_path):
    assert found(tmp_path, URL + "/{job}") == []
    assert found(tmp_path, None, heartbeat_url=URL) == []
    assert found(tmp_path, URL, heartbeat_url="https://hc-ping.com/other") == []


def test_a_check_that_several_jobs_or_targets_share_is_one(tmp_path):
    assert "all jobs with the address of [defaults] ping one check" in found(tmp_path, URL)[0]
    assert "all targets ping one check" in found(tmp_path, None, heartbeat_url=URL, for_each=["a", "b"])[0]


def test_an_unknown_placeholder_is_one(tmp_path):
    (doubt,) = found(tmp_path, None, heartbeat_url=URL + "/{jobname}")
    assert doubt.startswith("heartbeat_url: {jobname} is no placeholder")


def test_a_source_that_does_not_exist_is_one(tmp_path):
    assert "heartbeat_url: file: " in found(tmp_path, "file:nothing")[0]
    assert found(tmp_path, "command:no-such-program x")[0].startswith("heartbeat_url: ")


def test_the_settings_of_the_tick(tmp_path):
    environment = {"PATH": "/bin", "HOME": str(tmp_path)}
    settings = NotifyTable(heartbeat_url="file:nothing", deadman=f"{tmp_path}/no/alive")

    first, second = of_settings(settings, environment)
    assert first.startswith("notify.heartbeat_url: file: ")
    assert second == f"notify.deadman: {tmp_path}/no is not a directory; create it, or correct the path"
    assert list(of_settings(NotifyTable(heartbeat_url=URL, deadman=f"{tmp_path}/alive"), environment)) == []
    assert list(of_settings(NotifyTable(), environment)) == []
    (third,) = of_settings(NotifyTable(deadman=str(tmp_path)), environment)
    assert third == f"notify.deadman: {tmp_path} is a directory; write the path of a file in it"
