"""A job that has a gate that never opens, or that never wants to run now, is a problem once it has waited too long."""

import pytest

from scheduled.core.configured_jobs import Jobs
from scheduled.core.jobs import Action, Job
from scheduled.core.keys import JobKey
from scheduled.core.runs import StartRequest
from scheduled.notify import long_waits, problems
from scheduled.schedules.schedule import Schedule
from tests.fixtures.ledgers import HOUR, LEDGERS

KEY, DAY = JobKey("job"), 24 * HOUR
HOURLY, DAILY, WEEKLY, YEARLY = "0 * * * *", "0 9 * * *", "0 9 * * 1", "0 9 2 1 *"


@pytest.fixture
def ledger(tmp_path):
    ledger = LEDGERS["sqlite"](tmp_path)
    yield ledger
    ledger.close()


def found(ledger, expression, waited, reason="gate", find=long_waits.problems, **values):
    """Let the oldest slot of a job wait for *waited* seconds; return the texts of the problems."""
    schedules = (Schedule("cron", expression, "UTC"),)
    job = Job(name="job", schedules=schedules, action=Action("command", words=("x",)), **values)
    with ledger.transaction():
        if not ledger.epochs():
            ledger.begin_epoch(KEY, schedules, 0)
        ledger.wait(KEY, reason, None)
    first = {HOURLY: HOUR, DAILY: 9 * HOUR, WEEKLY: 4 * DAY + 9 * HOUR, YEARLY: DAY + 9 * HOUR}[expression]
    return list(find(ledger, Jobs({"job": job}), now=first + waited).values())


@pytest.mark.parametrize(
    ("expression", "patience"), [(HOURLY, DAY), (DAILY, 3 * DAY), (WEEKLY, 21 * DAY), (YEARLY, 30 * DAY)]
)
def test_a_slot_may_wait_for_three_periods_but_at_least_a_day_and_at_most_a_month(
    ledger, expression, patience
):
    assert not found(ledger, expression, patience - 1)
    assert found(ledger, expression, patience)


def test_the_text_names_the_reason_and_since_when(ledger):
    assert found(ledger, HOURLY, DAY) == [
        "job: does not get to run: its gate has not opened since 1970-01-01 01:00 (scheduled explain job)"
    ]
    assert found(ledger, HOURLY, DAY, "deferred") == [
        'job: does not get to run: it has answered "not now" since 1970-01-01 01:00 (scheduled explain job)'
    ]


@pytest.mark.parametrize("reason", [None, "quiet", "paused", "budget"])
def test_other_reasons_are_none(ledger, reason):
    assert found(ledger, HOURLY, 9 * DAY, reason) == []


def test_a_disabled_job_is_none(ledger):
    assert found(ledger, HOURLY, 9 * DAY, enabled=False) == []


def of_requests(ledger, waited, reason="gate", **values):
    """Let start requests of a job without a schedule wait, the oldest for *waited* seconds; return the texts."""
    job = Job(
        name="job",
        schedules=(Schedule("manual", "", "UTC"),),
        action=Action("command", words=("x",)),
        on="e",
        **values,
    )
    row = StartRequest(id=0, job="job", event="e", payload={}, depth=0)
    with ledger.transaction():
        ledger.begin_epoch(KEY, (Schedule("manual", "", "UTC"),), 0)
        ledger.wait(KEY, reason, None)
        ledger.request_start(row, HOUR)
        ledger.request_start(row, HOUR + waited - 1)
    return list(long_waits.problems(ledger, Jobs({"job": job}), now=HOUR + waited).values())


def test_a_start_request_may_wait_for_a_day_behind_a_closed_gate(ledger):
    assert of_requests(ledger, DAY) == [
        "job: does not get to run: its gate has not opened since 1970-01-01 01:00 (scheduled explain job)"
    ]


@pytest.mark.parametrize(
    ("waited", "reason", "values"),
    [(DAY - 1, "gate", {}), (DAY, "paused", {}), (DAY, "gate", {"enabled": False})],
)
def test_other_start_requests_are_no_problem(ledger, waited, reason, values):
    assert of_requests(ledger, waited, reason, **values) == []


def test_it_is_among_the_problems_of_a_tick(ledger):
    def current(ledger, jobs, now):
        return problems.current(ledger, jobs, {}, [], now)

    assert len(found(ledger, HOURLY, DAY, find=current)) == 1
