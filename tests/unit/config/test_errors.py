"""What is said of a table that is wrong: the file, the job, the key, and what to write."""

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
    """Return what is said of the one bad job, without the file and the job that it is to begin with."""
    (told,) = loaded(path, f'[jobs.a]\n{text}\n[jobs.good]\ncommand = "true"\n').problems
    assert told.startswith(f"{path}: jobs.a: ")
    return told.removeprefix(f"{path}: jobs.a: ")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('comand = "true"', "comand: unknown key; did you mean command?"),
        ('command = "true"\nxyzzy = 1', "xyzzy: unknown key"),
        ('command = "true"\nretry = { max_tries = 1 }', "retry.max_tries: unknown key"),
        ('command = "true"\npriority = "urgent"', "priority: Invalid enum value 'urgent'; write one of critical, high, medium, low"),
        ('command = "true"\nretry = { backoff = "cubic" }', "retry.backoff: Invalid enum value 'cubic'; write one of "),
        ('command = "true"\ntimeout = true', "timeout: Expected `int | str`, got `bool`"),
        ('command = "true"\ntimeout = "5 weeks"', "timeout: '5 weeks' is not an interval"),
        ('command = "true"\ntimeout = 0', "timeout: out of range: 0"),
        ('command = "true"\nevery = "60"', "every: '60' has no unit: write 60s, 60m or 60h"),
        ('command = "true"\nevery = "1h"\ncron = "@daily"', "cron and every: only one of "),
        ('command = "true"\npython = "x.py"', "command and python: only one of "),
        ('cron = "@daily"', "one of "),
        ('command = " "', "command: is empty"),
        ("command = []", "command: is empty"),
        ('command = ["", "x"]', "command: is empty"),
        ('command = ["a\\u0000b"]', "command: holds a NUL character"),
        ('command = "true"\nenv = { "A=B" = "1" }', "env: not a variable that a process can be given: 'A=B'"),
        ('command = "true"\nenv = { A = "\\u0000" }', "env: not a variable that a process can be given: 'A'"),
        ('command = "true"\ncron = "61 * * * *"', "cron: "),
        ('command = "true"\ntimezone = "Mars/Base"', "timezone: no such time zone: 'Mars/Base'"),
        ('command = "true"\nanchor = "2026-01-01"', "anchor: only valid with `every`"),
        ('command = "true"\nevery = "1h"\nanchor = "soon"', "anchor: not an ISO date and time: 'soon'"),
        ('command = "true"\numask = 22', 'umask: write it as an octal string such as "022", got 22'),
        ('command = "true"\numask = "999"', 'umask: write it as an octal string such as "022"'),
        ('command = "true"\nnice = 20', "nice: is between -20 and 19, got 20"),
        ('command = "true"\noutput_limit = "lots"', "output_limit: not a size: 'lots' (write \"512M\")"),
        ('command = "true"\nlimits = { memory = "-1" }', "limits.memory: not a size: '-1'"),
        ('command = "true"\nlimits = { open_files = 0 }', "limits.open_files: must be a positive count, got 0"),
        ('command = "true"\nretry = { max_attempts = 0 }', "retry.max_attempts: counts the first try"),
        ('command = "true"\nretry = { max_attempts = 1001 }', "retry.max_attempts: is at most 1000, got 1001"),
        ('command = "true"\nretry = { backoff_multiplier = 0.5 }', "retry.backoff_multiplier: is between 1 and 1000"),
        ('command = "true"\nretry = { delay = -1 }', "retry.delay: out of range: -1"),
    ],
)  # fmt: skip
def test_an_error_names_the_file_the_job_the_key_and_what_to_write(path, text, expected):
    assert problem(path, text).startswith(expected)


@pytest.mark.parametrize("number", ["nan", "inf", "-inf", "1e300"])
def test_no_number_that_cannot_be_reckoned_with_gets_into_a_retry(path, number):
    assert problem(path, f'command = "true"\nretry = {{ backoff_multiplier = {number} }}').startswith(
        "retry.backoff_multiplier: "
    )


@pytest.mark.parametrize("name", ["../x", ".x", "-x", "a b", "a/b", "x" * 101, "", "a\nb"])
def test_a_name_that_cannot_be_a_file_is_refused(path, name):
    text = name.replace("\n", "\\n")
    (told,) = loaded(path, f'[jobs."{text}"]\ncommand = "true"\n').problems

    assert told == (
        f"{path}: jobs.{text}: a job's name is 1 to 100 letters, digits and . _ @ : + -, "
        "and begins with a letter or digit"
    )


@pytest.mark.parametrize("name", ["a", "9", "x" * 100, "a.b-c_d@e:f+g", "Größe"])
def test_a_name_may_be_what_people_call_their_jobs(path, name):
    assert list(loaded(path, f'[jobs."{name}"]\ncommand = "true"\n').jobs) == [name]


def test_every_fault_is_listed_and_the_good_jobs_stand(path):
    found = loaded(path, '[jobs.x]\n[jobs.good]\ncommand = "true"\n[jobs]\ny = 3\n')

    assert list(found.jobs) == ["good"]
    assert found.problems == [
        f"{path}: jobs.x: one of command, python, handler, chain must say what to do",
        f"{path}: jobs.y: must be a table; write [jobs.y]",
    ]


def test_no_file_says_where_one_comes_from(path):
    with pytest.raises(ConfigError, match=f"{path}: there is no configuration here; an empty file will do"):
        load_config(path)
