"""scheduled.toml, jobs.d beside it, and files that are damaged or that other users may write."""

import os
import shutil
from textwrap import dedent

import pytest

from scheduled.config.files import load_config
from scheduled.errors import ConfigError

GOOD = '[jobs.{}]\ncommand = "true"\n'


@pytest.fixture
def path(tmp_path):
    (tmp_path / "etc" / "jobs.d").mkdir(parents=True)
    (tmp_path / "etc" / "scheduled.toml").write_text(GOOD.format("main"))
    return tmp_path / "etc" / "scheduled.toml"


@pytest.fixture
def extra(path):
    return path.parent / "jobs.d" / "extra.toml"


# Damage to scheduled.toml stops all jobs; damage to a file of jobs.d stops only the jobs in that file.
DAMAGED = {
    "no TOML": (b"[jobs.x\n", "Expected ']'"),
    "not UTF-8": (b'[jobs.x]\ncommand = "\xff\xfe"\n', "'utf-8' codec can't decode byte 0xff"),
    "NUL": (b'[jobs.x]\ncommand = "a\0b"\n', "Illegal character"),
    "UTF-16": ("[jobs.x]\n".encode("utf-16"), "'utf-8' codec can't decode byte 0xff"),
    "nested too deeply": (b"a = " + b"[" * 100_000, "nested too deeply"),
    "a key twice": (b"[jobs.x]\n[jobs.x]\n", "Cannot declare"),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_main_file_stops_everything_and_is_named(path, damage):
    content, expected = DAMAGED[damage]
    path.write_bytes(content)

    with pytest.raises(ConfigError) as raised:
        load_config(path)

    assert str(raised.value).startswith(f"{path}: {expected}")


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_file_in_jobs_d_is_named_and_the_others_run(path, extra, damage):
    content, expected = DAMAGED[damage]
    extra.write_bytes(content)
    extra.with_name("fine.toml").write_text(GOOD.format("fine"))

    found = load_config(path)

    assert list(found.jobs) == ["main", "fine"]
    assert len(found.problems) == 1
    assert found.problems[0].startswith(f"{extra}: {expected}")


def test_jobs_d_is_read_in_the_order_of_its_names_and_only_toml(path, extra):
    for name in ("20-b.toml", "10-a.toml", "30-c.txt", "40-d.toml~"):
        extra.with_name(name).write_text(GOOD.format(name[3]))

    found = load_config(path)

    assert (list(found.jobs), found.problems) == (["main", "a", "b"], [])
    assert found.jobs["a"].source == str(extra.with_name("10-a.toml"))


def test_defaults_apply_to_jobs_d_too(path, extra):
    path.write_text('[defaults]\ntimeout = "7s"\n')
    extra.write_text(GOOD.format("x"))

    assert load_config(path).jobs["x"].timeout == 7


def test_a_job_defined_twice_keeps_its_first_definition(path, extra):
    extra.write_text('[jobs.main]\ncommand = "false"\n')

    found = load_config(path)

    assert found.problems == [f"{extra}: jobs.main: already defined in {path}; rename or remove this one"]
    assert found.jobs["main"].action.line == "true"


def test_a_second_definition_of_a_wrong_job_does_not_hide_the_first(path, extra):
    path.write_text('[jobs.x]\ncomand = "true"\n')
    extra.write_text('[jobs.x]\ncommand = "true"\n')

    assert load_config(path).problems == [f"{path}: jobs.x: comand: unknown key; did you mean command?"]


def test_settings_do_not_belong_in_jobs_d(path, extra):
    extra.write_text('timezone = "UTC"\n' + GOOD.format("x"))

    found = load_config(path)

    assert found.problems == [
        f"{extra}: timezone: only [jobs.NAME] tables are allowed in jobs.d; move it to scheduled.toml"
    ]
    assert list(found.jobs) == ["main", "x"]


def test_jobs_that_are_not_a_table_are_a_problem(path, extra):
    extra.write_text("jobs = 3\n")

    assert load_config(path).problems == [f"{extra}: jobs: must be a table; write [jobs.NAME]"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            'timezone = "Mars/Base"',
            "timezone: no such time zone: 'Mars/Base'; write a name such as Europe/Berlin",
        ),
        ("max_parallel = 0", "max_parallel: must be at least 1, got 0"),
        ("max_paralell = 3", "max_paralell: unknown key; did you mean max_parallel?"),
        ('max_parallel = "3"', "max_parallel: must be an integer, got a string"),
        ('[defaults]\ncommand = "true"', "defaults: command: unknown key; correct its name or remove it"),
        ('[defaults]\npriorty = "low"', "defaults: priorty: unknown key; did you mean priority?"),
        ('[notify]\nsendr = "@x"', "notify.sendr: unknown key; did you mean sender?"),
    ],
)
def test_wrong_settings_stop_everything(path, text, expected):
    path.write_text(text + "\n" + GOOD.format("a"))

    with pytest.raises(ConfigError) as raised:
        load_config(path)

    assert str(raised.value) == f"{path}: {expected}"


def test_settings_are_read(path):
    path.write_text(
        dedent("""
        timezone = "Asia/Tokyo"
        workspace = "~/ws"
        max_parallel = 7
        [notify]
        sender = "@cron"
        """)
    )

    found = load_config(path)

    assert (found.timezone, found.max_parallel, found.sender) == ("Asia/Tokyo", 7, "@cron")
    assert str(found.workspace) == os.path.expanduser("~/ws")


@pytest.mark.parametrize("place", ["main", "directory"])
def test_a_file_that_everybody_may_write_stops_everything_and_the_error_has_the_fix(path, place):
    target = path if place == "main" else path.parent
    target.chmod(0o777)

    with pytest.raises(ConfigError) as raised:
        load_config(path)

    assert str(raised.value) == f"{target}: is writable by all users; chmod o-w {target}"


def test_a_file_in_jobs_d_that_everybody_may_write_is_left_out(path, extra):
    extra.write_text(GOOD.format("x"))
    extra.chmod(0o666)

    found = load_config(path)

    assert (list(found.jobs), found.problems) == (
        ["main"], [f"{extra}: is writable by all users; chmod o-w {extra}"],
    )  # fmt: skip


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_of_another_user_stops_everything_and_the_error_has_the_fix(path):
    os.chown(path, 4711, -1)

    with pytest.raises(ConfigError) as raised:
        load_config(path)

    assert (
        str(raised.value)
        == f"{path}: belongs to user 4711: run this as user 4711, without sudo, or make it root's; chown 0 {path}"
    )


@pytest.mark.parametrize("kind", ["directory", "unreadable", "dangling"])
def test_a_file_that_cannot_be_read_is_named(path, kind):
    path.unlink()
    if kind == "directory":
        path.mkdir()
    elif kind == "dangling":
        path.symlink_to("nowhere")
    elif os.geteuid() == 0:
        pytest.skip("root may read everything")
    else:
        path.touch(mode=0o000)

    with pytest.raises(ConfigError, match=f"{path}: "):
        load_config(path)


@pytest.mark.parametrize("kind", ["file", "dangling", "loop"])
def test_jobs_d_that_cannot_be_listed_is_a_problem_so_that_no_job_counts_as_removed(path, kind):
    place = path.parent / "jobs.d"
    if place.exists():
        shutil.rmtree(place)
    if kind == "file":
        place.touch()
    else:
        place.symlink_to("nowhere" if kind == "dangling" else "jobs.d")

    found = load_config(path)

    assert len(found.problems) == 1  # with a problem, no job counts as removed
    assert found.problems[0].startswith(f"{place}: can't be listed")
