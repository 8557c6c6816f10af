"""Queries about a job with targets return one entry for each target."""

import json
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scheduled.cli import render_status
from scheduled.commands import overrides
from scheduled.core.conditions import Condition
from scheduled.core.keys import JobKey
from scheduled.core.runs import Span
from scheduled.errors import UnknownError
from scheduled.instance import Instance
from scheduled.notify import problems
from scheduled.paths import Paths
from scheduled.queries import audit, dry_run, explain, forecast, history, incidents, jobs, status, upcoming
from scheduled.schedules.schedule import Schedule
from scheduled.schedules.zones import HOUR
from scheduled.state import directories, snapshot, snapshot_summary
from tests.fixtures.ledgers import CLAIMANT, LEDGERS, a_claim

NOW = 1_772_600_820  # 2026-03-04 05:07 UTC
SLOT = NOW - 7 * 60
X, Y = JobKey("job", "x"), JobKey("job", "y")


@pytest.fixture
def instance(tmp_path, monkeypatch):
    """An hourly job with two targets, first seen two hours ago; x is due, y is paused and has an incident."""
    monkeypatch.setattr("scheduled.clock.now", lambda: NOW + 0.5)
    (tmp_path / "scheduled.toml").write_text(
        'timezone = "UTC"\n[jobs.job]\ncron = "0 * * * *"\nfor_each = ["x", "y"]\nhandler = "health"\n'
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
        document = snapshot_summary.summary(ledger, {}, "UTC", NOW)
    snapshot.publish(paths.snapshot, document, next_due=None, edited=0, now=NOW, zone="UTC")
    return Instance(str(tmp_path / "scheduled.toml"), str(paths.root))


PAUSED = "It is next due at 2026-03-04 06:00 and will wait then: it is paused until you resume with `scheduled resume job@y`."


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


def test_incidents_of_a_target_that_is_gone_are_over(instance, tmp_path):
    text = (tmp_path / "scheduled.toml").read_text()
    (tmp_path / "scheduled.toml").write_text(text.replace('["x", "y"]', '["y"]'))

    assert {entry["target"] for entry in incidents.incidents(instance)} == {"y"}


def test_incidents_name_their_targets_while_the_configuration_cannot_be_read(instance, tmp_path):
    (tmp_path / "scheduled.toml").write_text("[")
    instance.without_config = True

    assert {entry["target"] for entry in incidents.incidents(instance)} == {"x", "y"}


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


def test_a_job_is_one_line_with_the_states_of_its_targets(instance):
    (found,) = jobs.jobs(instance)

    assert (found["name"], found["target"], found["paused"], found["next_run"]) == (
        "job", None, False, when(NOW + 3 * 60),
    )  # fmt: skip
    assert of(found["targets"], "target", "paused", "next_run", "last_status") == [
        ("x", False, when(NOW + 3 * 60), None), ("y", True, None, None),
    ]  # fmt: skip


def test_one_target_is_shown_with_its_own_state(instance):
    whole, one = jobs.job(instance, "job"), jobs.job(instance, "job@y")

    assert (one["target"], one["paused"], one["state"]["position"], one["targets"]) == (
        "y", True, when(SLOT), None,
    )  # fmt: skip
    assert (whole["state"]["position"], len(whole["targets"])) == (None, 2)
    assert whole["next"] == one["next"] == [when(SLOT + hour * HOUR) for hour in range(1, 6)]


def test_the_explanation_of_a_job_has_a_sentence_for_each_target(instance):
    found = explain.explain(instance, "job")

    assert (
        found["sentence"] == "Its 2 targets differ; `scheduled explain job@x` explains one of them in full."
    )
    assert of(found["targets"], "target", "sentence") == [
        ("x", "It is due: its slot of 2026-03-04 05:00 runs at the next tick."),
        ("y", PAUSED),
    ]
    assert explain.explain(instance, "job@y")["sentence"] == PAUSED


def test_targets_with_the_same_explanation_share_the_sentence(instance):
    found = explain.explain(instance, "job", when(SLOT + HOUR))

    assert found["sentence"] == "Each of its 2 targets: its slot of 2026-03-04 06:00 is in the future."


def test_a_target_alone_is_predicted(instance):
    assert {entry["target"] for entry in upcoming.upcoming(instance, "job@x", 3)} == {"x"}
    found = forecast.forecast(instance, when(NOW), when(SLOT + 2 * HOUR), job="job@x")
    assert {entry["target"] for entry in found} == {"x"}


def test_one_entry_is_for_all_targets_of_which_a_tick_decides_the_same(instance):
    overrides.resume(instance, ["job@y"])

    assert of(upcoming.upcoming(instance, limit=3, together=True), "job", "target", "scheduled_for") == [
        ("job", "x", when(SLOT)),
        ("job", None, when(SLOT + HOUR)),
        ("job", None, when(SLOT + 2 * HOUR)),
    ]


def test_the_history_of_one_target_is_its_own(instance):
    assert of(history.history(instance, "job@x"), "target", "reason") == [("x", "of job@x")]
    assert of(history.history(instance, "job"), "target") == [("x",), ("y",)]
    assert list(history.recent_statuses(instance, "job@x")) == ["job@x"]


def test_a_target_that_is_gone_keeps_its_history(instance):
    config = Path(instance.config_file)
    config.write_text(config.read_text().replace('["x", "y"]', '["y"]'))
    with closing(LEDGERS["sqlite"](instance.paths.root)) as ledger, ledger.transaction():
        ledger.claim(a_claim(SLOT, job="job", target="x", run_id="job@x-1"), CLAIMANT, NOW)

    assert of(history.history(instance, "job@x", limit=1), "run_id") == [("job@x-1",)]
    found = explain.explain(instance, "job@x")
    assert found["sentence"] == "It will not run: x is no longer a target of job."
    at = explain.explain(instance, "job@x", when(SLOT - HOUR))
    assert at["sentence"] == "Its slot of 2026-03-04 04:00 was skipped: of job@x."
    with pytest.raises(UnknownError, match="no such target: job@z"):
        explain.explain(instance, "job@z")


def without(instance, target):
    config = Path(instance.config_file)
    config.write_text(config.read_text().replace(f'"{target}"', '"z"'))


def test_the_pause_of_a_target_that_is_gone_is_marked_and_can_be_ended(instance):
    without(instance, "y")

    found = status.status(instance)
    (done,) = overrides.resume(instance, ["job@y"])

    assert (found["paused"], found["gone"]) == ({"job@y": None}, ["job@y"])
    assert (done["was_paused"], status.status(instance)["paused"]) == (True, {})
    with pytest.raises(UnknownError, match="no such target: job@y"):
        overrides.pause(instance, ["job@y"])


def test_the_override_of_a_target_that_is_gone_is_marked_and_the_target_can_be_enabled(instance, capsys):
    overrides.disable(instance, ["job@x"])
    there = status.status(instance)
    without(instance, "x")

    found = status.status(instance)
    render_status.status(found)
    (done,) = overrides.enable(instance, ["job@x"])

    assert done["changed"]
    assert "disabled   job@x (gone) until `scheduled enable job@x`\n" in capsys.readouterr().out
    assert [(one["disabled"], one["gone"]) for one in (there, found, status.status(instance))] == [
        (["job@x"], []),
        (["job@x"], ["job@x"]),
        ([], []),
    ]
    with pytest.raises(UnknownError, match="no such target: job@x"):
        overrides.enable(instance, ["job@x"])


def test_a_request_names_the_target_or_means_all(instance):
    assert of(dry_run.dry_run(instance, ["job@y"]), "job", "target") == [("job", "y")]
    assert of(dry_run.dry_run(instance, ["job"]), "job", "target") == [("job", "x"), ("job", "y")]
    assert of(dry_run.dry_run(instance, ["job"], when(SLOT)), "target", "reason") == [
        ("x", "requested, for its open slot"), ("y", "requested, in addition to the schedule"),
    ]  # fmt: skip
