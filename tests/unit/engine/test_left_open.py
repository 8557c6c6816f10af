"""Every slot that a tick has seen has a run, a verdict or an open reason, also while ticks are under way."""

import pytest

from scheduled.config.files import load_config
from scheduled.core.audit import audit
from scheduled.core.job_plan import JobPlan
from scheduled.core.keys import JobKey
from scheduled.core.planner import Plan
from scheduled.core.runs import Skip, Span, StartRequest
from scheduled.core.starts import Start
from scheduled.engine import claims, gaps, planning, registration
from scheduled.engine.settle import SettleContext, settle_attempt
from scheduled.execution.report_file import Reported
from scheduled.schedules.zones import MINUTE
from scheduled.state.sqlite.ledger import SqliteLedger
from tests.fixtures.ledgers import CLAIMANT, a_claim, an_attempt_result, by_hand

NOON = 1_772_884_800  # 7 March 2026, 12:00 UTC
JOB = JobKey("job")


@pytest.fixture
def ledger(tmp_path):
    ledger = SqliteLedger(tmp_path / "ledger.db")
    yield ledger
    ledger.close()


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "scheduled.toml"
    path.write_text(
        'timezone = "UTC"\n[jobs.job]\ncron = "* * * * *"\ncatch_up = "all"\ncommand = "true"\n'
        '[jobs.other]\ncron = "* * * * *"\ncommand = "true"\n'
    )
    return load_config(path)


def tick(ledger, config, now, only=None):
    """Plan and claim as the first transaction of a tick does; return the claims."""
    with ledger.transaction():
        registration.register(ledger, config, now)
        due = planning.plan_and_record(ledger, config, now, only=only)
        if only is None:
            gaps.remember_tick(ledger, config.jobs, now)
        taken = [start.claim for start in claims.take(ledger, due.starts, CLAIMANT, now)]
        planning.record_unclaimed(ledger, due, taken, ())
    return taken


def follow(ledger, config, now, until, key=JOB):
    """Plan again as a tick that began at *until* does when a run of *key* has ended; return the claims."""
    with ledger.transaction():
        found = planning.plan_and_record(ledger, config, now, keys={key}, until=until)
        return [start.claim for start in claims.take(ledger, found.starts, CLAIMANT, now)]


def ended(ledger, config, claim, now):
    context = SettleContext(jobs=config.jobs, now=now, zone="UTC", compose=lambda *_: [])
    with ledger.transaction():
        run = ledger.open_run(claim.run_id)
        settle_attempt(ledger, context, run, an_attempt_result(claim.run_id), Reported())


def reasons(ledger):
    return {row.job: row.open_reason for row in ledger.job_rows()}


def problems(ledger):
    runs = [run.run_id for run in ledger.open_runs()]
    seen = int(ledger.meta("planned"))
    return audit(ledger.epochs(), ledger.slot_rows(), ledger.job_rows(), runs, seen).problems


def test_slots_that_another_tick_has_seen_wait_for_the_next_tick(ledger, config):
    first, _ = tick(ledger, config, NOON)
    tick(ledger, config, NOON + 2 * MINUTE)
    ended(ledger, config, first, NOON + 2 * MINUTE)

    followed = follow(ledger, config, NOON + 2 * MINUTE, until=NOON)

    assert (followed, reasons(ledger)["job"], problems(ledger)) == ([], "due", [])


def test_slots_that_another_tick_has_seen_are_queued_behind_a_run(ledger, config):
    tick(ledger, config, NOON)
    tick(ledger, config, NOON + 2 * MINUTE)

    follow(ledger, config, NOON + 2 * MINUTE, until=NOON)

    assert (reasons(ledger)["job"], problems(ledger)) == ("queued", [])


def test_slots_that_a_tick_has_seen_keep_a_reason_after_the_clock_was_set_back(ledger, config):
    first, _ = tick(ledger, config, NOON)
    tick(ledger, config, NOON + 2 * MINUTE)

    with ledger.transaction():
        planning.plan_and_record(ledger, config, NOON + MINUTE)
    running = (reasons(ledger)["job"], problems(ledger))
    ended(ledger, config, first, NOON)
    with ledger.transaction():
        planning.plan_and_record(ledger, config, NOON)
    waiting = (reasons(ledger)["job"], problems(ledger))
    with ledger.transaction():
        found = planning.plan_and_record(ledger, config, NOON + MINUTE, keys={JOB}, until=NOON + MINUTE)
        claims.take(ledger, found.starts, CLAIMANT, NOON + MINUTE)

    assert [running, waiting] == [("queued", []), ("due", [])]
    assert (reasons(ledger)["job"], problems(ledger)) == ("queued", [])


@pytest.mark.parametrize(("planned", "reason"), [(NOON + 1, "due"), (NOON - 1, None)])
def test_slots_of_a_schedule_that_is_older_than_the_last_tick_wait_for_the_next_one(
    ledger, config, planned, reason
):
    with ledger.transaction():
        gaps.remember_tick(ledger, config.jobs, planned)
        registration.register(ledger, config, NOON + 30)  # the schedules begin with this minute

    assert (reasons(ledger)["job"], problems(ledger)) == (reason, [])


def test_slots_after_the_last_tick_have_no_reason_yet(ledger, config):
    first, _ = tick(ledger, config, NOON)
    ended(ledger, config, first, NOON + MINUTE)

    follow(ledger, config, NOON + MINUTE, until=NOON)

    assert (reasons(ledger)["job"], problems(ledger)) == (None, [])


def test_a_tick_for_some_jobs_keeps_the_reasons_of_the_slots_of_others(ledger, config):
    tick(ledger, config, NOON - MINUTE, only=[])  # registers the jobs
    with ledger.transaction():
        gaps.remember_tick(ledger, config.jobs, NOON)

    taken = tick(ledger, config, NOON + 30, only=["other"])

    assert ([claim.job for claim in taken], reasons(ledger)) == (["other"], {"job": "due", "other": None})
    assert problems(ledger) == []


def test_slots_wait_for_a_run_by_hand(ledger, config):
    tick(ledger, config, NOON - MINUTE, only=[])
    with ledger.transaction():
        gaps.remember_tick(ledger, config.jobs, NOON)
        due = planning.plan_and_record(ledger, config, NOON + 30, only=[])
        assert ledger.claim(by_hand(), CLAIMANT, NOON + 30)
        planning.record_unclaimed(ledger, due, [by_hand()], ())

    assert (reasons(ledger), problems(ledger)) == ({"job": "queued", "other": "due"}, [])


def test_slots_wait_for_a_requested_run_that_starts_before_them(ledger, config):
    tick(ledger, config, NOON - MINUTE, only=[])
    with ledger.transaction():
        gaps.remember_tick(ledger, config.jobs, NOON)
        row = StartRequest(id=0, job="job", event="chain", payload={}, depth=1, parent="chain-run")
        ledger.request_start(row, NOON)
        found = planning.plan_and_record(
            ledger, config, NOON + 30, keys={JOB}, until=NOON + 30, slots_of=frozenset()
        )
        taken = claims.take(ledger, found.starts, CLAIMANT, NOON + 30)

    assert [start.claim.slot for start in taken] == [None]
    assert reasons(ledger)["job"] == "queued"


def test_slots_that_a_later_start_skips_keep_a_reason_until_then(ledger, config):
    start = Start(
        claim=a_claim(NOON + 2 * MINUTE),
        coalesces=False,
        skips=(Skip(Span(NOON, NOON + MINUTE, 2), "superseded"),),
    )
    plan = Plan(starts=[start], jobs={JOB: JobPlan(start=start)})
    tick(ledger, config, NOON - MINUTE, only=[])
    with ledger.transaction():
        planning.record_left_over(ledger, plan, NOON, ())
        seen = reasons(ledger)["job"]
        ledger.wait(JOB, None, None)
        planning.record_left_over(ledger, plan, NOON - 1, ())

    assert (seen, reasons(ledger)["job"]) == ("due", None)
