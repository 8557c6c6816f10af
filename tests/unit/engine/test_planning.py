"""What planning records and announces, and which gates it evaluates."""

import pytest

from scheduled.config.files import load_config
from scheduled.core.audit import audit
from scheduled.core.keys import JobKey
from scheduled.core.runs import Span
from scheduled.engine import gate_checks, planning, registration
from scheduled.engine.planning import Gates
from scheduled.schedules.zones import HOUR, MINUTE
from scheduled.state.sqlite.ledger import SqliteLedger
from tests.fixtures.ledgers import CLAIMANT, a_claim, an_attempt_result, by_hand, end

NOON = 1_772_884_800  # 7 March 2026, 12:00 UTC


@pytest.fixture
def ledger(tmp_path):
    ledger = SqliteLedger(tmp_path / "ledger.db")
    yield ledger
    ledger.close()


def configured(tmp_path, text):
    path = tmp_path / "scheduled.toml"
    path.write_text(f'timezone = "UTC"\n{text}')
    return load_config(path)


def planned(ledger, config, now, **values):
    with ledger.transaction():
        registration.register(ledger, config, now)
        return planning.plan_and_record(ledger, config, now, **values)


def test_a_skip_is_an_event_that_starts_the_jobs_that_subscribe_to_it(tmp_path, ledger):
    config = configured(
        tmp_path,
        '[jobs.late]\ncron = "0 * * * *"\ngrace = "10m"\ncommand = "true"\n'
        '[jobs.heard]\non = "job_skipped"\ncommand = "true"\n',
    )
    planned(ledger, config, NOON - 2 * HOUR - MINUTE)

    found = planned(ledger, config, NOON + 30 * MINUTE)

    (event,) = found.events
    assert (event.name, dict(event.payload)) == (
        "job_skipped",
        {
            "job": "late", "status": "skipped", "reason": "late",
            "scheduled_for": "2026-03-07T12:00:00+00:00", "slots": 3,
        },
    )  # fmt: skip
    assert [start.claim.job for start in found.starts] == ["heard"]


def test_an_edit_announces_the_open_slots_that_it_skips(tmp_path, ledger):
    job = '[jobs.job]\ncron = "{} * * * *"\ncommand = "true"\n'
    planned(ledger, configured(tmp_path, job.format("0")), NOON - MINUTE)

    with ledger.transaction():
        events = registration.register(ledger, configured(tmp_path, job.format("30")), NOON + HOUR + MINUTE)

    assert [(event.payload["reason"], event.payload["slots"]) for event in events] == [("edited", 2)]


GATED = """
[jobs.job]
cron = "50 21 * * *"
not_between = ["22:00", "06:00"]
only_if = {{ path = "{}" }}
gate_deadline = "1h"
command = "true"
"""


@pytest.mark.parametrize(
    ("gate", "minutes", "closed"),
    [("/nonexistent", 30, False), ("/nonexistent", 61, True), ("/", 61, False)],
)
def test_after_its_deadline_a_gate_is_checked_in_quiet_hours_too(tmp_path, ledger, gate, minutes, closed):
    config, due = configured(tmp_path, GATED.format(gate)), NOON + 9 * HOUR + 50 * MINUTE
    planned(ledger, config, due - MINUTE)
    now = due + minutes * MINUTE

    gates = gate_checks.check(ledger, config, now, dict)
    found = planned(ledger, config, now, gates=gates)

    assert (gates.closed == {"job"}) == closed
    assert [skip.reason for skip in found.jobs[JobKey("job")].skips] == (["gate"] if closed else [])
    assert found.jobs[JobKey("job")].waits == (None if closed else "quiet")


def test_in_quiet_hours_the_next_tick_is_due_at_the_deadline_of_the_gate(tmp_path, ledger):
    config, due = configured(tmp_path, GATED.format("/nonexistent")), NOON + 9 * HOUR + 50 * MINUTE
    planned(ledger, config, due - MINUTE)

    found = planned(ledger, config, due + 20 * MINUTE, gates=Gates())

    assert found.jobs[JobKey("job")].next_due == due + HOUR + 1


def test_skipped_slots_are_recorded_once(tmp_path, ledger):
    config = configured(tmp_path, '[jobs.a]\ncron = "0 * * * *"\ngrace = "10m"\ncommand = "true"\n')
    planned(ledger, config, NOON - MINUTE)
    planned(ledger, config, NOON + 30 * MINUTE)

    assert planned(ledger, config, NOON + 30 * MINUTE).events == ()
    assert [row.span for row in ledger.skipped()] == [Span(NOON, NOON, 1)]


def test_a_gate_skips_each_slot_after_a_waiting_retry_and_the_position_stays(tmp_path, ledger):
    guard = 'only_if = {path = "/mnt/x", else = "skip"}'
    config = configured(tmp_path, f'[jobs.job]\ncron = "0 * * * *"\ncommand = "true"\n{guard}\n')
    planned(ledger, config, NOON - MINUTE)
    key, claim = JobKey("job"), a_claim(NOON, run_id="r")
    with ledger.transaction():
        ledger.claim(claim, CLAIMANT, NOON)
        ledger.ended(an_attempt_result("r", "failed"), "waiting_retry", NOON + 30 * MINUTE, None)
    closed = Gates(closed=frozenset(["job"]), refused=frozenset(["job"]))

    found = planned(ledger, config, NOON + 2 * HOUR + MINUTE, gates=closed)
    again = planned(ledger, config, NOON + 2 * HOUR + 2 * MINUTE, gates=closed)

    (row,) = ledger.job_rows()
    assert (row.position, row.open_reason) == (NOON - MINUTE - 1, "gate")
    assert [(one.span, one.verdict) for one in ledger.rows_after(key, NOON)] == [
        (Span(slot, slot, 1), "skipped") for slot in (NOON + HOUR, NOON + 2 * HOUR)
    ]
    assert ([event.payload["slots"] for event in found.events], again.events) == ([2], ())
    assert again.jobs[key].waits == "gate"
    checked = audit(ledger.epochs(), ledger.slot_rows(), [row], ["r"], NOON + 2 * HOUR + 2 * MINUTE)
    assert (checked.slots, checked.problems) == (3, [])
    opened = planned(ledger, config, NOON + 2 * HOUR + 3 * MINUTE)
    assert [(start.claim.run_id, start.claim.slots) for start in opened.starts] == [("r", 1)]


ORDERED = """
[jobs.dump]
cron = "0 12 * * *"
grace = "10m"
command = "true"
[jobs.report]
cron = "0 13 * * *"
after = ["dump"]
command = "true"
"""
DAY = 24 * HOUR


def ran(ledger, claim, status, at):
    """Let the run *claim* end with *status* at the instant *at*."""
    with ledger.transaction():
        assert ledger.claim(claim, CLAIMANT, at - 1)
        ledger.started(claim.run_id, 1, at - 0.5)
    result = an_attempt_result(claim.run_id, status, started_at=at - 0.5, finished_at=at + 0.5)
    end(ledger, result, status)
    with ledger.transaction():
        if claim.slot is not None:
            ledger.record_verdict(
                claim.key, Span(claim.slot, claim.slot, 1), status, "", claim.run_id, int(at)
            )
            ledger.advance(claim.key, claim.slot)


def scheduled(status, days=0):
    slot = NOON + days * DAY
    return a_claim(slot, run_id=f"dump-{slot}", job="dump"), status, slot + 5


def test_a_job_goes_by_what_became_of_the_slot_of_the_job_before_it_and_not_by_a_run_by_hand(
    tmp_path, ledger
):
    config = configured(tmp_path, ORDERED)
    planned(ledger, config, NOON - MINUTE)
    ran(ledger, *scheduled("success"))
    ran(ledger, by_hand("dump-by-hand", "dump"), "failed", NOON + 30 * MINUTE)

    found = planned(ledger, config, NOON + HOUR)

    assert [start.claim.job for start in found.starts] == ["report"]


def test_a_success_by_hand_makes_up_for_a_slot_that_failed(tmp_path, ledger):
    config = configured(tmp_path, ORDERED)
    planned(ledger, config, NOON - MINUTE)
    ran(ledger, *scheduled("failed"))
    assert planned(ledger, config, NOON + HOUR).starts == []
    ran(ledger, by_hand("dump-by-hand", "dump"), "success", NOON + DAY - HOUR)
    ran(ledger, by_hand("dump-again", "dump"), "failed", NOON + DAY - HOUR + MINUTE)
    with ledger.transaction():
        ledger.advance(JobKey("dump"), NOON + DAY)

    found = planned(ledger, config, NOON + DAY + HOUR)

    assert [start.claim.job for start in found.starts] == ["report"]


def test_a_failure_of_yesterday_is_not_that_of_a_slot_that_was_skipped_today(tmp_path, ledger):
    config = configured(tmp_path, ORDERED)
    planned(ledger, config, NOON - MINUTE)
    ran(ledger, *scheduled("failed"))
    planned(ledger, config, NOON + HOUR)

    for _ in range(2):  # the second time the skip of `dump`, which is too late, is recorded
        found = planned(ledger, config, NOON + DAY + HOUR)
        assert [start.claim.job for start in found.starts] == ["report"]


def test_a_step_that_fails_after_a_skipped_slot_counts(tmp_path, ledger):
    config = configured(tmp_path, ORDERED)
    planned(ledger, config, NOON - MINUTE)
    planned(ledger, config, NOON + 20 * MINUTE)
    step = a_claim(None, run_id="step", job="dump", trigger="chain", slots=0)
    ran(ledger, step, "failed", NOON + 30 * MINUTE)

    assert planned(ledger, config, NOON + HOUR).starts == []


@pytest.mark.parametrize(("tick", "waits"), [("another", "group"), (CLAIMANT.tick, None)])
def test_a_job_waits_for_a_run_of_its_group_in_another_tick_when_it_is_planned_alone(
    tmp_path, ledger, tick, waits
):
    """The supervisor of a tick runs its own runs of a group one after another."""
    job = 'group = "g"\ncron = "0 * * * *"\ncommand = "true"\n'
    config = configured(tmp_path, f"[jobs.job]\n{job}[jobs.mate]\n{job}")
    planned(ledger, config, NOON - MINUTE)
    with ledger.transaction():
        ledger.claim(by_hand(), CLAIMANT, NOON)

    found = planned(ledger, config, NOON, keys=[JobKey("mate")], tick=tick)

    assert found.jobs[JobKey("mate")].waits == waits
    assert [start.claim.job for start in found.starts] == ([] if waits else ["mate"])
