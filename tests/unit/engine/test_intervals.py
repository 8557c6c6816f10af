"""`every` with `from = "end"` in the ledger: what begins the next interval, and that every slot is accounted for."""

import pytest

from scheduled.config.files import load_config
from scheduled.core.audit import audit
from scheduled.core.epochs import open_slots_of
from scheduled.core.keys import JobKey
from scheduled.core.records import SlotRow
from scheduled.core.runs import Span
from scheduled.engine import clock_steps, planning, registration
from scheduled.engine.settle import SettleContext, settle_attempt
from scheduled.execution.report_file import Reported
from scheduled.state.sqlite.ledger import SqliteLedger
from tests.fixtures.ledgers import CLAIMANT, an_attempt_result, by_hand

NOON, HOUR, MINUTE = 1_772_884_800, 3600, 60  # 7 March 2026, 12:00 UTC
KEY = JobKey("x")
FIRST = NOON + HOUR


@pytest.fixture
def ledger(tmp_path):
    ledger = SqliteLedger(tmp_path / "ledger.db")
    yield ledger
    ledger.close()


@pytest.fixture
def machine(tmp_path, ledger):
    return Machine(tmp_path / "scheduled.toml", ledger)


class Machine:
    def __init__(self, path, ledger):
        self.path, self.ledger, self.now = path, ledger, 0
        self.configure()

    def configure(self, more="", interval="1h"):
        self.path.write_text(
            f'timezone = "UTC"\n[jobs.x]\nevery = "{interval}"\nfrom = "end"\ncommand = "true"\n{more}'
        )
        self.config = load_config(self.path)

    def tick(self, now):
        """Plan at *now*, and return the id of the run that is claimed, if any."""
        self.now = now
        with self.ledger.transaction():
            clock_steps.step_back(self.ledger, self.config.jobs, now)
            registration.register(self.ledger, self.config, now, ["x"])
            found = planning.plan_and_record(self.ledger, self.config, now)
            self.ledger.remember("planned", str(now))
            for start in found.starts:
                (self.ledger.reclaim if start.again else self.ledger.claim)(start.claim, CLAIMANT, now)
        return found.starts[0].claim.run_id if found.starts else None

    def end(self, run_id, at, status="success"):
        run = self.ledger.open_run(run_id)
        result = an_attempt_result(run_id, status, attempt=run.attempt, started_at=at, finished_at=at + 0.5)
        with self.ledger.transaction():
            context = SettleContext(jobs=self.config.jobs, now=at + 1, zone="UTC", compose=lambda *_: [])
            settle_attempt(self.ledger, context, run, result, Reported())

    def next_slot(self):
        state = self.ledger.job_states()[KEY]
        return open_slots_of(state).next_after(state.position)

    def check(self, seen):
        found = audit(
            self.ledger.epochs(), self.ledger.slot_rows(), self.ledger.job_rows(),
            [run.run_id for run in self.ledger.open_runs()], seen,
        )  # fmt: skip
        assert found.problems == []
        return found.slots


def test_the_next_slot_is_an_interval_after_the_end_of_the_run(machine):
    machine.tick(NOON)
    run = machine.tick(FIRST + 5 * MINUTE)
    machine.end(run, FIRST + 40 * MINUTE)

    assert machine.next_slot() == FIRST + 40 * MINUTE + HOUR
    assert machine.tick(FIRST + 95 * MINUTE) is None
    assert machine.tick(FIRST + 105 * MINUTE) == "x-20260307T144000Z"
    assert machine.check(FIRST + 105 * MINUTE) == 2


def test_a_run_that_takes_longer_than_the_interval_leaves_nothing_due(machine):
    machine.tick(NOON)
    run = machine.tick(FIRST)

    assert machine.tick(FIRST + 3 * HOUR) is None
    assert machine.check(FIRST + 3 * HOUR) == 1
    machine.end(run, FIRST + 5 * HOUR, "failed")

    assert machine.next_slot() == FIRST + 6 * HOUR
    assert machine.check(FIRST + 5 * HOUR + 2) == 1


def test_a_machine_that_was_off_has_one_missed_slot(machine):
    machine.tick(NOON)
    run = machine.tick(FIRST + 9 * HOUR)
    machine.end(run, FIRST + 9 * HOUR)

    assert machine.ledger.history()[0].slots == 1
    assert machine.next_slot() == FIRST + 10 * HOUR
    assert machine.check(FIRST + 9 * HOUR) == 1


def test_the_interval_counts_from_the_last_attempt(machine):
    machine.configure('retry = { max_attempts = 2, delay = "10m" }')
    machine.tick(NOON)
    run = machine.tick(FIRST)
    machine.end(run, FIRST + MINUTE, "failed")
    assert machine.tick(FIRST + 2 * MINUTE) is None
    assert machine.check(FIRST + 2 * MINUTE) == 1

    assert machine.tick(FIRST + 15 * MINUTE) == run
    machine.end(run, FIRST + 16 * MINUTE, "failed")

    assert machine.next_slot() == FIRST + 16 * MINUTE + HOUR


@pytest.mark.parametrize("status", ["success", "failed", "skipped", "stopped", "timed_out"])
def test_every_verdict_of_a_run_begins_the_next_interval(machine, status):
    machine.tick(NOON)
    machine.end(machine.tick(FIRST), FIRST + 7 * MINUTE, status)

    assert machine.next_slot() == FIRST + 7 * MINUTE + HOUR


def test_a_result_that_is_read_late_counts_from_the_end_of_the_run(machine):
    machine.tick(NOON)
    run = machine.tick(FIRST)
    with machine.ledger.transaction():
        context = SettleContext(
            jobs=machine.config.jobs, now=FIRST + 9 * HOUR, zone="UTC", compose=lambda *_: []
        )
        result = an_attempt_result(run, finished_at=FIRST + MINUTE)
        settle_attempt(machine.ledger, context, machine.ledger.open_run(run), result, Reported())

    assert machine.next_slot() == FIRST + MINUTE + HOUR
    assert machine.tick(FIRST + 9 * HOUR) == "x-20260307T140100Z"


def test_a_slot_that_is_too_late_counts_from_the_tick_that_skips_it(machine):
    machine.configure('grace = "10m"')
    machine.tick(NOON)
    assert machine.tick(FIRST + HOUR) is None

    assert machine.next_slot() == FIRST + 2 * HOUR
    assert [row.next_due for row in machine.ledger.job_rows()] == [FIRST + 2 * HOUR]
    assert machine.check(FIRST + HOUR) == 1


def test_a_run_by_hand_moves_no_slot(machine):
    machine.tick(NOON)
    with machine.ledger.transaction():
        machine.ledger.claim(by_hand(job="x"), CLAIMANT, NOON + 60)
    machine.end("by-hand", NOON + 30 * MINUTE)

    assert machine.next_slot() == FIRST


def test_an_edit_of_the_interval_continues_from_the_last_end(machine):
    machine.tick(NOON)
    machine.end(machine.tick(FIRST), FIRST + 5 * MINUTE)
    machine.configure(interval="2h")
    machine.tick(FIRST + 30 * MINUTE)

    assert machine.next_slot() == FIRST + 5 * MINUTE + 2 * HOUR
    machine.end(machine.tick(FIRST + 3 * HOUR), FIRST + 3 * HOUR)
    assert machine.next_slot() == FIRST + 5 * HOUR
    assert machine.check(FIRST + 3 * HOUR) == 2


@pytest.mark.parametrize(("edited", "slot", "slots"), [(35, 35, 2), (15, 25, 1)])
def test_an_edit_to_an_interval_that_is_over_already_makes_the_job_due_in_the_minute_of_the_edit(
    machine, edited, slot, slots
):
    machine.tick(NOON)
    machine.end(machine.tick(FIRST), FIRST + 5 * MINUTE)
    machine.configure(interval="20m")
    edit = NOON + HOUR + edited * MINUTE
    machine.tick(edit + 20)

    assert machine.next_slot() == NOON + HOUR + slot * MINUTE
    assert machine.check(edit + 20) == slots


def test_a_slot_that_was_skipped_in_advance_is_followed_by_another(machine):
    machine.tick(NOON)
    with machine.ledger.transaction():
        machine.ledger.record_verdict(KEY, Span(FIRST, FIRST, 1), "skipped", "by hand", None, NOON)
    machine.tick(NOON + MINUTE)
    assert [row.next_due for row in machine.ledger.job_rows()] == [FIRST + HOUR]

    assert machine.tick(FIRST + 5 * MINUTE) is None
    assert machine.check(FIRST + 5 * MINUTE) == 1
    assert machine.tick(FIRST + HOUR) == "x-20260307T140000Z"
    assert isinstance(machine.ledger.row_at(KEY, FIRST), SlotRow)


def test_a_clock_that_goes_back_by_a_year_leaves_the_next_slot_an_interval_away(machine):
    ahead = NOON + 365 * 86400
    machine.tick(ahead)
    machine.end(machine.tick(ahead + HOUR), ahead + HOUR)

    machine.tick(NOON + 70)

    assert NOON < machine.next_slot() <= NOON + HOUR
    assert machine.check(NOON + 70) == 0


@pytest.mark.parametrize("later", [10 * MINUTE, 90 * MINUTE])
def test_a_run_that_was_skipped_and_is_open_again_counts_unless_a_slot_came_due(machine, later):
    machine.configure("retry = { max_attempts = 2 }")
    machine.tick(NOON)
    run = machine.tick(FIRST)
    machine.end(run, FIRST + 20, "failed")
    with machine.ledger.transaction():
        machine.ledger.record_verdict(KEY, Span(FIRST, FIRST, 1), "skipped", "by hand", run, FIRST + 30)
        machine.ledger.close_run(run, "skipped", "by hand")
        machine.ledger.advance(KEY, FIRST)
    machine.tick(FIRST + MINUTE)
    assert machine.next_slot() == FIRST + MINUTE + HOUR

    with machine.ledger.transaction():
        machine.ledger.reopen(KEY, FIRST, keeps_run=True)
        machine.ledger.reopen_run(run, FIRST + 2 * MINUTE)
    assert machine.tick(FIRST + 2 * MINUTE) == run
    machine.end(run, FIRST + later)

    assert machine.next_slot() == FIRST + HOUR + (later if later < HOUR else MINUTE)
    assert (machine.tick(FIRST + later + 1) is not None) == (later > HOUR)
    assert machine.check(FIRST + later + 1) == 1 + (later > HOUR)
