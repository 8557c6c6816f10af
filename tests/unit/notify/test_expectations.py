"""What a tick finds of `by`, `within` and `duration`, in the ledger."""

import pytest

from scheduled.core.configured_jobs import Jobs
from scheduled.core.jobs import Action, Expect, ForEach, Gate, Job
from scheduled.core.keys import JobKey
from scheduled.core.runs import Span
from scheduled.notify import expectations
from scheduled.notify.problems import OF_JOB, is_unmet
from scheduled.schedules.schedule import Schedule
from tests.fixtures.ledgers import CLAIMANT, LEDGERS, a_claim, an_attempt_result, by_hand

KEY, DAY, HOUR, MINUTE = JobKey("job"), 86400, 3600, 60
THREE = (Schedule("cron", "0 3 * * *", "UTC"),)
BOTH = Expect(by=9 * 60, within=2 * DAY)
SLOT = 10 * DAY + 3 * HOUR  # 1970-01-11 03:00


@pytest.fixture
def ledger(tmp_path):
    ledger = LEDGERS["sqlite"](tmp_path)
    with ledger.transaction():
        ledger.begin_epoch(KEY, THREE, 10 * DAY)
    yield ledger
    ledger.close()


def jobs(expect=BOTH, **values):
    job = Job(name="job", schedules=THREE, action=Action("command", words=("x",)), expect=expect, **values)
    return Jobs({"job": job})


def succeed(ledger, claim, began, took=10.0, status="success"):
    with ledger.transaction():
        ledger.claim(claim, CLAIMANT, began)
        ended = an_attempt_result(
            claim.run_id, status, started_at=began, finished_at=began + took, duration_ms=int(took * 1000)
        )
        ledger.ended(ended, status, None, None)


def find(ledger, now, found=None, lasts=lambda _: 0.0):
    return expectations.find(ledger, found or jobs(), now, lasts)


def texts(ledger, now, found=None, lasts=lambda _: 0.0):
    return {key: trouble.text for key, trouble in find(ledger, now, found, lasts).troubles.items()}


def test_a_deadline_and_a_silence_are_one_trouble_of_the_job(ledger):
    found = find(ledger, 12 * DAY + 9 * HOUR)

    assert find(ledger, 10 * DAY + 4 * HOUR) == expectations.Found(troubles={}, next=10 * DAY + 9 * HOUR)
    assert find(ledger, 10 * DAY + 9 * HOUR).next == 12 * DAY
    assert found.next is None
    assert list(found.troubles) == ["late:job"]
    trouble = found.troubles["late:job"]
    assert (trouble.kind, trouble.subject, trouble.priority) == ("late", KEY, "high")
    assert trouble.text == (
        "job: has not succeeded for its slot of 1970-01-13 03:00, expected by 1970-01-13 09:00; has not succeeded since "
        "1970-01-11 00:00, expected within 2d (scheduled explain job)"
    )


@pytest.mark.parametrize("claim", [a_claim(SLOT), by_hand()])
def test_a_success_ends_it_and_the_time_begins_again(ledger, claim):
    succeed(ledger, claim, SLOT + 8 * HOUR)

    assert find(ledger, SLOT + 8 * HOUR + MINUTE) == expectations.Found(
        troubles={}, next=SLOT + 8 * HOUR + 10 + 2 * DAY
    )


@pytest.mark.parametrize(
    ("expect", "rows"),
    [
        (Expect(by=9 * 60), []),
        (Expect(within=2 * DAY), []),
        (Expect(duration=60), [1]),
        (Expect(times=3.0), [1, 21]),
    ],
)
def test_of_a_job_of_which_all_is_well_no_more_runs_are_read_than_decide(ledger, monkeypatch, expect, rows):
    succeed(ledger, a_claim(SLOT), SLOT)
    with ledger.transaction():
        ledger.succeeded(KEY, SLOT)
    read, history = [], ledger.history
    monkeypatch.setattr(ledger, "history", lambda **given: read.append(given["limit"]) or history(**given))

    assert find(ledger, SLOT + 7 * HOUR, jobs(expect)).troubles == {}
    assert read == rows


def test_a_failure_does_not(ledger):
    succeed(ledger, a_claim(SLOT), SLOT, status="failed")

    assert list(find(ledger, SLOT + 6 * HOUR).troubles) == ["late:job"]


@pytest.mark.parametrize("paused", [KEY, JobKey("*")])
def test_a_paused_job_expects_nothing(ledger, paused):
    from scheduled.core.keys import ALL_JOBS

    with ledger.transaction():
        ledger.pause(ALL_JOBS if paused.job == "*" else paused, None)

    assert find(ledger, 20 * DAY) == expectations.Found(troubles={}, next=None)


def test_a_tick_comes_when_the_last_pause_ends(ledger):
    from scheduled.core.keys import ALL_JOBS

    with ledger.transaction():
        ledger.pause(ALL_JOBS, 12 * DAY)
        ledger.pause(KEY, 11 * DAY)

    assert find(ledger, 10 * DAY + 4 * HOUR).next == 12 * DAY
    with ledger.transaction():
        ledger.pause(KEY, None)
    assert find(ledger, 10 * DAY + 4 * HOUR).next is None


def test_a_disabled_job_or_target_expects_nothing(ledger):
    with ledger.transaction():
        for target in ("a", "b"):
            ledger.begin_epoch(JobKey("job", target), THREE, 10 * DAY)
    values = {"for_each": ForEach(listed=("a", "b")), "targets": ("a", "b")}

    assert find(ledger, 20 * DAY, jobs(enabled=False)).troubles == {}
    assert sorted(texts(ledger, 20 * DAY, jobs(**values))) == ["late:job@a", "late:job@b"]
    assert list(texts(ledger, 20 * DAY, jobs(disabled_targets=frozenset({"a"}), **values))) == ["late:job@b"]


@pytest.mark.parametrize(
    ("reason", "is_late"), [("by hand", False), ("stopped", False), ("its gate was closed", False), ("late", True)]
)  # fmt: skip
def test_a_slot_that_was_skipped_on_purpose_is_not_expected(ledger, reason, is_late):
    from scheduled.core.gate_words import refused

    reason = refused(Gate(path="/x")) if reason.startswith("its gate") else reason
    with ledger.transaction():
        ledger.record_verdict(KEY, Span(SLOT, SLOT, 1), "skipped", reason, None, SLOT)

    assert bool(find(ledger, SLOT + 6 * HOUR, jobs(Expect(by=9 * 60))).troubles) == is_late


def test_a_run_that_takes_too_long_is_slow_while_it_runs_and_until_the_next_success(ledger):
    slow = jobs(Expect(times=3.0))
    for number in range(5):
        succeed(ledger, by_hand(f"r{number}"), SLOT + number * MINUTE)
    with ledger.transaction():
        ledger.claim(by_hand("long"), CLAIMANT, SLOT + HOUR)
        ledger.started("long", 1, SLOT + HOUR)

    assert texts(ledger, SLOT + HOUR, slow, lasts=lambda _: 30.0) == {}
    found = find(ledger, SLOT + HOUR, slow, lasts=lambda run: {"long": 30.5}[run.run_id]).troubles["slow:job"]
    limit = "expected at most 30s, 3 times the median of the runs before it (scheduled logs job)"
    assert (found.kind, found.run_id) == ("slow", "long")
    assert found.text == f"job: long is under way since 1970-01-11 04:00, {limit}"
    succeed(ledger, by_hand("long"), SLOT + HOUR, took=40.0)
    assert texts(ledger, SLOT + HOUR, slow) == {"slow:job": f"job: its last success took 40s, {limit}"}
    succeed(ledger, by_hand("last"), SLOT + 2 * HOUR)
    assert texts(ledger, SLOT + 2 * HOUR, slow) == {}


def test_the_keys_of_the_troubles_name_their_job():
    assert {"late", "slow"} <= set(OF_JOB)
    assert is_unmet("late:job@a", JobKey("job", "a"))
    assert not is_unmet("late:job@a", KEY)
    assert not is_unmet("job:job", KEY)
