"""A new kind of schedule needs only a module and its line in the registry."""

from contextlib import closing
from types import SimpleNamespace

import msgspec
import pytest

from scheduled.config.check import check
from scheduled.config.files import load_config
from scheduled.core import cadence, epochs, planner
from scheduled.core.audit import audit
from scheduled.core.keys import JobKey
from scheduled.core.runs import Span
from scheduled.instance import Instance
from scheduled.queries import describe, preview
from scheduled.schedules.kinds import reading, registry
from scheduled.schedules.schedule import Schedule, ScheduleError
from scheduled.schedules.timetable import every
from scheduled.state.validation import is_schedule
from tests.fixtures.ledgers import LEDGERS

NAMED = ", ".join(reading.choosing_keys())
DAY, MONTH = 86400, 2551443  # the mean month of the moon, in seconds
FULL_MOON = 1_767_434_580


class Keys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    moon: str
    days_later: int = 0


def read(keys, _job, zone):
    if keys.moon != "full":
        raise ScheduleError(f"moon: {keys.moon!r} is not supported: write full")
    return Schedule("moon", keys.moon, zone, FULL_MOON + keys.days_later * DAY)


MOON = SimpleNamespace(
    BY_TIME=True,
    SEVERAL=False,
    Keys=Keys,
    read=read,
    warnings=lambda keys, _zone: [f"days_later: {keys.days_later} days late"] if keys.days_later > 9 else [],
    timetable=lambda schedule, _epoch: every(MONTH, schedule.anchor),
    words=lambda *_: "at every full moon",
    written=lambda schedule: f"moon {schedule.expression}",
    lint=lambda *_: ["clouds may hide it"],
)


@pytest.fixture(autouse=True)
def moon(monkeypatch):
    monkeypatch.setitem(registry.KINDS, "moon", MOON)


@pytest.fixture
def path(tmp_path):
    (tmp_path / "scheduled.toml").touch(mode=0o600)
    return tmp_path / "scheduled.toml"


def loaded(path, text):
    path.write_text(f'[jobs.tide]\ncommand = "true"\n{text}\n')
    return load_config(path)


def fault(path, text):
    (found,) = loaded(path, text).problems
    return found.removeprefix(f"{path}: jobs.tide: ")


def test_it_is_read_from_a_job_table(path):
    job = loaded(path, 'moon = "full"\ndays_later = 2\ntimezone = "Europe/Berlin"\njitter = "1h"').jobs[
        "tide"
    ]

    (schedule,) = job.schedules
    assert (schedule.kind, schedule.anchor, schedule.zone) == ("moon", FULL_MOON + 2 * DAY, "Europe/Berlin")
    assert 0 < schedule.delay == job.delay <= 3600
    assert (job.is_by_time, job.zone) == (True, "Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('moon = "new"', "moon: 'new' is not supported: write full"),
        ("moon = 3", "moon: must be a string, got an integer"),
        ("days_later = 3", "days_later: only valid with `moon`"),
        ('moon = "full"\nanchor = "2026-01-01"', "anchor: only valid with `every`"),
        ('moon = "full"\ncron = "@daily"', f"cron and moon: only one of {NAMED}, moon, on may be given; remove the others"),
        ("days_latr = 3", "days_latr: unknown key; did you mean days_later?"),
    ],
)  # fmt: skip
def test_an_error_in_its_keys_is_reported_like_that_of_any_kind(path, text, expected):
    assert fault(path, text) == expected


def test_it_is_described_and_its_warnings_are_reported(path):
    job = loaded(path, 'moon = "full"\ndays_later = 10').jobs["tide"]

    assert describe.schedules(job.schedules) == "at every full moon"
    assert describe.written(job.schedules) == "moon full"
    assert [warning.removeprefix(f"{path}: jobs.tide: ") for warning in check(path)["warnings"]] == [
        "days_later: 10 days late",
        "moon: clouds may hide it",
    ]
    found = preview.preview(Instance(str(path), str(path.parent / "state")), {"moon": "full"})
    assert (found["schedule"], found["schedule_words"], found["schedules"], len(found["next"])) == (
        "moon full", "at every full moon", ["at every full moon"], 10,
    )  # fmt: skip


def test_it_is_planned_stored_and_audited(path, tmp_path):
    jobs, now = loaded(path, 'moon = "full"').jobs, FULL_MOON + 30
    job_states = epochs.after({}, epochs.epoch_changes(jobs, {}, unknown=False, now=now - DAY))
    plan = planner.plan(jobs, job_states, now)
    (tmp_path / "state").mkdir()
    with closing(LEDGERS["sqlite"](tmp_path / "state")) as ledger, ledger.transaction():
        ledger.begin_epoch(JobKey("tide"), jobs["tide"].schedules, FULL_MOON - DAY)
        found = audit(ledger.epochs(), ledger.slot_rows(), ledger.job_rows(), [], now)
        ledger.record_verdict(JobKey("tide"), Span(FULL_MOON, FULL_MOON, 1), "success", "", "r", now)
        sound = audit(ledger.epochs(), ledger.slot_rows(), ledger.job_rows(), [], now)
        ledger.check()

    assert [start.claim.slot for start in plan.starts] == [FULL_MOON]
    assert ([problem.slot for problem in found.problems], sound.problems) == ([FULL_MOON], [])
    assert cadence.needed([job.schedules for job in jobs.values()], now) == 300


def test_an_unknown_kind_is_damage_and_has_no_slots():
    unknown = Schedule("tides", zone="UTC")

    assert is_schedule(Schedule("moon", "full", anchor=FULL_MOON))
    assert not is_schedule(unknown)
    with pytest.raises(
        ScheduleError, match=f"'tides' is not a kind of schedule: write one of {', '.join(registry.KINDS)}"
    ):
        registry.timetable_of(unknown, 0)


@pytest.mark.parametrize(
    "schedule",
    [
        Schedule("cron", "61 * * * *"),
        Schedule("every", "0"),
        Schedule("every", "-5"),
        Schedule("every", "9" * 5000),
        Schedule("every", "x"),
        Schedule("at"),
        Schedule("manual", zone="Mars/Base"),
        Schedule("cron", "0 * * * *", delay=-1),
        Schedule("every", "60", anchor=1 << 60),
    ],
)
def test_an_invalid_schedule_is_recognised(schedule):
    assert not is_schedule(schedule)
