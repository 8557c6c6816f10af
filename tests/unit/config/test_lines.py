"""Messages name the line of a key, in every notation of TOML."""

import pytest

from scheduled.config import lines
from scheduled.config.lines import line_of, with_line, with_line_of_setting, without_line

TEXT = """\
timezone = "UTC"

[jobs.a]
cron = "@daily"
command = '''
cron = "x"
[jobs.b]
'''
retry = { delay = "1m" }

[jobs."d.e"]
command = "true"
[jobs."d.e".retry]
delay = "5m"

[jobs]
b = { cron = "@daily", command = "true" }
c.command = "true"
c.'retry'.delay = "1m"
"""
NOTIFY = """\
[notify.channels]
ops-mail = "mailto://x"
[[notify.routes]]
to = ["ops-mail"]
[[notify.routes]]
name = "pages"
to = ["ops-mail"]
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (["jobs", "a"], 3),
        (["jobs", "a", "cron"], 4),
        (["jobs", "a", "retry", "delay"], 9),
        (["jobs", "a", "absent"], 3),
        (["jobs", "d.e", "retry", "delay"], 14),
        (["jobs", "d.e", "retry", "absent"], 13),
        (["jobs", "b", "cron"], 17),
        (["jobs", "c", "command"], 18),
        (["jobs", "c", "retry", "delay"], 19),
        (["jobs", "d"], None),
    ],
)
def test_the_line_of_a_key_or_of_the_table_around_it(path, line):
    assert line_of(TEXT, path) == line


def test_a_text_without_the_job_has_no_line():
    assert line_of("", ["jobs", "a"]) is None
    assert line_of("[jobs\nx = [", ["jobs", "x"]) is None


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("/x.toml: jobs.a: cron: is wrong", "/x.toml:4: jobs.a: cron: is wrong"),
        ("/x.toml: jobs.d.e: retry.delay: is wrong", "/x.toml:14: jobs.d.e: retry.delay: is wrong"),
        ("/x.toml: jobs.a: cron and every: only one", "/x.toml:4: jobs.a: cron and every: only one"),
        ("/x.toml: jobs.a: cron[1]: is wrong", "/x.toml:4: jobs.a: cron[1]: is wrong"),
        ("/x.toml: jobs.d.e: retry.delay[0][2]: x", "/x.toml:14: jobs.d.e: retry.delay[0][2]: x"),
        ("/x.toml: jobs.a: has no action", "/x.toml:3: jobs.a: has no action"),
        ("/x.toml: jobs.gone: cron: is wrong", "/x.toml: jobs.gone: cron: is wrong"),
        ("is wrong", "is wrong"),
    ],
)
def test_a_message_about_a_job_gets_its_line(message, expected):
    assert with_line(message, {"/x.toml": TEXT}.__getitem__) == expected


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("/x.toml: timezone: is wrong", "/x.toml:1: timezone: is wrong"),
        ("/x.toml: jobs: must be a table", "/x.toml:3: jobs: must be a table"),
        ("/x.toml: absent: is missing", "/x.toml: absent: is missing"),
        ("/x.toml: does not exist; create it", "/x.toml: does not exist; create it"),
        ("/y.toml: timezone: is wrong", "/y.toml: timezone: is wrong"),
        ("/x.toml: notify.channels.ops-mail: is wrong", "/x.toml:21: notify.channels.ops-mail: is wrong"),
        ("/x.toml: notify.routes[0].to: is wrong", "/x.toml:23: notify.routes[0].to: is wrong"),
        ("/x.toml: notify.routes[1].to[2]: is wrong", "/x.toml:26: notify.routes[1].to[2]: is wrong"),
        ("/x.toml: notify.routes[1].jobs: is wrong", "/x.toml:24: notify.routes[1].jobs: is wrong"),
        ("/x.toml: notify.routes: is wrong", "/x.toml:22: notify.routes: is wrong"),
    ],
)
def test_a_message_about_a_setting_gets_its_line(message, expected):
    assert with_line_of_setting(message, "/x.toml", TEXT + NOTIFY) == expected


def test_the_line_can_be_removed_from_a_message():
    assert without_line("/x:1/y.toml:4: jobs.a: cron: 5: no") == "/x:1/y.toml: jobs.a: cron: 5: no"
    assert without_line("/x.toml: jobs.a: is wrong") == "/x.toml: jobs.a: is wrong"
    assert without_line("/x.toml: catch_up.max_runs: 5: jobs.a") == "/x.toml: catch_up.max_runs: 5: jobs.a"


def test_the_lines_of_many_jobs_are_found_in_one_pass(monkeypatch):
    passes = []
    monkeypatch.setattr(lines, "_keys", lambda text, real=lines._keys: passes.append(text) or real(text))
    text = "".join(f"[jobs.j{number}]\ncommand = 'true'\n" for number in range(100))

    found = [line_of(text, ["jobs", f"j{number}", "command"]) for number in range(100)]

    assert (found, len(passes)) == ([*range(2, 201, 2)], 1)
