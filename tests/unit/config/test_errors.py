"""The error for a wrong table names the file, the job and the key, and what to write."""

from textwrap import dedent

import pytest

from scheduled.config.files import load_config
from scheduled.errors import ConfigError


@pytest.fixture
def path(tmp_path):
    (tmp_path / "etc" / "jobs.d").mkdir(parents=True)
    return tmp_path / "etc" / "scheduled.toml"


def loaded(path, text):
    path.write_text(dedent(text))
    return load_config(path)


def problem(path, text):
    """Return the problem of the one wrong job without the file and the job, with which it must begin."""
    (found,) = loaded(path, f'[jobs.a]\n{text}\n[jobs.good]\ncommand = "true"\n').problems
    assert found.startswith(f"{path}: jobs.a: ")
    return found.removeprefix(f"{path}: jobs.a: ")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('comand = "true"', "comand: unknown key; did you mean command?"),
        ('command = "true"\nxyzzy = 1', "xyzzy: unknown key; correct its name or remove it"),
        ('command = "true"\nretry = { max_tries = 1 }', "retry.max_tries: unknown key"),
        ('command = "true"\npriority = "urgent"', "priority: 'urgent' is not allowed; write one of critical, high, medium, low"),
        ('command = "true"\nretry = { backoff = "cubic" }', "retry.backoff: 'cubic' is not allowed; write one of "),
        ('command = "true"\ntimeout = true', "timeout: must be an integer or a string, got a boolean"),
        ('command = "true"\ntimeout = "5 weeks"', "timeout: '5 weeks' is not a duration"),
        ('command = "true"\ntimeout = 0', "timeout: out of range: 0"),
        ('command = "true"\nkill_after = "61m"', "kill_after: must be from 0 (KILL at once) to 1h, got 61m"),
        ('command = "true"\nkill_after = -1', "kill_after: out of range: -1"),
        ('command = "true"\nevery = "60"', "every: '60' has no unit: write 60s, 60m or 60h"),
        ('command = "true"\nevery = "1h"\ncron = "@daily"', "cron and every: only one of "),
        ('command = "true"\npython = "x.py"', "command and python: only one of "),
        ('cron = "@daily"', "has no action; write one of command, "),
        ('command = " "', "command: is empty; write a value or remove the job"),
        ("command = []", "command: is empty"),
        ('command = ["", "x"]', "command: is empty"),
        ('command = ["a\\u0000b"]', "command: contains a NUL character; remove it"),
        ('command = "true"\nenv = { "A=B" = "1" }', "env: 'A=B' is not a valid variable; write a name that is not empty and has no =, and no NUL character"),
        ('command = "true"\nenv = { A = "\\u0000" }', "env: 'A' is not a valid variable"),
        ('command = "true"\ncron = "61 * * * *"', "cron: "),
        ('command = "true"\nevery = ["1h", "2h"]', "every: takes one value, got a list; write one job for each value"),
        ('command = "true"\nevery = "1h"\nfrom = "start"', 'from: must be "end", got \'start\'; remove it for equal intervals'),
        ('command = "true"\nevery = "1h"\nfrom = "end"\nslot = "2026-01-01"', 'anchor: has no effect with from = "end"; remove one of them'),
        ('command = "true"\ncron = "@daily"\nfrom = "end"', "from: only valid with `every`"),
        ('command = "true"\ncron = []', "cron: is an empty list; write for example 0 3 * * MON-FRI, or remove the key"),
        ('command = "true"\ncron = ["@daily", "0 25 * * *"]', "cron: hour: '25' is not valid"),
        ('command = "true"\ncron = ["@daily", 5]', "cron: must be a string, got an integer"),
        ('command = "true"\nevery = "1M"', "every: '1M' is not clear: write 1m for minutes, or 30d for a month"),
        ('command = "true"\ntimezone = "Mars/Base"', "timezone: no such time zone: 'Mars/Base'"),
        ('command = "true"\nanchor = "2026-01-01"', "anchor: only valid with `every`"),
        ('command = "true"\nevery = "1h"\nanchor = "soon"', "anchor: not an ISO date and time: 'soon'"),
        ('command = "true"\numask = 22', 'umask: must be an octal string, got 22; write for example "022"'),
        ('command = "true"\numask = "999"', "umask: must be an octal string, got '999'"),
        ('command = "true"\nnice = 20', "nice: must be from -20 to 19, got 20"),
        ('command = "true"\noutput_limit = "lots"', "output_limit: 'lots' is not a size; write for example \"512M\""),
        ('command = "true"\nlimits = { memory = "-1" }', "limits.memory: '-1' is not a size"),
        ('command = "true"\nlimits = { open_files = 0 }', "limits.open_files: must be from 1 to 2147483647, got 0"),
        ('command = "true"\nretry = { max_attempts = 0 }', "retry.max_attempts: must be from 1 (no retry) to 1000, got 0"),
        ('command = "true"\nretry = { max_attempts = 1001 }', "retry.max_attempts: must be from 1 (no retry) to 1000, got 1001"),
        ('command = "true"\nretry = { backoff_multiplier = 0.5 }', "retry.backoff_multiplier: must be from 1 to 1000, got 0.5"),
        ('command = "true"\nretry = { delay = -1 }', "retry.delay: out of range: -1"),
    ],
)  # fmt: skip
def test_an_error_names_the_file_the_job_the_key_and_what_to_write(path, text, expected):
    assert problem(path, text).startswith(expected)


@pytest.mark.parametrize("number", ["nan", "inf", "-inf", "1e300"])
def test_a_multiplier_that_is_not_a_usable_number_is_refused(path, number):
    assert problem(path, f'command = "true"\nretry = {{ backoff_multiplier = {number} }}').startswith(
        "retry.backoff_multiplier: "
    )


@pytest.mark.parametrize("name", ["../x", ".x", "-x", "a b", "a/b", "x" * 101, "", "a\nb"])
def test_a_name_that_cannot_be_a_file_is_refused(path, name):
    text = name.replace("\n", "\\n")
    (found,) = loaded(path, f'[jobs."{text}"]\ncommand = "true"\n').problems

    assert found == (
        f"{path}: jobs.{text}: is not a valid name of a job; write 1 to 100 letters, digits and . _ @ : + -, "
        "beginning with a letter or digit"
    )


@pytest.mark.parametrize("name", ["a", "9", "x" * 100, "a.b-c_d@e:f+g", "Größe"])
def test_ordinary_names_are_valid(path, name):
    assert list(loaded(path, f'[jobs."{name}"]\ncommand = "true"\n').jobs) == [name]


def test_every_problem_is_listed_and_the_valid_jobs_are_loaded(path):
    found = loaded(path, '[jobs.x]\n[jobs.good]\ncommand = "true"\n[jobs]\ny = 3\n')

    assert list(found.jobs) == ["good"]
    assert found.problems == [
        f"{path}: jobs.x: has no action; write one of command, python, handler, chain",
        f"{path}: jobs.y: must be a table; write [jobs.y]",
    ]


def test_the_error_for_a_missing_file_explains_how_to_create_one(path):
    with pytest.raises(ConfigError, match=rf"{path}: does not exist; create it \(an empty file is valid\)"):
        load_config(path)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ({"secrets": {"A": "file:/x", "C": 5}}, "secrets.C: must be a string, got an integer"),
        ({"env": {"A": "x", "B": ["y"]}}, "env.B: must be "),
        ({"labels": {"team": 5}}, "labels.team: must be a string, got an integer"),
        ({"where": {"job": {}}, "on": "job_failed"}, "where.job: must be "),
        ({"limits": {"cpu": []}}, "limits.cpu: must be "),
        ({"secrets": ["x"]}, "secrets: must be a table, got a list"),
    ],
)
def test_an_error_in_an_inner_table_names_the_inner_key(tmp_path, table, expected):
    from scheduled.config.job_table import parse_job

    with pytest.raises(ConfigError) as raised:
        parse_job("a", {"command": "true", **table}, source=tmp_path / "x", defaults={}, timezone="UTC")

    assert str(raised.value).startswith(expected)
