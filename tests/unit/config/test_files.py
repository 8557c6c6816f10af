from datetime import UTC, datetime
from textwrap import dedent

import pytest

from scheduled.config.files import load_config
from scheduled.core.jobs import Action, Limits, Retry
from scheduled.core.keys import JobKey
from scheduled.schedules.schedule import Schedule


@pytest.fixture
def path(tmp_path):
    (tmp_path / "etc" / "jobs.d").mkdir(parents=True)
    return tmp_path / "etc" / "scheduled.toml"


def loaded(path, text):
    path.write_text(dedent(text))
    return load_config(path)


def job(path, text, name="a"):
    """Return the one job that *text* defines; without an action it gets a command."""
    action = "" if any(word in text for word in ("command", "python", "handler")) else 'command = "true"\n'
    found = loaded(path, f"[jobs.{name}]\n{action}{dedent(text)}")
    assert found.problems == []
    return found.jobs[name]


def test_an_empty_file_is_a_configuration_without_jobs(path):
    found = loaded(path, "")

    assert (found.jobs, found.problems, found.timezone, found.workspace, found.max_parallel) == (
        {}, [], "UTC", None, 2,
    )  # fmt: skip


def test_every_key_of_a_job_is_loaded(path):
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
    assert (backup.schedules, backup.action) == (
        (Schedule("cron", "30 2 * * *", "Europe/Berlin"),),
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
def test_the_action_of_a_job_is_loaded(path, text, expected):
    assert job(path, text).action == expected


def test_handlers_share_a_group_unless_a_job_names_another(path):
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
def test_the_schedule_of_a_job_is_loaded(path, text, expected):
    assert job(path, text).schedules == (expected,)


@pytest.mark.parametrize(
    ("anchor", "expected"),
    [
        ("2026-01-31T04:00", datetime(2026, 1, 31, 3, tzinfo=UTC)),
        ("2026-01-31T04:00+00:00", datetime(2026, 1, 31, 4, tzinfo=UTC)),
        ("2025-07-31", datetime(2025, 7, 30, 22, tzinfo=UTC)),
    ],
)
def test_an_anchor_without_an_offset_is_local_time(path, anchor, expected):
    found = job(path, f'every = "1d"\nanchor = "{anchor}"\ntimezone = "Europe/Berlin"')

    assert found.schedules[0].anchor == expected.timestamp()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Retry()),
        ("max_attempts = 3", Retry(max_attempts=3, delay=60)),
        ('max_attempts = 3\ndelay = "5m"', Retry(max_attempts=3, delay=300)),
        ("max_attempts = 3\ndelay = 7", Retry(max_attempts=3, delay=7)),
        ("delay_seconds = 30", Retry(delay=30)),
        ("delay_seconds = 0", Retry(delay=0)),
        ('backoff = "linear"\ninitial_delay_seconds = 30', Retry(delay=30, linear=True)),
        ('backoff_multiplier = 2.5\nmax_delay = "2h"', Retry(backoff_multiplier=2.5, max_delay=7200)),
    ],
)
def test_both_spellings_of_retries_are_loaded(path, text, expected):
    assert job(path, f"[jobs.a.retry]\n{text}").retry == expected


def test_defaults_are_merged_and_the_values_of_the_job_take_precedence(path):
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


def test_an_override_of_a_whole_job_changes_enabled_and_one_of_a_single_target_does_not(path):
    found = loaded(path, "".join(f'[jobs.{name}]\ncommand = "true"\n' for name in "abc"))

    found.override({JobKey("a"): False, JobKey("b", "x"): False, JobKey("gone"): False})

    assert {name: one.enabled for name, one in found.jobs.items()} == {"a": False, "b": True, "c": True}
