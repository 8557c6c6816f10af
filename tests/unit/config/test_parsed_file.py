import os

import msgspec
import pytest

from scheduled.config import made_from, parsed_file
from scheduled.config.changes import summary
from scheduled.config.check import checked
from scheduled.config.files import load_config
from scheduled.config.kept_jobs import JobList, KeptJobs, encode
from scheduled.core.configured_jobs import Jobs
from scheduled.core.jobs import Action, Job
from scheduled.errors import ConfigError
from scheduled.paths import Paths
from scheduled.schedules.schedule import Schedule

TEXT = """
timezone = "Europe/Berlin"
max_parallel = 3
[notify]
sender = "me@example.org"
[defaults]
grace = "2h"
[jobs.daily]
cron = ["0 6 * * *", "H 7 * * 1-5"]
command = "backup"
env = {A = "b"}
retry = {max_attempts = 3, delay = "10m"}
[jobs.once]
at = "2027-01-02T03:04:05"
command = ["ls", "-l"]
for_each = ["x", "y"]
[jobs.report]
every = "1h"
handler = "health"
options = {depth = 3, names = ["a"]}
[jobs.chained]
chain = ["daily", ["once", "report"]]
"""


@pytest.fixture
def paths(tmp_path):
    (tmp_path / "etc").mkdir(mode=0o700)
    (tmp_path / "state").mkdir(mode=0o700)
    found = Paths(tmp_path / "state", tmp_path / "etc" / "scheduled.toml")
    write(found, TEXT)
    return found


def write(paths, text):
    paths.config.write_text(text)
    return load_config(paths.config)


def kept(paths, *, later=3600.0):
    """Keep the configuration as a tick does that reads it *later* seconds after its last change; return it."""
    config = load_config(paths.config)
    config.read_at += later
    parsed_file.keep(paths, config)
    return config


def load(paths, **values):
    return parsed_file.load(paths, paths.config, **values)


def same(one, other):
    fields = [
        name
        for name in one.__struct_fields__
        if name not in ("written", "read_at", "digest", "parsed", "jobs")
    ]
    return [getattr(one, name) for name in fields] == [getattr(other, name) for name in fields]


def test_a_kept_configuration_is_the_one_that_was_parsed(paths):
    parsed = kept(paths)
    found = load(paths)

    assert (found.parsed, isinstance(found.jobs, KeptJobs)) == (False, True)
    assert same(found, parsed)
    assert (list(found.jobs.items()), found.jobs.index) == (list(parsed.jobs.items()), parsed.jobs.index)
    assert (found.written.jobs, found.written.settings) == (parsed.written.jobs, parsed.written.settings)


@pytest.mark.parametrize(
    "change",
    [
        lambda paths: write(paths, TEXT.replace("backup", "restic")),
        lambda paths: paths.config.chmod(0o644),
        lambda paths: _new_file(paths.config.parent / "jobs.d"),
        lambda paths: _same_content_and_time(paths.config),
        lambda paths: paths.parsed.write_bytes(paths.parsed.read_bytes()[:-20]),
        lambda paths: paths.parsed.write_bytes(paths.parsed.read_bytes().replace(b"backup", b"format")),
        lambda paths: paths.parsed.write_bytes(paths.parsed.read_bytes()[5:]),
        lambda paths: paths.parsed.write_bytes(b""),
        lambda paths: paths.parsed.unlink(),
        lambda paths: paths.parsed.chmod(0o666),
    ],
)
def test_it_is_parsed_again_if_anything_was_changed(paths, change):
    kept(paths)
    change(paths)

    assert load(paths).parsed
    assert dict(load(paths).jobs) == dict(load_config(paths.config).jobs)


def _new_file(jobs_d):
    jobs_d.mkdir(mode=0o700)
    (jobs_d / "more.toml").write_text('[jobs.more]\ncommand = "true"\n')


def _same_content_and_time(path):
    """Change a file and set its modification time back: only the time of the change of its metadata shows it."""
    before = path.stat()
    path.write_text(TEXT.replace("backup", "remove"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_it_is_parsed_again_after_an_update_of_the_program_or_for_another_user(paths, monkeypatch):
    kept(paths)
    found = [load(paths).parsed]
    for module, name in ((os, "geteuid"), (made_from.sys, "hexversion")):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, (lambda: 0) if callable(getattr(module, name)) else 1)
            patch.setattr(made_from, "PARTS", ("config",)) if name == "geteuid" else None
            found.append(load(paths).parsed)

    assert found == [False, True, True]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('grace = "2h"', 'grace = "2h"\nenv = {API_TOKEN = "hunter2"}'),
        ('env = {A = "b"}', 'env = {A = "b", API_TOKEN = "hunter2"}'),
    ],
)
def test_a_configuration_with_a_secret_is_not_kept(paths, old, new):
    assert write(paths, TEXT.replace(old, new)).problems == []
    kept(paths)

    assert not paths.parsed.exists()


def test_the_tables_are_those_of_the_kept_configuration_also_if_its_files_were_edited_since(paths):
    parsed = kept(paths)
    found = load(paths)
    write(paths, TEXT.replace("backup", "restic -v"))

    assert (found.written.jobs, found.written.settings) == (parsed.written.jobs, parsed.written.settings)
    assert found.jobs["daily"].action.line == "backup"


def test_a_change_is_noticed_by_the_same_values_if_the_configuration_was_kept(paths):
    write(paths, TEXT.replace('"2027-01-02T03:04:05"', "2027-01-02T03:04:05"))
    parsed = kept(paths)

    assert not load(paths).parsed
    assert summary(load(paths)) == summary(parsed)


def test_a_file_that_was_changed_just_now_is_not_kept(paths):
    kept(paths, later=0.01)

    assert not paths.parsed.exists()


@pytest.mark.parametrize(
    "text", ["[jobs.j]\ncommand = 3\n", "[jobs.j]\nhandler = 'h'\noptions = {at = 2026-01-01T00:00:00}\n"]
)
def test_a_configuration_with_a_problem_or_a_value_that_would_change_is_not_kept(paths, text):
    write(paths, text)
    kept(paths)

    assert not paths.parsed.exists()


def test_a_configuration_without_a_zone_is_kept_for_one_zone(paths):
    write(paths, TEXT.replace('timezone = "Europe/Berlin"', ""))
    config = load_config(paths.config, kept_zone=lambda: "Asia/Tokyo")
    config.read_at += 3600
    parsed_file.keep(paths, config)

    found = [load(paths, kept_zone=lambda zone=zone: zone) for zone in ("Asia/Tokyo", "Europe/Paris")]

    assert [(one.parsed, one.timezone, one.jobs["daily"].zone, one.of_host, one.kept) for one in found] == [
        (False, "Asia/Tokyo", "Asia/Tokyo", True, True), (True, "Europe/Paris", "Europe/Paris", True, True),
    ]  # fmt: skip


def test_rights_that_are_wrong_are_refused_as_without_the_file(paths):
    kept(paths)
    paths.config.chmod(0o666)

    with pytest.raises(ConfigError, match="is writable by all users"):
        load(paths)


def test_a_full_disk_is_no_error(paths):
    paths.parsed.mkdir()

    kept(paths)

    assert load(paths).parsed


# Kept jobs


def a_job(name, **values):
    action = Action("command", line="true")
    return Job(name=name, schedules=(Schedule("cron", "0 6 * * *"),), action=action, **values)


@pytest.fixture
def jobs():
    jobs = Jobs({name: a_job(name, on="x" if name == "b" else "") for name in "abc"})
    found = encode(jobs)
    assert found is not None
    return KeptJobs(*found)


def test_kept_jobs_are_decoded_one_by_one(jobs):
    decoded = jobs["b"]

    assert (decoded, "c" in jobs, "d" in jobs, len(jobs), list(jobs)) == (
        a_job("b", on="x"), True, False, 3, ["a", "b", "c"],
    )  # fmt: skip
    assert list(jobs._jobs) == ["b"]
    assert (jobs.subscribers, jobs.get("d")) == ({"x": ["b"]}, None)


def test_kept_jobs_can_be_changed(jobs):
    jobs.enable("b", enabled=False)
    del jobs["a"]
    jobs["d"] = a_job("d", on="x")

    assert [(name, job.enabled) for name, job in jobs.items()] == [("b", False), ("c", True), ("d", True)]
    assert (jobs.subscribers, list(jobs.copy())) == ({"x": ["b", "d"]}, ["b", "c", "d"])


def test_a_field_of_another_type_is_not_decoded(jobs):
    data = msgspec.msgpack.encode({"name": 3})

    with pytest.raises(msgspec.ValidationError):
        KeptJobs(JobList(["a"], [len(data)], jobs.index), data)["a"]


def test_a_check_finds_the_same_with_the_kept_configuration_and_notices_an_edit(paths):
    write(paths, TEXT + '[jobs.doubtful]\ncron = "30 2 13 * 5"\ncommand = "true"\n')
    before = checked(paths.config, paths)
    kept(paths)
    found = (load(paths).parsed, checked(paths.config, paths))
    write(paths, TEXT + "[jobs.doubtful]\ncommand = 3\n")

    assert found == (False, before)
    assert any("jobs.doubtful: cron:" in warning for warning in before["warnings"])
    assert "jobs.doubtful" in checked(paths.config, paths)["problems"][0]
