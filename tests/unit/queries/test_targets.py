"""Queries about a job with targets return one entry for each target."""

import json
from contextlib import closing
from datetime import UTC, datetime

import pytest

from scheduled.core import epochs, planner, zone_changes
from scheduled.core.conditions import Condition
from scheduled.core.keys import JobKey
from scheduled.core.runs import Span
from scheduled.engine import planning
from scheduled.instance import Instance
from scheduled.notify import problems
from scheduled.paths import Paths
from scheduled.queries import audit, dry_run, forecast, history, incidents, status, upcoming
from scheduled.queries.simulation import steps, together
from scheduled.schedules.schedule import Schedule
from scheduled.schedules.zones import HOUR
from scheduled.state import directories, snapshot
from tests.fixtures.ledgers import LEDGERS

NOW = 1_772_600_820  # 2026-03-04 05:07 UTC
SLOT = NOW - 7 * 60
X, Y = JobKey("job", "x"), JobKey("job", "y")


@pytest.fixture
def instance(tmp_path, monkeypatch):
    """An hourly job with two targets, first seen two hours ago; x is due, y is paused and has an incident."""
    for module in (epochs, planner, planning, steps, together, zone_changes, upcoming, history, status):
        monkeypatch.setattr(module, "keys_of", lambda _job: (X, Y))
    monkeypatch.setattr("scheduled.clock.now", lambda: NOW + 0.5)
    (tmp_path / "scheduled.toml").write_text(
        'timezone = "UTC"\n[jobs.job]\ncron = "0 * * * *"\ncommand = "true"\n'
    )
    paths = Paths(tmp_path / "state")
    directories.prepare(paths)
    with closing(LEDGERS["sqlite"](paths.root)) as ledger, ledger.transaction():
        for key, position in ((X, SLOT - HOUR), (Y, SLOT)):
            ledger.begin_epoch(key, (Schedule("cron", "0 * * * *", "UTC"),), SLOT - 2 * HOUR)
            ledger.record_verdict(key, Span(SLOT - HOUR, SLOT - HOUR, 1), "skipped", f"of {key}", None, NOW)
            ledger.advance(key, position)
        ledger.pause(Y, None)
        ledger.put_condition(X, Condition(key="k", group="g"), 1.0)
        ledger.put_condition(problems.OWNER, Condition(key=f"ask:{Y}", group="problem"), 2.0)
        ledger.remember("planned", str(NOW))
        document = snapshot.summary(ledger, {}, "UTC", NOW)
    snapshot.publish(paths.snapshot, document, next_due=None, edited=0, now=NOW, zone="UTC")
    return Instance(str(tmp_path / "scheduled.toml"), str(paths.root))


def of(entries, *fields):
    return [tuple(entry[field] for field in fields) for entry in entries]


def when(slot):
    return datetime.fromtimestamp(slot, UTC).isoformat()


def test_the_plan_of_a_tick_names_the_target(instance):
    assert of(dry_run.dry_run(instance), "job", "target", "scheduled_for") == [("job", "x", when(SLOT))]


def test_status_has_a_line_for_each_target(instance):
    found = status.status(instance)

    assert of(found["jobs"], "name", "target", "next_run") == [
        ("job", "x", when(NOW + 3 * 60)),
        ("job", "y", None),
    ]
    assert (found["next_job"]["target"], found["paused"]) == ("x", {"job@y": None})


def test_each_target_has_its_own_next_slots(instance):
    assert of(upcoming.upcoming(instance, limit=4), "job", "target", "scheduled_for", "reason") == [
        ("job", "x", when(SLOT), "open"),
        ("job", "x", when(SLOT + HOUR), None),
        ("job", "y", when(SLOT + HOUR), "paused"),
        ("job", "x", when(SLOT + 2 * HOUR), None),
    ]


def test_a_forecast_names_the_target(instance):
    found = forecast.forecast(instance, when(NOW), when(SLOT + 2 * HOUR))

    assert of(found, "job", "target", "scheduled_for") == [
        ("job", "x", when(SLOT)), ("job", "x", when(SLOT + HOUR)),
    ]  # fmt: skip


def test_incidents_name_the_target(instance):
    assert of(incidents.incidents(instance), "job", "target", "key") == [
        ("job", "x", "k"), ("job", "y", "ask:job@y"),
    ]  # fmt: skip


def test_the_verdicts_of_a_job_include_all_its_targets(instance):
    (found,) = history.recent_statuses(instance).values()

    assert of(found, "reason") == [("of job@x",), ("of job@y",)]


def test_the_audit_names_the_target(instance):
    assert of(audit.audit(instance)["problems"], "job", "target", "slot") == [
        ("job", "x", when(SLOT)), ("job", "y", when(SLOT)),
    ]  # fmt: skip


def test_the_snapshot_identifies_targets_by_label(instance):
    document = json.loads(instance.paths.snapshot.read_bytes())

    assert (list(document["jobs"]), document["paused"]) == (["job@x", "job@y"], {"job@y": None})
