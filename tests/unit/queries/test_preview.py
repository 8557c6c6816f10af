"""The preview of a schedule has the slots that `next` has, if the job exists."""

from contextlib import closing

import pytest

from scheduled.core.keys import JobKey
from scheduled.instance import Instance
from scheduled.queries.preview import preview
from scheduled.queries.upcoming import upcoming
from scheduled.schedules.schedule import Schedule
from scheduled.schedules.zones import HOUR, MINUTE
from tests.fixtures.ledgers import LEDGERS

NOW = 1_772_600_820  # 2026-03-04 05:07 UTC
BEGAN = NOW - 10 * HOUR - 17 * MINUTE


@pytest.fixture
def instance(tmp_path, monkeypatch):
    monkeypatch.setattr("scheduled.clock.now", lambda: NOW + 0.5)

    def with_job(table, schedule):
        text = "\n".join(f"{key} = {value}" for key, value in table.items())
        (tmp_path / "scheduled.toml").write_text(
            f'timezone = "UTC"\n[jobs.job]\n{text}\ncommand = "true"\n'.replace("'", '"')
        )
        with closing(LEDGERS["sqlite"](tmp_path)) as ledger, ledger.transaction():
            ledger.begin_epoch(JobKey("job"), (schedule,), BEGAN)
            ledger.advance(JobKey("job"), NOW - MINUTE)
        return Instance(str(tmp_path / "scheduled.toml"), str(tmp_path))

    return with_job


ANCHORLESS = {"every": "'6h'"}, Schedule("every", "21600")
FROM_END = {"every": "'6h'", "from": "'end'"}, Schedule("every", "21600", phase=NOW - 2 * HOUR, from_end=True)
WINDOW = {"once_per": "'day'", "between": "['09:00', '17:00']"}, Schedule("once_per", "day 09:00")


@pytest.mark.parametrize(("table", "schedule"), [ANCHORLESS, FROM_END, WINDOW])
def test_the_preview_of_a_job_has_the_slots_of_next(instance, table, schedule):
    found = instance(table, schedule)
    wanted = {key: value.strip("'") for key, value in table.items()}
    if "between" in wanted:
        wanted["between"] = ["09:00", "17:00"]

    shown = preview(found, wanted, "job")["next"]

    slots = [entry["scheduled_for"] for entry in upcoming(found, "job")]
    assert shown
    assert shown == slots[: len(shown)]


def test_the_preview_of_another_interval_counts_as_an_edit_would(instance):
    found = instance(*ANCHORLESS)

    shown = preview(found, {"every": "2h"}, "job")["next"]

    assert shown[0] == "2026-03-04T06:50:01+00:00"  # two hours after the last slot
