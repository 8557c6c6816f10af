"""What is answered about a job of which the list of targets could not be read, or has targets that failed."""

from contextlib import closing

import msgspec
import pytest

from scheduled.config.check import check
from scheduled.config.last_targets import LISTS
from scheduled.core.keys import JobKey
from scheduled.core.targets import LastTargets, Unknown
from scheduled.instance import Instance
from scheduled.paths import Paths
from scheduled.queries import dry_run, explain, forecast, jobs, status
from scheduled.schedules.schedule import Schedule
from scheduled.schedules.zones import HOUR
from scheduled.state import directories
from tests.fixtures.ledgers import CLAIMANT, LEDGERS, a_claim, an_attempt_result

NOW = 1_772_600_820  # 2026-03-04 05:07 UTC
SLOT = NOW - 7 * 60
WHY = "its command exited with 1"
TOML = """timezone = "UTC"
[jobs.job]
cron = "0 * * * *"
for_each = { command = "ls" }
command = "true"
"""
AT, FROM, TO = "2026-03-04T05:00+00:00", "2026-03-04T05:30+00:00", "2026-03-04T06:30+00:00"


@pytest.fixture
def instance(tmp_path, monkeypatch):
    monkeypatch.setattr("scheduled.clock.now", lambda: NOW + 0.5)
    (tmp_path / "scheduled.toml").write_text(TOML)
    directories.prepare(Paths(tmp_path / "state"))
    return Instance(str(tmp_path / "scheduled.toml"), str(tmp_path / "state"))


@pytest.fixture
def given(instance):
    """Return a function that records the last known targets, and the time in which none was known."""

    def given(*targets, problem="", until=None, unknown=True, begins=SLOT - HOUR):
        last = LastTargets(
            "command:ls", NOW, targets, problem, Unknown(SLOT - 2 * HOUR, WHY, until) if unknown else None
        )
        with closing(LEDGERS["sqlite"](instance.paths.root)) as ledger, ledger.transaction():
            ledger.remember(LISTS, msgspec.json.encode({"job": last}).decode())
            ledger.remember("planned", str(NOW))
            for target in targets:
                ledger.begin_epoch(JobKey("job", target), (Schedule("cron", "0 * * * *", "UTC"),), begins)
        return instance

    return given


def test_a_job_without_targets_names_the_reason(given):
    instance = given(problem=WHY)

    found = explain.explain(instance, "job")
    assert (found["sentence"], found["list_problem"]) == (f"It has no targets: {WHY}.", WHY)
    assert [line["list_problem"] for line in jobs.jobs(instance)] == [WHY]
    assert jobs.job(instance, "job")["list_problem"] == WHY
    (row,) = status.status(instance)["jobs"]
    assert (row["name"], row["target"], row["targets"]) == ("job", None, [])


def test_a_dry_run_reads_no_list_but_names_it(given):
    instance = given(problem=WHY)

    assert dry_run.dry_run(instance) == []
    assert instance.notes == ["no target is known of job: the tick reads the list first"]
    reason = "requested; no target is known, and its list is read first"
    assert dry_run.dry_run(instance, ["job"]) == [
        {"job": "job", "target": None, "reason": reason, "assumed": ["targets"]}
    ]


def test_a_slot_of_a_time_without_targets_is_explained(given):
    instance = given("a", until=NOW - 60, begins=NOW - 60)

    found = explain.explain(instance, "job@a", AT)

    expected = f"It had no slot at 2026-03-04 05:00: no target of job was known then, because {WHY}."
    assert found["sentence"] == expected
    lowered = f"Its only target, a: it{expected[2:]}"
    assert explain.explain(instance, "job", AT)["sentence"] == lowered
    later = explain.explain(instance, "job@a", "2026-03-04T05:06:50+00:00")["sentence"]
    assert later.startswith("It had no slot between")


def test_predictions_of_a_list_that_changes_by_itself_assume_the_targets(given):
    instance = given("a", unknown=False)

    assert [run["assumed"] for run in dry_run.dry_run(instance)] == [["targets"]]
    assert instance.notes == ["the targets stay as they are now (assumed) of job"]
    forecast.forecast(instance, FROM, TO)
    assert "the targets stay as they are now (assumed) of job" in instance.notes


def test_the_failed_targets_are_named(given):
    instance = given("a", "b", "c", unknown=False)
    assert "last_outcome" not in explain.explain(instance, "job")
    with closing(LEDGERS["sqlite"](instance.paths.root)) as ledger, ledger.transaction():
        for target in "ab":
            run_id = f"job@{target}-1"
            ledger.claim(a_claim(SLOT, job="job", target=target, run_id=run_id), CLAIMANT, NOW)
            result = an_attempt_result(run_id, status="failed", started_at=NOW - 1, finished_at=NOW)
            ledger.ended(result, "failed", None, None)

    assert explain.explain(instance, "job")["last_outcome"] == (
        "The last runs of 2 of its 3 targets failed, the newest at 2026-03-04 05:07: job@a, job@b."
    )


def test_check_knows_the_last_known_targets(given):
    instance = given("b", unknown=False)
    with instance.config_file.open("a", encoding="utf-8") as file:
        file.write('[jobs."job@b"]\ncommand = "true"\n')

    with closing(LEDGERS["sqlite"](instance.paths.root)) as ledger:
        found = check(instance.config_file, ledger=ledger)["problems"]

    assert ["the name is that of the target b of jobs.job" in text for text in found] == [True]
