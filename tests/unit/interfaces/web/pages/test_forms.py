"""A form shows a job's table, and a submitted form changes only the keys of the fields that were changed."""

import pytest

from scheduled.errors import ConfigError
from scheduled.interfaces.web.pages import forms

TABLE = {
    "description": "d",
    "cron": "0 3 * * *",
    "command": ["rsync", "-a", "my dir", "there"],
    "timeout": 300,
    "after": ["a", "b"],
    "not_between": ["22:00", "08:00"],
    "retry": {"max_attempts": 3, "delay": "5m", "max_delay": "1h"},
    "env": {"A": "b"},
}


def changed(table, **fields):
    return forms.changes(table, forms.fields("job", table) | fields)


WINDOW = {
    "once_per": "day",
    "between": ["09:00", "17:00"],
    "overlap": "skip",
    "start_delay": "5m",
    "kill_after": 3,
}
FROM_END = {"every": "6h", "from": "end"}


@pytest.mark.parametrize(
    ("table", "fields", "expected"),
    [
        (WINDOW, {"between": "08:00-17:00"}, {"between": ["08:00", "17:00"]}),
        (WINDOW, {"between": ""}, {"between": None}),
        (WINDOW, {"when": "cron", "schedule": "0 9 * * *"}, {"once_per": None, "between": None, "cron": "0 9 * * *"}),
        (WINDOW, {"overlap": "queue", "start_delay": "", "kill_after": "5s"}, {"overlap": "queue", "start_delay": None, "kill_after": "5s"}),
        (FROM_END, {"from": ""}, {"from": None}),
        ({"every": "6h"}, {"from": "end"}, {"from": "end"}),
    ],
)  # fmt: skip
def test_the_keys_of_a_kind_of_schedule_have_fields(table, fields, expected):
    assert changed(table, **fields) == expected


@pytest.mark.parametrize(
    ("table", "fields", "expected"),
    [
        (WINDOW, {}, {"once_per": "day", "between": ["09:00", "17:00"]}),
        (FROM_END, {}, FROM_END),
        (WINDOW, {"when": "cron", "schedule": "0 9 * * *"}, {"cron": "0 9 * * *"}),
    ],
)
def test_the_preview_has_all_keys_of_its_kind_of_schedule(table, fields, expected):
    assert forms.schedule(forms.fields("job", table) | fields) == expected


@pytest.mark.parametrize(
    "table",
    [TABLE, WINDOW, FROM_END, {}, {"every": "5m", "chain": ["a", ["b", "c"]]}, {"on": "x", "python": "m:f"}],
)
def test_an_unchanged_form_changes_nothing(table):
    assert changed(table) == {}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"when": "every", "schedule": "2h"}, {"cron": None, "every": "2h"}),
        ({"schedule": "0 4 * * *"}, {"cron": "0 4 * * *"}),
        ({"when": "manual"}, {"cron": None}),
        ({"work": "rsync 'other dir'"}, {"command": ["rsync", "other dir"]}),
        ({"what": "chain", "work": "a, b + c"}, {"command": None, "chain": ["a", ["b", "c"]]}),
        ({"description": ""}, {"description": None}),
        ({"timeout": "10m", "priority": "high"}, {"timeout": "10m", "priority": "high"}),
        ({"after": "a"}, {"after": ["a"]}), ({"after": " "}, {"after": None}), ({"not_between": "23:00 - 7:00"}, {"not_between": ["23:00", "7:00"]}),
        ({"max_attempts": ""}, {"retry": {"delay": "5m", "max_delay": "1h"}}),
        ({"max_attempts": "5"}, {"retry": {"max_attempts": 5, "delay": "5m", "max_delay": "1h"}}),
    ],
)  # fmt: skip
def test_only_changed_fields_are_written(fields, expected):
    assert changed(TABLE, **fields) == expected


def test_a_new_job_has_the_keys_that_were_filled_in():
    filled = forms.read(
        {"name": "new", "when": "cron", "schedule": " @daily ", "what": "command", "work": "a | b", "x": "y"}
    )

    assert forms.changes({}, filled) == {"cron": "@daily", "command": "a | b"}


@pytest.mark.parametrize(
    "fields",
    [{"max_attempts": "many"}, {"max_attempts": "٣"}, {"max_attempts": "9" * 5000}, {"work": "rsync 'open"}],
)
def test_a_field_that_cannot_be_parsed_is_named(fields):
    with pytest.raises(ConfigError, match=r"max_attempts|command"):
        changed(TABLE, **fields)
