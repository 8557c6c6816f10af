"""The audit finds every way in which a ledger can fail to account for its slots."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import pytest

from scheduled.core.audit import audit
from scheduled.core.keys import JobKey
from scheduled.core.runs import Span
from scheduled.schedules.schedule import Schedule
from tests.fixtures.ledgers import CLAIMANT, LEDGERS, a_claim

QUARTERLY = Schedule("cron", "*/15 * * * *")


def at(text):
    return int(datetime.fromisoformat(f"2026-02-03T{text}+00:00").timestamp())


SEEN = at("14:05")


@pytest.fixture
def ledger(tmp_path):
    """Slots from 10:00 to 12:45: eight coalesced, one skipped, then success; from 13:00 on a second epoch."""
    ledger = LEDGERS["sqlite"](tmp_path)
    with ledger.transaction():
        ledger.begin_epoch(JobKey("job"), (QUARTERLY,), at("09:59"))
        ledger.record_verdict(JobKey("job"), Span(at("10:00"), at("11:45"), 8), "coalesced", "", "r", 0)
        ledger.record_verdict(JobKey("job"), Span(at("12:00"), at("12:00"), 1), "skipped", "edited", None, 0)
        for slot in ("12:15", "12:30", "12:45"):
            ledger.record_verdict(JobKey("job"), Span(at(slot), at(slot), 1), "success", "", "r", 0)
        ledger.advance(JobKey("job"), at("12:45"))
        ledger.end_epoch(JobKey("job"), at("12:59"))
        ledger.begin_epoch(JobKey("job"), (Schedule("cron", "0 * * * *"),), at("12:59"))
        ledger.record_verdict(JobKey("job"), Span(at("13:00"), at("13:00"), 1), "failed", "", "r", 0)
        ledger.claim(a_claim(at("14:00"), run_id="open"), CLAIMANT, 0.0)
        ledger.advance(JobKey("job"), at("13:00"))
    yield ledger
    ledger.close()


def audited(ledger, seen=SEEN):
    runs = ledger.open_runs()
    ids, retries = [run.run_id for run in runs], [run.run_id for run in runs if run.status == "waiting_retry"]
    return audit(ledger.epochs(), ledger.slot_rows(), ledger.job_rows(), ids, seen, retries=retries)


def problems(ledger, seen=SEEN):
    return [
        (datetime.fromtimestamp(found.slot, UTC).strftime("%H:%M"), found.problem)
        for found in audited(ledger, seen).problems
    ]


def tamper(ledger, statement, *values):
    """Change one row of the database without using the ledger."""
    with closing(sqlite3.connect(ledger.path)) as db, db:
        assert db.execute(statement, values).rowcount == 1


def test_a_sound_ledger_accounts_for_every_slot_since_its_horizon(ledger):
    found = audited(ledger)

    assert (found.slots, found.horizon, found.problems) == (12 + 2, at("09:59"), [])


@pytest.mark.parametrize("slot", ["10:00", "12:00", "12:15", "12:45", "13:00"])
def test_a_lost_row_is_found(ledger, slot):
    tamper(ledger, "DELETE FROM slots WHERE first = ?", at(slot))

    expected = [f"{10 + n // 4}:{n % 4 * 15:02}" for n in range(8)] if slot == "10:00" else [slot]
    assert problems(ledger) == [(lost, "has neither a verdict nor an open reason") for lost in expected]


def test_unclaimed_slots_are_found_unless_there_is_an_open_reason(ledger):
    late = at("16:30")
    before = problems(ledger, late)
    with ledger.transaction():
        ledger.wait(JobKey("job"), "running", late)

    assert before == [(slot, "has neither a verdict nor an open reason") for slot in ("15:00", "16:00")]
    assert problems(ledger, late) == []


def test_a_span_with_a_wrong_count_is_found(ledger):
    tamper(ledger, "UPDATE slots SET count = 7 WHERE first = ?", at("10:00"))

    assert problems(ledger) == [("10:00", "is in a recorded span with the wrong number of slots")]


def test_a_row_outside_every_slot_is_found(ledger):
    tamper(ledger, "UPDATE slots SET first = first + 60, last = last + 60 WHERE first = ?", at("12:15"))

    assert ("12:16", "is in a recorded span with the wrong number of slots") in problems(ledger)
    assert ("12:15", "has neither a verdict nor an open reason") in problems(ledger)


def test_spans_that_overlap_are_found(ledger):
    tamper(ledger, "UPDATE slots SET last = ?, count = 9 WHERE first = ?", at("12:00"), at("10:00"))

    assert problems(ledger) == [("12:00", "is in two recorded spans")]


def test_an_open_slot_with_an_ended_run_is_found(ledger):
    tamper(ledger, "UPDATE runs SET status = 'success' WHERE run_id = 'open'")

    assert problems(ledger) == [("14:00", "has no verdict, but its run is no longer open")]


@pytest.mark.parametrize("status", ["claimed", "running", "waiting_retry"])
def test_a_run_that_waits_for_a_retry_is_no_open_reason_after_the_end_of_the_epoch(ledger, status):
    tamper(ledger, "UPDATE runs SET status = ? WHERE run_id = 'open'", status)
    before = problems(ledger)
    with ledger.transaction():
        ledger.end_epoch(JobKey("job"), at("14:01"))

    waits = "has no verdict: its run waits for a retry, but the job or target was removed or disabled"
    assert (before, problems(ledger)) == ([], [("14:00", waits)] if status == "waiting_retry" else [])


def test_an_open_slot_with_an_unknown_run_is_found(ledger):
    tamper(ledger, "DELETE FROM runs WHERE run_id = 'open'")

    assert problems(ledger) == [("14:00", "has no verdict, but its run is no longer open")]


def test_an_epoch_that_begins_too_early_is_found(ledger):
    tamper(ledger, "UPDATE epochs SET starts_at = ? WHERE starts_at = ?", at("09:29"), at("09:59"))

    assert problems(ledger) == [
        (slot, "has neither a verdict nor an open reason") for slot in ("09:30", "09:45")
    ]


def test_only_the_first_20_missing_slots_are_listed(ledger):
    assert len(problems(ledger, SEEN + 400 * 86400)) == 20


def test_each_job_is_audited_with_its_own_slots(ledger):
    with ledger.transaction():
        ledger.begin_epoch(JobKey("other"), (Schedule("cron", "0 14 * * *"),), at("13:59"))

    (found,) = audited(ledger).problems
    assert (found.job, found.slot) == ("other", at("14:00"))


def test_a_removed_job_is_still_audited(ledger):
    with ledger.transaction():
        ledger.end_epoch(JobKey("job"), at("14:01"))
    before = problems(ledger, SEEN + 86400)
    tamper(ledger, "DELETE FROM slots WHERE first = ?", at("12:30"))

    assert before == []
    assert problems(ledger, SEEN + 86400) == [("12:30", "has neither a verdict nor an open reason")]


def test_an_empty_ledger_has_nothing_to_account_for(tmp_path):
    (tmp_path / "new").mkdir()
    with closing(LEDGERS["sqlite"](tmp_path / "new")) as ledger:
        found = audited(ledger)

    assert (found.slots, found.horizon, found.problems) == (0, None, [])


def test_every_slot_of_each_of_several_schedules_is_audited(ledger):
    with ledger.transaction():
        both = (Schedule("cron", "0 14 * * *"), Schedule("cron", "*/30 14 * * *", delay=60))
        ledger.begin_epoch(JobKey("other"), both, at("13:59"))
        ledger.record_verdict(JobKey("other"), Span(at("14:00"), at("14:00"), 1), "success", "", "r", 0)

    assert problems(ledger, at("14:30")) == []
    assert problems(ledger, at("14:31")) == [("14:30", "has neither a verdict nor an open reason")]
