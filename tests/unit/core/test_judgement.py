"""The effect of an attempt's result: a verdict for the slot, or another attempt."""

from datetime import datetime

import pytest

from scheduled.core import judgement
from scheduled.core.jobs import Action, Job, Retry, Window
from scheduled.core.keys import JobKey
from scheduled.core.run_ids import slot_run_id
from scheduled.core.runs import AttemptResult, OpenRun
from scheduled.schedules.schedule import Schedule


def at(text):
    return int(datetime.fromisoformat(f"2026-02-03T{text}+00:00").timestamp())


def a_job(**values):
    action = Action("command", words=("true",))
    return Job(**{"name": "job", "schedules": (Schedule("cron", "0 * * * *"),), "action": action, **values})


def a_run(slot, status="waiting_retry", **values):
    run_id = slot_run_id(JobKey("job"), slot) if slot is not None else "job-manual"
    values = {"attempt": 1, "slots": 1, "trigger": "schedule", "tick": "t", "boot": "b", **values}
    return OpenRun(run_id=run_id, job="job", slot=slot, status=status, **values)


@pytest.mark.parametrize(
    ("attempt", "deferrals", "coalesced", "found"),
    [
        (1, 0, True, ("failed", "coalesced", "superseded by newer")),
        (2, 1, True, ("failed", "coalesced", "superseded by newer")),
        (1, 1, True, ("skipped", "coalesced", "superseded by newer")),
        (0, 0, True, ("skipped", "coalesced", "superseded by newer")),
        (1, 0, False, ("failed", "failed", "superseded by newer")),
        (2, 2, False, ("skipped", "skipped", "superseded")),
        (0, 0, False, ("skipped", "skipped", "superseded")),
    ],
)
def test_a_superseded_run_has_failed_if_an_attempt_of_it_did(attempt, deferrals, coalesced, found):
    run = a_run(at("13:00"), attempt=attempt, deferrals=deferrals)

    judged = judgement.judge_superseded(run, "newer", coalesced=coalesced)

    assert (judged.status, judged.verdict, judged.reason) == found


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"reason": "exit code 3", "retry_at": at("14:00")}, "superseded by newer: exit code 3"),
        ({"reason": "not now", "retry_at": at("14:00"), "attempt": 2, "deferrals": 1}, "superseded by newer"),
        ({"reason": "interrupted: `rerun` or `skip` decides", "interrupted": True}, "superseded by newer: interrupted"),
        ({"reason": "not now", "retry_at": at("14:00"), "deferrals": 1}, "superseded by newer"),
    ],
)  # fmt: skip
def test_the_reason_of_a_superseded_run_has_that_of_its_last_attempt(values, reason):
    judged = judgement.judge_superseded(a_run(at("13:00"), **values), "newer", coalesced=True)

    assert judged.reason == reason


def judged(status, run, *, exit_code=None, failure_class=None, **values):
    attempt_result = AttemptResult(
        run_id=run.run_id,
        attempt=run.attempt,
        status=status,
        started_at=0.0,
        finished_at=1.0,
        duration_ms=1000,
        reason="why",
        exit_code=exit_code,
        failure_class=failure_class,
    )
    found = judgement.judge(values.pop("job", None) or a_job(**values), run, attempt_result, at("13:01"))
    return found.status, found.verdict, found.retry_at, found.reason


SLOT = at("13:00")
THRICE = Retry(max_attempts=3, delay=60, backoff_multiplier=2)


@pytest.mark.parametrize("status", ["success", "skipped"])
def test_success_and_skipped_are_final(status):
    assert (status, status, None, "why") == judged(status, a_run(SLOT, "running"), retry=THRICE)


@pytest.mark.parametrize("status", ["failed", "timed_out"])
def test_a_failure_without_retries_is_final(status):
    assert (status, "failed", None, "why") == judged(status, a_run(SLOT, "running"))


@pytest.mark.parametrize(("attempt", "pause"), [(1, 60), (2, 120)])
def test_a_failure_with_attempts_left_waits_longer_each_time(attempt, pause):
    run = a_run(SLOT, "running", attempt=attempt)

    assert ("waiting_retry", None, at("13:01") + pause, "why") == judged("failed", run, retry=THRICE)


@pytest.mark.parametrize(
    ("on", "status", "exit_code", "failure_class", "retried"),
    [
        ((), "failed", 1, None, True),
        (("timed_out",), "timed_out", 124, None, True),
        (("timed_out",), "failed", 1, None, False),
        ((75, 7), "failed", 7, None, True),
        ((7,), "failed", 8, None, False),
        (("network",), "failed", 1, "network", True),
        (("network",), "failed", 1, "auth", False),
        (("failed",), "failed", 1, "auth", True),
    ],
)
def test_only_failures_in_retry_on_are_retried(on, status, exit_code, failure_class, retried):
    values = {"exit_code": exit_code, "failure_class": failure_class}
    found = judged(status, a_run(SLOT, "running"), retry=Retry(max_attempts=3, on=on), **values)

    assert found[0] == ("waiting_retry" if retried else status)


def test_max_attempts_counts_the_first_attempt():
    assert judged("failed", a_run(SLOT, "running", attempt=3), retry=THRICE) == (
        "failed",
        "failed",
        None,
        "why",
    )


def test_an_interruption_counts_as_an_attempt():
    run = a_run(SLOT, "running", attempt=2, interruptions=1)
    last = a_run(SLOT, "running", attempt=3, interruptions=2)

    assert ("waiting_retry", None, at("13:01") + 120, "why") == judged("failed", run, retry=THRICE)
    assert ("failed", "failed", None, "why") == judged("failed", last, retry=THRICE)


@pytest.mark.parametrize("run", [a_run(None, "running", trigger="manual"), a_run(SLOT, "running")])
def test_a_manual_run_and_a_run_of_a_removed_job_are_not_retried(run):
    job = None if run.slot else a_job(retry=THRICE)
    attempt_result = AttemptResult(
        run_id=run.run_id, attempt=1, status="failed", started_at=0, finished_at=0, duration_ms=0
    )

    found = judgement.judge(job, run, attempt_result, at("13:01"))

    assert (found.status, found.verdict, found.retry_at) == ("failed", "failed", None)


@pytest.mark.parametrize("status", ["failed", "deferred", "interrupted"])
def test_a_manual_run_of_a_slot_is_judged_like_a_scheduled_run(status):
    manual = judged(status, a_run(SLOT, "running", trigger="manual"), retry=THRICE)

    assert manual == judged(status, a_run(SLOT, "running"), retry=THRICE)
    assert manual[:2] == ("waiting_retry", None)


@pytest.mark.parametrize("status", ["failed", "interrupted"])
def test_a_run_of_a_job_that_is_now_disabled_is_not_retried(status):
    found = judged(status, a_run(SLOT, "running"), retry=THRICE, enabled=False)

    assert (status, "failed", None, "why") == found


def test_an_interrupted_run_is_due_again_at_once():
    found = judged("interrupted", a_run(SLOT, "running"))

    assert ("waiting_retry", None, at("13:01"), "why") == found


def test_an_interrupted_run_is_skipped_if_so_configured():
    found = judged("interrupted", a_run(SLOT, "running"), on_interrupted="skip")

    assert found == ("skipped", "skipped", None, "interrupted")


def test_a_run_that_is_interrupted_too_often_fails():
    found = judged("interrupted", a_run(SLOT, "running", attempt=3, interruptions=2))

    assert found == ("interrupted", "failed", None, "interrupted 3 times; given up")


@pytest.mark.parametrize("status", ["failed", "timed_out", "interrupted"])
def test_a_run_that_the_user_stopped_is_not_retried(status):
    found = judged(status, a_run(SLOT, "running", stop_requested=True), retry=THRICE)

    assert found == ("skipped", "skipped", None, "stopped")


def test_a_chain_of_which_a_step_was_stopped_is_not_retried():
    found = judged("stopped", a_run(SLOT, "running"), retry=THRICE)

    assert found == ("skipped", "skipped", None, "stopped")


# Retry pauses


def test_pauses_grow_up_to_their_limit_and_never_overflow():
    retry = Retry(max_attempts=10**6, delay=60, backoff_multiplier=10, max_delay=3600)

    assert [retry.pause_after(attempt) for attempt in (1, 2, 3, 10**6)] == [60, 600, 3600, 3600]


def test_a_deferred_run_is_retried_later_and_counts_as_no_failure():
    first = judged("deferred", a_run(SLOT, "running"))
    after_many = judged("failed", a_run(SLOT, "running", attempt=9, deferrals=8), retry=THRICE)

    assert first == ("waiting_retry", None, at("13:06"), "not now")
    assert after_many[:3] == ("waiting_retry", None, at("13:02"))


def test_a_deferred_run_is_skipped_at_the_gate_deadline():
    assert judged("deferred", a_run(SLOT, "running"), gate_deadline=59)[:2] == ("skipped", "skipped")
    assert judged("deferred", a_run(SLOT, "running"), gate_deadline=60)[:2] == ("waiting_retry", None)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"grace": 59}, "not now; its `grace` has passed"),
        ({"grace": 9, "gate_deadline": 59}, "not now; its `gate_deadline` has passed"),
        ({"schedules": (Schedule("cron", "* * * * *"),)}, "not now; it was deferred until its next slot"),
    ],
)
def test_a_deferred_run_is_skipped_at_the_gate_deadline_or_the_grace_or_after_a_period(values, reason):
    run = a_run(SLOT - 1 if "schedules" in values else SLOT, "running")

    assert judged("deferred", run, **values) == ("skipped", "skipped", None, reason)


def test_the_time_of_a_deferred_run_counts_from_the_end_of_its_quiet_hours():
    quiet = {"not_between": Window(12 * 60, 13 * 60 + 1), "gate_deadline": 59}

    assert judged("deferred", a_run(SLOT, "running"), **quiet)[:2] == ("waiting_retry", None)


@pytest.mark.parametrize(("began", "status"), [("13:00", "waiting_retry"), (None, "skipped")])
def test_a_deferred_run_without_a_slot_is_skipped_after_a_day(began, status):
    first = at(began) if began else at("13:00") - 86400
    run = a_run(None, "running", trigger="event", attempt=9, deferrals=8, first_started_at=float(first))

    assert judged("deferred", run)[0] == status


def test_a_linear_pause_grows_by_the_same_amount_each_time():
    retry = Retry(max_attempts=9, delay=30, linear=True, max_delay=100)

    assert [retry.pause_after(attempt) for attempt in (1, 2, 3, 4)] == [30, 60, 90, 100]


@pytest.mark.parametrize(
    ("reason", "of_attempt", "both"),
    [
        ("not now", "exit code 75; post: exit code 4", "not now; post: exit code 4"),
        ("stopped", "stopped by hand; post: exit code 4", "stopped; post: exit code 4"),
        (
            "exit code 3; post: exit code 4",
            "exit code 3; post: exit code 4",
            "exit code 3; post: exit code 4",
        ),
        ("not now", "exit code 75", "not now"),
    ],
)
def test_what_post_adds_stays_in_the_reason_of_a_run(reason, of_attempt, both):
    assert judgement.with_post(reason, of_attempt) == both


@pytest.mark.parametrize(
    ("reason", "found"),
    [("not now", True), ("not now; post: exit code 4", True), ("not now; its `grace` has passed", False), (None, False)],
)  # fmt: skip
def test_not_now_is_recognised_with_what_post_adds(reason, found):
    assert judgement.is_not_now(reason) is found


def test_failures_of_superseded_runs_do_not_differ_by_the_newer_run():
    found = [
        judgement.without_newer(reason)
        for reason in ("superseded by a-1: exit code 3", "superseded by a-1", "x: y")
    ]

    assert found == ["exit code 3", "", "x: y"]
