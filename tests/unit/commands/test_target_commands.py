"""Commands that change something take a target, or mean all targets of a job."""

from contextlib import closing
from datetime import UTC, datetime

import pytest

from scheduled import service
from scheduled.core.keys import JobKey
from scheduled.errors import BusyError, ConfigError, UnknownError
from scheduled.instance import Instance
from scheduled.schedules.schedule import Schedule
from scheduled.schedules.zones import HOUR
from tests.fixtures.ledgers import CLAIMANT, LEDGERS, a_claim

NOW = 1_772_600_820  # 2026-03-04 05:07 UTC
SLOT = NOW - 7 * 60
X, Y = JobKey("job", "x"), JobKey("job", "y")
JOB = '[jobs.job]\ncron = "0 * * * *"\nfor_each = ["x", "y"]\ncommand = "true"\n'


@pytest.fixture
def instance(tmp_path, monkeypatch):
    """An hourly job with two targets, first seen four hours ago; x has three open slots, y one."""
    monkeypatch.setattr("scheduled.clock.now", lambda: NOW + 0.5)
    (tmp_path / "scheduled.toml").write_text(f'timezone = "UTC"\n{JOB}')
    found = Instance(str(tmp_path / "scheduled.toml"), str(tmp_path / "state"))
    found.paths.root.mkdir(mode=0o700)
    with ledger_of(found) as ledger, ledger.transaction():
        for key, position in ((X, SLOT - 3 * HOUR), (Y, SLOT - HOUR)):
            ledger.begin_epoch(key, (Schedule("cron", "0 * * * *", "UTC"),), SLOT - 4 * HOUR)
            ledger.advance(key, position)
    return found


def ledger_of(instance):
    return closing(LEDGERS["sqlite"](instance.paths.root))


def stamp(instant):
    return datetime.fromtimestamp(instant, UTC).isoformat()


def test_a_skip_of_a_job_skips_the_slots_of_all_targets_and_undoes_it(instance):
    done = service.skip(instance, "job")

    assert (done["skipped"], done["first"], done["last"]) == (4, stamp(SLOT - 2 * HOUR), stamp(SLOT))
    assert done["targets"] == [{"target": "x", "slots": 3}, {"target": "y", "slots": 1}]
    with ledger_of(instance) as ledger:
        assert {key: state.position for key, state in ledger.job_states().items()} == {X: SLOT, Y: SLOT}
    assert service.skip(instance, "job", undo=True)["undone"] == 4


def test_a_skip_of_a_target_leaves_the_others_open(instance):
    done = service.skip(instance, "job@x")

    assert (done["job"], done["target"], done["skipped"], "targets" in done) == ("job", "x", 3, False)
    with ledger_of(instance) as ledger:
        assert ledger.job_states()[Y].position == SLOT - HOUR


def test_one_slot_is_skipped_for_the_targets_of_which_it_is_open(instance):
    slot = stamp(SLOT - HOUR)

    assert service.skip(instance, "job", slot, dry_run=True)["targets"] == [{"target": "x", "slots": 1}]
    with pytest.raises(ConfigError, match="job@y: the slot 2026-03-04T04:00:00"):
        service.skip(instance, "job@y", slot)


def test_a_running_target_prevents_a_skip_of_all_and_nothing_changes(instance):
    with ledger_of(instance) as ledger, ledger.transaction():
        ledger.claim(a_claim(SLOT, job="job", target="y", run_id="job@y-1"), CLAIMANT, NOW)

    with pytest.raises(BusyError, match="job@y: is running"):
        service.skip(instance, "job")
    with ledger_of(instance) as ledger:
        assert ledger.job_states()[X].position == SLOT - 3 * HOUR


def test_a_pause_of_a_target_is_its_own(instance):
    assert [(entry["job"], entry["target"]) for entry in service.pause(instance, ["job@x", "job"])] == [
        ("job", "x"), ("job", None),
    ]  # fmt: skip
    (done,) = service.resume(instance, ["job"])

    assert (done["was_paused"], done["paused"], done["still"]) == (True, False, ["job@x"])
    service.pause(instance, ["job"])
    (done,) = service.resume(instance, ["job@x"])
    assert (done["was_paused"], done["paused"], done["still"]) == (True, True, ["job"])


def test_a_disabled_target_has_no_epoch_until_it_is_enabled(instance):
    (done,) = service.disable(instance, ["job@x"])

    assert (done["target"], done["enabled"], done["changed"]) == ("x", False, True)
    with ledger_of(instance) as ledger:
        assert (list(ledger.job_states()), ledger.overrides()) == ([Y], {X: False})
    (whole,) = service.enable(instance, ["job"])
    assert (whole["changed"], whole["still"]) == (False, ["job@x"])
    assert service.jobs(instance)[0]["targets"][0]["enabled"] is False
    service.enable(instance, ["job@x"])
    with ledger_of(instance) as ledger:
        assert ({*ledger.job_states()}, ledger.overrides()) == ({X, Y}, {})


def test_a_target_of_a_disabled_job_is_not_enabled_alone(instance):
    service.disable(instance, ["job"])

    with pytest.raises(ConfigError, match="the job job is disabled with all its targets"):
        service.enable(instance, ["job@x"])


def test_a_trial_asks_for_one_target(instance):
    with pytest.raises(ConfigError, match="name one of its 2 targets; the targets of job are job@x, job@y"):
        service.attempt(instance, "job")


@pytest.mark.parametrize("call", [service.pause, service.disable, service.run])
def test_an_unknown_target_is_refused_before_anything_changes(instance, call):
    with pytest.raises(UnknownError, match="no such target: job@z; the targets of job are job@x, job@y"):
        call(instance, ["job@x", "job@z"])
    with ledger_of(instance) as ledger:
        assert (ledger.pauses(NOW), ledger.overrides(), ledger.history()) == ({}, {}, [])
