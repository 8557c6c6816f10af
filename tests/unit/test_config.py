import os
from datetime import UTC, datetime
from textwrap import dedent

import pytest

from scheduled import config
from scheduled.errors import ConfigError
from scheduled.jobs import Action, Limits, Retry, Schedule


@pytest.fixture
def path(tmp_path):
    (tmp_path / "etc" / "jobs.d").mkdir(parents=True)
    return tmp_path / "etc" / "scheduled.toml"


def loaded(path, text):
    path.write_text(dedent(text))
    return config.load(path)


def job(path, text, name="a"):
    """Return the one job whose table is *text* (with a command, unless it says what to do)."""
    what = "" if any(word in text for word in ("command", "python", "handler")) else 'command = "true"\n'
    found = loaded(path, f"[jobs.{name}]\n{what}{dedent(text)}")
    assert found.problems == []
    return found.jobs[name]


def problem(path, text):
    """Return what is said of the one bad job, without the file and the job that it is to begin with."""
    (told,) = loaded(path, f'[jobs.a]\n{text}\n[jobs.good]\ncommand = "true"\n').problems
    assert told.startswith(f"{path}: jobs.a: ")
    return told.removeprefix(f"{path}: jobs.a: ")


def test_an_empty_file_is_a_configuration_without_jobs(path):
    found = loaded(path, "")

    assert (found.jobs, found.problems, found.timezone, found.workspace, found.max_parallel) == (
        {}, [], "UTC", None, 2,
    )  # fmt: skip


def test_a_job_is_read_in_full(path):
    found = loaded(
        path,
        """
        timezone = "Europe/Berlin"
        workspace = "~/ws"
        max_parallel = 5

        [jobs.backup]
        description = "nightly"
        cron = " 30  2 * * * "
        command = ["rsync", "-a", "x", "y"]
        priority = "critical"
        on_interrupted = "skip"
        timeout = "2h"
        group = "disk"
        cwd = "~/x"
        umask = "027"
        nice = 10
        env = { A = "1", B = 2, C = true, D = 1.5 }
        env_file = "~/env"
        output_limit = "2M"

        [jobs.backup.limits]
        memory = "512M"
        cpu = "90s"
        file_size = "1 GiB"
        open_files = 64
        processes = 8
        """,
    )

    backup = found.jobs["backup"]
    assert (found.problems, found.timezone, found.max_parallel) == ([], "Europe/Berlin", 5)
    assert (backup.schedule, backup.action) == (
        Schedule("cron", "30 2 * * *", "Europe/Berlin"),
        Action("command", words=("rsync", "-a", "x", "y")),
    )
    assert backup.limits == Limits(memory=512 << 20, cpu=90, file_size=1 << 30, open_files=64, processes=8)
    assert backup.env == {"A": "1", "B": "2", "C": "true", "D": "1.5"}
    assert (backup.timeout, backup.umask, backup.nice, backup.output_limit) == (7200, 0o027, 10, 2 << 20)
    assert (backup.priority, backup.on_interrupted, backup.group, backup.source) == (
        "critical", "skip", "disk", str(path),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('command = "echo hi | cat"', Action("command", line="echo hi | cat")),
        ('command = ["echo", "hi | cat"]', Action("command", words=("echo", "hi | cat"))),
        ('python = "package.module:function"', Action("python", name="package.module:function")),
        ('handler = "health"', Action("handler", name="health")),
    ],
)
def test_what_a_job_does(path, text, expected):
    assert job(path, text).action == expected


def test_handlers_share_a_group_unless_told_otherwise(path):
    found = loaded(path, '[jobs.a]\nhandler = "health"\n[jobs.b]\nhandler = "health"\ngroup = ""\n')

    assert [found.jobs[name].group for name in "ab"] == ["workspace", ""]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Schedule("manual")),
        ('every = "90s"', Schedule("every", "90")),
        ('every = "1h"\ntimezone = "Asia/Tokyo"', Schedule("every", "3600", "Asia/Tokyo")),
        ('cron = "@daily"', Schedule("cron", "@daily")),
        ('cron = "H H * * *"', Schedule("cron", "H H * * *", seed="a")),
    ],
)
def test_when_a_job_runs(path, text, expected):
    assert job(path, text).schedule == expected


@pytest.mark.parametrize(
    ("anchor", "expected"),
    [
        ("2026-01-31T04:00", datetime(2026, 1, 31, 3, tzinfo=UTC)),
        ("2026-01-31T04:00+00:00", datetime(2026, 1, 31, 4, tzinfo=UTC)),
        ("2026-07-31", datetime(2026, 7, 30, 22, tzinfo=UTC)),
    ],
)
def test_an_anchor_is_local_unless_it_says_otherwise(path, anchor, expected):
    found = job(path, f'every = "1d"\nanchor = "{anchor}"\ntimezone = "Europe/Berlin"')

    assert found.schedule.anchor == expected.timestamp()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Retry()),
        ("max_attempts = 3", Retry(max_attempts=3, delay=60)),
        ('max_attempts = 3\ndelay = "5m"', Retry(max_attempts=3, delay=300)),
        ("max_attempts = 3\ndelay = 7", Retry(max_attempts=3, delay=7)),
        ("delay_seconds = 30", Retry(delay=30)),
        ("delay_seconds = 0", Retry(delay=0)),
        ('backoff_multiplier = 2.5\nmax_delay = "2h"', Retry(backoff_multiplier=2.5, max_delay=7200)),
    ],
)
def test_both_spellings_of_retries_are_read(path, text, expected):
    assert job(path, f"[jobs.a.retry]\n{text}").retry == expected


def test_defaults_are_merged_and_a_jobs_own_words_win(path):
    found = loaded(
        path,
        """
        [defaults]
        timeout = "1m"
        priority = "low"
        env = { A = "1", B = "2" }
        [defaults.retry]
        max_attempts = 4
        delay = "10s"
        [defaults.limits]
        memory = "1G"

        [jobs.a]
        command = "true"
        [jobs.b]
        command = "true"
        timeout = "2m"
        env = { B = "3", C = "4" }
        retry = { delay = "20s" }
        limits = { cpu = "5s" }
        """,
    ).jobs

    assert (found["a"].timeout, found["a"].priority, found["a"].env) == (60, "low", {"A": "1", "B": "2"})
    assert (found["b"].timeout, found["b"].priority, found["b"].env) == (
        120, "low", {"A": "1", "B": "3", "C": "4"},
    )  # fmt: skip
    assert (found["a"].retry, found["b"].retry) == (
        Retry(max_attempts=4, delay=10),
        Retry(max_attempts=4, delay=20),
    )
    assert found["b"].limits == Limits(memory=1 << 30, cpu=5)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('comand = "true"', "comand: unknown key; did you mean command?"),
        ('command = "true"\nxyzzy = 1', "xyzzy: unknown key"),
        ('command = "true"\nretry = { max_tries = 1 }', "retry.max_tries: unknown key"),
        ('command = "true"\npriority = "urgent"', "priority: Invalid enum value 'urgent'"),
        ('command = "true"\ntimeout = true', "timeout: Expected `int | str`, got `bool`"),
        ('command = "true"\ntimeout = "5 weeks"', "timeout: '5 weeks' is no interval"),
        ('command = "true"\ntimeout = 0', "timeout: out of range: 0"),
        ('command = "true"\nevery = "60"', "every: '60' has no unit: write 60s, 60m or 60h"),
        ('command = "true"\nevery = "1h"\ncron = "@daily"', "cron and every: only one of cron, every may be given"),
        ('command = "true"\npython = "x.py"', "command and python: only one of command, python, handler may be given"),
        ('cron = "@daily"', "one of command, python, handler must say what to do"),
        ('command = " "', "command: is empty"),
        ("command = []", "command: is empty"),
        ('command = ["", "x"]', "command: is empty"),
        ('command = ["a\\u0000b"]', "command: holds a NUL character"),
        ('command = "true"\nenv = { "A=B" = "1" }', "env: not a variable that a process can be given: 'A=B'"),
        ('command = "true"\nenv = { A = "\\u0000" }', "env: not a variable that a process can be given: 'A'"),
        ('command = "true"\ncron = "61 * * * *"', "cron: "),
        ('command = "true"\ntimezone = "Mars/Base"', "timezone: no such time zone: 'Mars/Base'"),
        ('command = "true"\nanchor = "2026-01-01"', "anchor: belongs to `every` only"),
        ('command = "true"\nevery = "1h"\nanchor = "soon"', "anchor: not an ISO date and time: 'soon'"),
        ('command = "true"\numask = 22', 'umask: write it as an octal string such as "022", got 22'),
        ('command = "true"\numask = "999"', 'umask: write it as an octal string such as "022"'),
        ('command = "true"\nnice = 20', "nice: is between -20 and 19, got 20"),
        ('command = "true"\noutput_limit = "lots"', "output_limit: not a size: 'lots' (write \"512M\")"),
        ('command = "true"\nlimits = { memory = "-1" }', "limits.memory: not a size: '-1'"),
        ('command = "true"\nlimits = { open_files = 0 }', "limits.open_files: must be a positive count, got 0"),
        ('command = "true"\nretry = { max_attempts = 0 }', "retry.max_attempts: counts the first try"),
        ('command = "true"\nretry = { backoff_multiplier = 0.5 }', "retry.backoff_multiplier: is at least 1"),
        ('command = "true"\nretry = { delay = -1 }', "retry.delay: out of range: -1"),
    ],
)  # fmt: skip
def test_an_error_names_the_file_the_job_the_key_and_what_to_write(path, text, expected):
    assert problem(path, text).startswith(expected)


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
def test_no_number_that_is_none_gets_into_a_retry(path, number):
    assert problem(path, f'command = "true"\nretry = {{ backoff_multiplier = {number} }}').startswith(
        "retry.backoff_multiplier: "
    )


@pytest.mark.parametrize("name", ["../x", ".x", "-x", "a b", "a/b", "x" * 101, "", "a\nb"])
def test_a_name_that_cannot_be_a_file_is_refused(path, name):
    text = name.replace("\n", "\\n")
    (told,) = loaded(path, f'[jobs."{text}"]\ncommand = "true"\n').problems

    assert told == (
        f"{path}: jobs.{name}: a job's name is 1 to 100 letters, digits and . _ @ : + -, "
        "and begins with a letter or digit"
    )


@pytest.mark.parametrize("name", ["a", "9", "x" * 100, "a.b-c_d@e:f+g", "Größe"])
def test_a_name_may_be_what_people_call_their_jobs(path, name):
    assert list(loaded(path, f'[jobs."{name}"]\ncommand = "true"\n').jobs) == [name]


def test_every_fault_is_listed_and_the_good_jobs_stand(path):
    found = loaded(path, '[jobs.x]\n[jobs.good]\ncommand = "true"\n[jobs]\ny = 3\n')

    assert list(found.jobs) == ["good"]
    assert found.problems == [
        f"{path}: jobs.x: one of command, python, handler must say what to do",
        f"{path}: jobs.y: must be a table; write [jobs.y]",
    ]


def test_files_are_read_as_they_are_owned(path):
    path.write_text("")

    assert os.geteuid() == path.stat().st_uid
    assert config.load(path).warnings == []


def test_no_file_says_where_one_comes_from(path):
    with pytest.raises(
        ConfigError, match=f"{path}: there is no configuration here; install/install.sh writes"
    ):
        config.load(path)
