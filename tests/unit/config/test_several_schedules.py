"""A list of cron expressions or instants gives a job several schedules."""

import pytest

from scheduled.config.check import check
from scheduled.config.files import load_config
from scheduled.core.epochs import slots_of
from scheduled.instance import Instance
from scheduled.interfaces.web.pages import forms
from scheduled.queries import preview

DAY = 86400


@pytest.fixture
def path(tmp_path):
    (tmp_path / "scheduled.toml").touch(mode=0o600)
    return tmp_path / "scheduled.toml"


def job(path, text):
    path.write_text(f'timezone = "UTC"\n[jobs.x]\ncommand = "true"\n{text}\n')
    return load_config(path).jobs["x"]


def test_a_job_is_due_in_the_slots_of_all_its_expressions_and_once_where_they_meet(path):
    found = job(path, 'cron = ["0 12 * * *", "30 17 * * *", "0 12 * * MON", "0  12 * * *"]')

    assert [one.expression for one in found.schedules] == ["0 12 * * *", "30 17 * * *", "0 12 * * MON"]
    times = slots_of(found.schedules, 0)
    assert list(times.between(0, 2 * DAY)) == [43200, 63000, DAY + 43200, DAY + 63000]
    assert times.count(0, 7 * DAY) == 14


def test_one_expression_in_a_list_is_the_same_schedule_as_alone(path):
    assert job(path, 'cron = ["@daily"]').schedules == job(path, 'cron = "@daily"').schedules


def test_every_instant_of_a_list_is_a_slot(path):
    found = job(path, 'at = ["1970-01-02", 1970-01-03T00:00:00]')

    assert list(slots_of(found.schedules, 0).between(0, 9 * DAY)) == [DAY, 2 * DAY]


def test_reboot_in_a_list_starts_the_job_on_boot_as_well(path):
    found = job(path, 'cron = ["@reboot", "0 6 * * *"]')

    assert (found.on, [one.expression for one in found.schedules]) == ("machine_booted", ["0 6 * * *"])
    assert job(path, 'cron = ["@reboot"]').is_by_time is False


def test_a_hashed_field_has_the_same_value_in_every_expression(path):
    first, second = job(path, 'cron = ["H 3 * * *", "H 15 * * *"]').schedules

    assert (first.seed, second.seed) == ("x", "x")
    assert next(slots_of([second], 0).between(0, DAY)) - next(slots_of([first], 0).between(0, DAY)) == DAY / 2


def test_all_slots_have_the_same_jitter(path):
    found = job(path, 'jitter = "10m"\ncron = ["0 6 * * *", "0 18 * * *"]')

    assert {one.delay for one in found.schedules} == {found.delay}
    assert found.delay > 0


def test_check_names_the_expression_that_a_warning_is_about(path):
    job(path, 'cron = ["0 6 * * *", "0 0 13 * FRI"]')

    assert [one for one in check(path)["warnings"] if "jobs.x: cron 0 0 13 * FRI: " in one]


def test_a_preview_has_the_slots_of_all_expressions_and_the_boot(path):
    path.write_text('timezone = "UTC"')
    shown = preview.preview(Instance(path, path.parent / "state"), {"cron": ["0 6 * * *", "@reboot"]})

    assert shown["schedule"] == "0 6 * * *, @reboot"
    assert shown["schedules"] == ["at 06:00 every day", "on machine_booted"]
    assert all(slot.endswith("T06:00:00+00:00") for slot in shown["next"])


def test_a_form_shows_several_expressions_in_one_field_and_reads_them_back():
    table = {"cron": ["0 12 * * *", "30 17 1,15 * *"], "command": "true"}
    shown = forms.fields("x", table)

    assert shown["schedule"] == "0 12 * * *; 30 17 1,15 * *"
    assert forms.changes(table, shown) == {}
    assert forms.schedule(shown) == {"cron": table["cron"]}
    assert forms.changes(table, shown | {"schedule": "0 12 * * *"}) == {"cron": "0 12 * * *"}


def test_a_form_that_chooses_another_schedule_removes_the_keys_of_the_old_one():
    table = {"every": "1h", "from": "end", "command": "true"}
    shown = forms.fields("x", table)

    assert forms.changes(table, shown | {"schedule": "2h"}) == {"every": "2h"}
    changed = forms.changes(table, shown | {"when": "cron", "schedule": "@daily"})
    assert changed == {"every": None, "from": None, "cron": "@daily"}


@pytest.mark.parametrize(
    ("key", "values", "twice"),
    [
        ("cron", ["0 6 * * *", "0  6 * * *", "0 7 * * *"], ["0  6 * * *"]),
        ("cron", ["@reboot", "0 6 * * *", "@reboot"], ["@reboot"]),
        ("at", ["2126-01-01T00:00", "2126-01-02T00:00", "2126-01-01T00:00"], ["2126-01-01T00:00"]),
        ("cron", ["0 6 * * *", "0 7 * * *"], []),
    ],
)
def test_a_schedule_that_is_in_a_list_twice_is_named(path, key, values, twice):
    found = job(path, f"{key} = {values}".replace("'", '"'))

    assert list(found.warnings) == [
        f"{key}: {value} is in the list twice; remove one of them" for value in twice
    ]
