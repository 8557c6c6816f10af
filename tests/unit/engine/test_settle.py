"""The rows and events that follow from the result of an attempt."""

import pytest

from scheduled.core.configured_jobs import Jobs
from scheduled.core.jobs import Action, Job, Retry
from scheduled.core.keys import JobKey
from scheduled.core.runs import Span
from scheduled.engine.settle import SettleContext, settle_attempt
from scheduled.execution.report_file import Reported
from scheduled.execution.report_lines import CountLine, EventLine
from scheduled.handlers.base import Outcome
from scheduled.schedules.schedule import Schedule
from tests.fixtures.ledgers import (
    CLAIMANT,
    HOUR,
    HOURLY,
    LEDGERS,
    a_claim,
    a_condition,
    a_notice,
    an_attempt_result,
    by_hand,
    claimed,
    rows,
    the_job,
)

NOW = 20_000.5


@pytest.fixture
def ledger(tmp_path):
    """A ledger with one hourly job, of which slot HOUR is claimed."""
    ledger = LEDGERS["sqlite"](tmp_path)
    with ledger.transaction():
        ledger.begin_epoch(JobKey("job"), HOURLY, 0)
    claimed(ledger, HOUR)
    yield ledger
    ledger.close()


def settled(
    ledger, status="success", reported=None, run_id="run-3600", compose=lambda *_: [], at=NOW, **values
):
    """Settle an attempt; *values* configure the job. Return the events; the last is the verdict event."""
    job = Job(
        name="job", schedules=(Schedule("cron", "0 * * * *"),), action=Action("handler", name="x"), **values
    )
    run = ledger.open_run(run_id)
    attempt_result = an_attempt_result(
        run_id, status, attempt=run.attempt, exit_code=0 if status == "success" else 3, reason="why"
    )
    with ledger.transaction():
        context = SettleContext(jobs=Jobs({"job": job}), now=at, zone="UTC", compose=compose)
        return settle_attempt(ledger, context, run, attempt_result, reported or Reported())


def a_report(status="success", **values):
    return Reported(outcome=Outcome(status=status, reason=values.pop("reason", "")), **values)


def test_success_gives_the_verdict_and_moves_position_and_window(ledger):
    (event,) = settled(ledger)

    assert rows(ledger) == [(Span(HOUR, HOUR, 1), "success", "why", "run-3600")]
    assert (the_job(ledger).position, the_job(ledger).window_start, ledger.open_runs()) == (HOUR, HOUR, [])
    assert (event.name, event.payload["status"], event.payload["scheduled_for"]) == (
        "job_completed",
        "success",
        "1970-01-01T01:00:00+00:00",
    )


def test_a_failure_with_attempts_left_leaves_the_slot_open_and_the_position_unchanged(ledger):
    (event,) = settled(ledger, "failed", retry=Retry(max_attempts=2, delay=60))

    (run,) = ledger.open_runs()
    assert rows(ledger) == [(Span(HOUR, HOUR, 1), None, "", "run-3600")]
    assert (the_job(ledger).position, run.status, run.retry_at) == (0, "waiting_retry", int(NOW) + 60)
    assert (event.name, event.payload["status"], event.payload["exit_code"]) == (
        "job_retry_scheduled",
        "failed",
        3,
    )


def test_a_final_failure_moves_the_position_but_not_the_window(ledger):
    (event,) = settled(ledger, "failed")

    assert rows(ledger) == [(Span(HOUR, HOUR, 1), "failed", "why", "run-3600")]
    assert (the_job(ledger).position, the_job(ledger).window_start, the_job(ledger).failure_count) == (
        HOUR,
        None,
        1,
    )
    assert (event.name, event.payload["reason"]) == ("job_failed", "why")


def test_a_timeout_keeps_its_name(ledger):
    (event,) = settled(ledger, "timed_out")

    assert (event.name, event.payload["status"], ledger.run("run-3600").status) == (
        "job_failed",
        "timed_out",
        "timed_out",
    )


def test_an_interruption_that_the_configuration_skips_is_no_failure(ledger):
    (event,) = settled(ledger, "interrupted", on_interrupted="skip")

    assert rows(ledger) == [(Span(HOUR, HOUR, 1), "skipped", "interrupted", "run-3600")]
    assert (event.name, event.payload["slots"], the_job(ledger).failure_count) == ("job_skipped", 1, 0)
    assert ledger.attempts("run-3600")[0].status == "interrupted"


def test_a_run_that_the_user_stopped_is_no_failure(ledger):
    with ledger.transaction():
        ledger.request_stop("run-3600")

    (event,) = settled(ledger, "failed", retry=Retry(max_attempts=3))

    assert rows(ledger) == [(Span(HOUR, HOUR, 1), "skipped", "stopped", "run-3600")]
    assert (event.name, event.payload["reason"]) == ("job_skipped", "stopped")
    assert (the_job(ledger).last_status, the_job(ledger).failure_count) == ("skipped", 0)
    assert ledger.attempts("run-3600")[0].status == "stopped"


def test_a_manual_run_moves_neither_position_nor_window(ledger):
    with ledger.transaction():
        ledger.claim(by_hand(), CLAIMANT, 1.0)

    (event,) = settled(ledger, run_id="by-hand")

    assert (the_job(ledger).position, the_job(ledger).window_start, the_job(ledger).run_count) == (0, None, 1)
    assert (event.name, event.payload["scheduled_for"]) == ("job_completed", None)


# Reports of handlers


def test_the_outcome_of_a_handler_overrides_its_exit_code(ledger):
    (event,) = settled(ledger, "success", a_report("failed", reason="three boxes are unreadable"))

    assert (event.name, event.payload["reason"]) == ("job_failed", "three boxes are unreadable")
    assert ledger.run("run-3600").reason == "three boxes are unreadable"


def test_a_handler_that_had_nothing_to_do_is_skipped(ledger):
    (event,) = settled(ledger, "success", a_report("skipped", reason="no workspace"))

    assert rows(ledger) == [(Span(HOUR, HOUR, 1), "skipped", "no workspace", "run-3600")]
    assert (event.name, the_job(ledger).failure_count, the_job(ledger).window_start) == (
        "job_skipped",
        0,
        None,
    )


def test_a_timeout_overrides_the_outcome_of_the_handler(ledger):
    settled(ledger, "timed_out", a_report("success"))

    assert ledger.run("run-3600").status == "timed_out"


def test_reported_events_precede_the_verdict_event_and_counts_are_added(ledger):
    reported = a_report(
        events=[EventLine("box_opened", {"n": 1})], counts=[CountLine("opened", 2), CountLine("opened", 3)]
    )

    events = settled(ledger, reported=reported)

    assert [event.name for event in events] == ["box_opened", "job_completed"]
    assert ledger.totals() == {JobKey("job"): {"opened": 5}}


def test_the_data_of_the_outcome_is_stored(ledger):
    settled(ledger, reported=Reported(outcome=Outcome(data={"healthy": 3})))

    assert the_job(ledger).last_result == {"healthy": 3}


def subjects_after_a_retry(ledger, first, second):
    """Settle a failed attempt and a successful retry, with these notices; return the posted subjects."""
    settled(ledger, "failed", a_report("failed", notices=first), retry=Retry(max_attempts=2, delay=0))
    with ledger.transaction():
        ledger.reclaim(a_claim(HOUR, attempt=2), CLAIMANT, 1.0)
    settled(ledger, "success", a_report(notices=second))
    return sorted(item.notice.subject for item in ledger.outbox())


def test_a_notice_that_a_retry_repeats_is_posted_once(ledger):
    assert subjects_after_a_retry(ledger, [a_notice("1")], [a_notice("1"), a_notice("2")]) == ["1", "2"]


def test_a_different_notice_of_a_retry_is_posted_too(ledger):
    assert subjects_after_a_retry(ledger, [a_notice("1")], [a_notice("2")]) == ["1", "2"]


def test_conditions_of_a_complete_report_of_a_successful_run_are_stored(ledger):
    def compose(job, change):
        return [a_notice(f"{job.name}: {len(change.appeared)} new in {change.group}")]

    settled(ledger, reported=a_report(conditions=[a_condition(event="appeared")]), compose=compose)

    assert [known.condition.key for known in ledger.conditions(JobKey("job"))] == ["k"]
    assert [item.notice.subject for item in ledger.outbox()] == ["job: 1 new in g"]


@pytest.mark.parametrize(
    ("status", "reported"),
    [
        ("success", Reported()),
        ("failed", a_report("failed")),
        ("timed_out", Reported()),
        ("success", a_report("skipped")),
    ],
)
def test_an_incomplete_report_does_not_end_conditions(ledger, status, reported):
    with ledger.transaction():
        ledger.put_condition(JobKey("job"), a_condition(), 1.0)

    settled(ledger, status, reported, compose=lambda *_: [a_notice("gone")])

    assert ([known.condition.key for known in ledger.conditions(JobKey("job"))], ledger.outbox()) == (
        ["k"],
        [],
    )


@pytest.mark.parametrize(
    ("status", "verdict", "reason"),
    [
        ("failed", "failed", "why"),
        ("timed_out", "failed", "why"),
        ("deferred", "skipped", "not now"),
        ("interrupted", "failed", "why"),
    ],
)
def test_a_run_is_not_retried_if_its_epoch_has_ended_since_the_tick_read_the_configuration(
    ledger, status, verdict, reason
):
    with ledger.transaction():
        ledger.end_epoch(JobKey("job"), HOUR)

    settled(ledger, status, retry=Retry(max_attempts=3, delay=60), at=HOUR + 10.0)

    assert rows(ledger) == [(Span(HOUR, HOUR, 1), verdict, reason, "run-3600")]
    assert ledger.open_runs() == []
