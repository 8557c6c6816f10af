"""A job that does not get to run is a problem, although each single skip follows a rule."""

import pytest

from scheduled.core.configured_jobs import Jobs
from scheduled.core.gate_words import refused
from scheduled.core.jobs import Action, Gate, Job
from scheduled.core.keys import JobKey
from scheduled.core.runs import Span
from scheduled.notify import never_run
from scheduled.schedules.schedule import Schedule
from tests.fixtures.ledgers import CLAIMANT, DAILY, HOUR, LEDGERS, a_claim, an_attempt_result, by_hand

KEY = JobKey("job")
ONCE = (Schedule("at", "1970-01-01T01:00", "UTC", anchor=HOUR),)


@pytest.fixture
def ledger(tmp_path):
    ledger = LEDGERS["sqlite"](tmp_path)
    yield ledger
    ledger.close()


def found(ledger, *skips, schedules=DAILY, **values):
    """Record *skips*, each a verdict and a reason, and return the texts of the problems."""
    with ledger.transaction():
        ledger.begin_epoch(KEY, schedules, 0)
        for number, (verdict, reason) in enumerate(skips, 1):
            span = Span(number * HOUR, number * HOUR, 1)
            run_id = None if verdict == "skipped" else f"r{number}"
            ledger.record_verdict(KEY, span, verdict, reason, run_id, number * HOUR)
            ledger.advance(KEY, number * HOUR)
    job = Job(name="job", schedules=schedules, action=Action("command", words=("x",)), **values)
    return list(never_run.problems(ledger, Jobs({"job": job})).values())


LATE, RAN, BEHIND = ("skipped", "late"), ("success", ""), ("skipped", "after dump, which failed")


@pytest.mark.parametrize(
    "skips", [(), (LATE,), (LATE, LATE), (LATE, RAN, LATE, LATE), (LATE, LATE, LATE, RAN), (BEHIND, RAN)]
)
def test_single_skips_are_no_problem(ledger, skips):
    assert found(ledger, *skips) == []


def test_three_skips_in_a_row_are_one(ledger):
    assert found(ledger, RAN, LATE, LATE, LATE) == [
        "job: does not get to run: skipped 3 times in a row (late; scheduled history job)"
    ]


@pytest.mark.parametrize("reason", ["superseded", "superseded: its gate was closed"])
def test_a_job_that_never_ran_did_not_answer_not_now(ledger, reason):
    assert found(ledger, *[("skipped", reason)] * 3) == [
        f"job: does not get to run: skipped 3 times in a row ({reason}; scheduled history job)"
    ]


def test_a_slot_behind_a_failed_job_is_one(ledger):
    assert found(ledger, RAN, BEHIND) == ["job: skipped: after dump, which failed (scheduled explain job)"]


def test_the_last_slot_of_a_job_is_one(ledger):
    assert found(ledger, LATE, schedules=ONCE) == [
        "job: its last slot was skipped (late); `scheduled run job` runs it now"
    ]


def test_a_disabled_job_is_none(ledger):
    assert found(ledger, LATE, LATE, LATE, enabled=False) == []


@pytest.mark.parametrize("reason", ["by hand", "edited", refused(Gate(path="/mnt/x", skips=True))])
def test_what_a_person_or_a_guard_skipped_is_none(ledger, reason):
    assert found(ledger, *[("skipped", reason)] * 4) == []


def test_a_success_since_then_ends_the_problem(ledger):
    with ledger.transaction():
        ledger.begin_epoch(KEY, DAILY, 0)
        ledger.record_verdict(KEY, Span(HOUR, HOUR, 1), *BEHIND, None, 5)
        ledger.advance(KEY, HOUR)
    jobs = Jobs({"job": Job(name="job", schedules=DAILY, action=Action("command", words=("x",)))})
    before = len(never_run.problems(ledger, jobs))
    with ledger.transaction():
        ledger.claim(by_hand(), CLAIMANT, 9.0)
        ledger.ended(an_attempt_result("by-hand"), "success", None, None)

    assert (before, never_run.problems(ledger, jobs)) == (1, {})


@pytest.mark.parametrize("reason", ["quiet", "paused"])
def test_a_job_that_rests_is_none(ledger, reason):
    assert found(ledger, LATE, LATE, LATE)
    with ledger.transaction():
        ledger.wait(KEY, reason, None)

    job = Job(name="job", schedules=DAILY, action=Action("command", words=("x",)))
    assert never_run.problems(ledger, Jobs({"job": job})) == {}


def deferred(ledger, times):
    """Let *times* slots in a row answer "not now"; each run replaces the one before it, and the last one waits."""
    with ledger.transaction():
        ledger.begin_epoch(KEY, DAILY, 0)
    for slot in range(HOUR, times * HOUR + 1, HOUR):
        with ledger.transaction():
            if slot > HOUR:
                old = f"run-{slot - HOUR}"
                ledger.close_run(old, "skipped", f"superseded by run-{slot}")
                ledger.record_verdict(
                    KEY, Span(slot - HOUR, slot - HOUR, 1), "coalesced", "", f"run-{slot}", slot
                )
                ledger.advance(KEY, slot - HOUR)
            ledger.claim(a_claim(slot), CLAIMANT, float(slot))
            result = an_attempt_result(f"run-{slot}", "deferred", reason="not now")
            ledger.ended(result, "waiting_retry", slot + 300, None)
    job = Job(name="job", schedules=DAILY, action=Action("command", words=("x",)))
    return list(never_run.problems(ledger, Jobs({"job": job})).values())


@pytest.mark.parametrize("times", [1, 3])
def test_a_job_that_defers_itself_for_some_slots_is_none(ledger, times):
    assert deferred(ledger, times) == []


def test_a_job_that_defers_itself_for_ever_is_one(ledger):
    assert deferred(ledger, 4) == [
        "job: does not get to run: skipped 3 times in a row (not now; scheduled history job)"
    ]
