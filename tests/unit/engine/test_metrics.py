"""The metrics of a ledger: counters only grow, the number of series is limited, and every instant has its meaning."""

import pytest

from scheduled.config.config import with_settings
from scheduled.config.tables import MetricsTable, SettingsTable
from scheduled.core.conditions import Condition
from scheduled.core.jobs import Action, ForEach, Job
from scheduled.core.keys import JobKey
from scheduled.core.runs import Span
from scheduled.engine import metrics
from scheduled.notify.problems import OWNER
from scheduled.schedules.zones import DAY
from tests.fixtures.ledgers import CLAIMANT, DAILY, LEDGERS, a_claim, a_notice, an_attempt_result

NOW = 30 * DAY
KEY = JobKey("job")


@pytest.fixture
def ledger(tmp_path):
    ledger = LEDGERS["sqlite"](tmp_path)
    yield ledger
    ledger.close()


def a_job(name="job", **values):
    return Job(name=name, schedules=DAILY, action=Action("command", ["true"]), **values)


def a_config(tmp_path, *jobs, **metrics_table):
    settings = SettingsTable(metrics=MetricsTable(**metrics_table))
    config = with_settings(tmp_path / "scheduled.toml", settings, "UTC", kept=False)
    for job in jobs or (a_job(),):
        config.jobs[job.name] = job
    return config


def ran(ledger, *statuses, key=KEY, begin=0):
    """Record a run that ended with each of *statuses*, one a day."""
    with ledger.transaction():
        if not ledger.job_states([key]):
            ledger.begin_epoch(key, DAILY, 6)
        for day, status in enumerate(statuses, begin):
            slot = 7 + day * DAY
            run_id = f"{key}-{slot}"
            claim = a_claim(slot, job=key.job, target=key.target, run_id=run_id)
            ledger.claim(claim, CLAIMANT, float(slot))
            ended = an_attempt_result(run_id, status, started_at=slot + 1.0, finished_at=slot + 3.25)
            ledger.ended(ended, status, None, None)
            verdict = "success" if status == "success" else "failed"
            ledger.record_verdict(key, Span(slot, slot, 1), verdict, "", run_id, slot)
            ledger.advance(key, slot)
            if status == "success":
                ledger.succeeded(key, slot)


def samples(ledger, config, name, now=NOW, beat=None):
    """Return the samples of a metric as {values of its labels: value}."""
    [family] = [one for one in metrics.collect(ledger, config, now, beat) if one.name == f"scheduled_{name}"]
    return {tuple(filter(None, one.labels.values())): one.value for one in family.samples}


def test_runs_are_counted_by_what_became_of_them(ledger, tmp_path):
    ran(ledger, "success", "failed", "timed_out", "skipped", "stopped")

    assert samples(ledger, a_config(tmp_path), "job_runs_total") == {
        ("job", "success"): 2,
        ("job", "failed"): 3,
    }
    assert samples(ledger, a_config(tmp_path), "job_last_run_status") == {("job", "stopped"): 1}


def test_a_counter_stays_when_the_runs_are_deleted(ledger, tmp_path):
    ran(ledger, *["failed"] * 3, *["success"] * 4)
    before = samples(ledger, a_config(tmp_path), "job_runs_total")
    with ledger.transaction():
        ledger.prune(NOW, 1, 1000)

    assert len(ledger.history()) == 1
    assert (
        samples(ledger, a_config(tmp_path), "job_runs_total")
        == before
        == {
            ("job", "success"): 4,
            ("job", "failed"): 3,
        }
    )


def test_a_job_that_was_removed_stays_in_the_sum(ledger, tmp_path):
    ran(ledger, "success", key=JobKey("removed"))
    ran(ledger, "failed")
    config = a_config(tmp_path)

    assert samples(ledger, config, "runs_total") == {("success",): 1, ("failed",): 1}
    assert samples(ledger, config, "job_runs_total") == {("job", "success"): 0, ("job", "failed"): 1}
    assert samples(ledger, config, "jobs") == {(): 1}


def test_the_last_run_has_its_end_duration_and_exit_code(ledger, tmp_path):
    ran(ledger, "success", "failed")
    config = a_config(tmp_path)

    found = {
        name: samples(ledger, config, f"job_last_{name}")
        for name in ("run_timestamp_seconds", "run_duration_seconds", "run_exit_code")
    }
    assert found == {
        "run_timestamp_seconds": {("job",): 7 + DAY + 3.25},
        "run_duration_seconds": {("job",): 2.25},
        "run_exit_code": {("job",): 0},
    }


def test_the_last_success_is_known_after_failures_and_after_its_record_is_deleted(ledger, tmp_path):
    config = a_config(tmp_path)
    ran(ledger, "success", "success")
    assert samples(ledger, config, "job_last_success_timestamp_seconds") == {("job",): 7 + DAY + 3.25}
    ran(ledger, "failed", "failed", begin=2)
    assert samples(ledger, config, "job_last_success_timestamp_seconds") == {("job",): 7 + DAY + 3.25}

    with ledger.transaction():
        ledger.prune(NOW, 1, 1000)
    assert samples(ledger, config, "job_last_success_timestamp_seconds") == {("job",): 7 + DAY}


def test_a_job_that_never_succeeded_has_no_instant_of_a_success(ledger, tmp_path):
    ran(ledger, "failed")

    assert samples(ledger, a_config(tmp_path), "job_last_success_timestamp_seconds") == {}


def test_each_target_has_its_own_series_and_a_disabled_one_has_zero(ledger, tmp_path):
    job = a_job(for_each=ForEach(listed=("a", "b")), targets=("a", "b"), disabled_targets=frozenset({"b"}))
    ran(ledger, "success", key=JobKey("job", "a"))

    assert samples(ledger, a_config(tmp_path, job), "job_enabled") == {("job", "a"): 1, ("job", "b"): 0}
    assert samples(ledger, a_config(tmp_path, job), "jobs_enabled") == {(): 1}


def test_beyond_max_jobs_there_are_sums_only_and_a_number_of_those_left_out(ledger, tmp_path):
    config = a_config(tmp_path, *(a_job(name) for name in "dcba"), max_jobs=3)
    for name in "abcd":
        ran(ledger, "failed", key=JobKey(name))
    families = metrics.collect(ledger, config, NOW, None)

    shown = {
        one.labels["job_name"] for found in families for one in found.samples if "job_name" in one.labels
    }
    assert shown == {"a", "b", "c"}
    assert samples(ledger, config, "jobs_omitted") == {(): 1}
    assert samples(ledger, config, "jobs_failing") == {(): 4}
    assert samples(ledger, config, "runs_total") == {("success",): 0, ("failed",): 4}


def test_open_slots_have_their_reason(ledger, tmp_path):
    ran(ledger, "success")
    with ledger.transaction():
        ledger.wait(KEY, "gate", 5)

    assert samples(ledger, a_config(tmp_path), "job_open_slots", now=7 + 3 * DAY) == {("job", "gate"): 3}
    assert samples(ledger, a_config(tmp_path), "job_next_due_timestamp_seconds") == {("job",): 5}


def test_a_pause_of_all_jobs_is_a_pause_of_each(ledger, tmp_path):
    assert samples(ledger, a_config(tmp_path), "job_paused") == {("job",): 0}
    with ledger.transaction():
        ledger.pause(JobKey(""), None)

    assert samples(ledger, a_config(tmp_path), "job_paused") == {("job",): 1}


def test_the_next_work_is_at_the_last_tick_or_later(ledger, tmp_path):
    ran(ledger, "success")
    for due, expected in ((NOW + 60, NOW + 60), (NOW - 7200, NOW)):
        with ledger.transaction():
            ledger.wait(KEY, None, due)
        found = samples(ledger, a_config(tmp_path), "next_due_timestamp_seconds", beat=NOW * 10**9 + 5)
        assert found == {(): expected}

    with ledger.transaction():
        ledger.wait(KEY, None, None)
    assert samples(ledger, a_config(tmp_path), "next_due_timestamp_seconds") == {}


def test_incidents_and_notices_are_counted_and_facts_are_not(ledger, tmp_path):
    config = a_config(tmp_path)
    with ledger.transaction():
        for key, severity in (("x", "error"), ("y", "warning"), ("z", "fact")):
            ledger.put_condition(OWNER, Condition(key=key, group="g", severity=severity), 1.0)
        ledger.post("one", a_notice(), 1.0)
        ledger.undelivered("one", NOW, "no answer")

    assert samples(ledger, config, "incidents") == {("warning",): 1, ("error",): 1}
    assert samples(ledger, config, "outbox_undelivered") == {(): 1}
    assert samples(ledger, config, "outbox_tries_max") == {(): 1}


def test_names_follow_the_conventions(ledger, tmp_path):
    ran(ledger, "success")
    families = metrics.collect(ledger, a_config(tmp_path), NOW, NOW * 10**9)

    names = [family.name for family in families]
    assert len(names) == len({*names})
    assert all(
        name.endswith("_total") == (one.type == "counter") for one, name in zip(families, names, strict=True)
    )
    assert all(one.help.endswith(".") for one in families)
