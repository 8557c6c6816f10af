"""A ledger that is older than the snapshot: what is taken from the snapshot, and what does not run again."""

import fcntl
import os
import shutil
from contextlib import closing

import pytest

from scheduled.core.keys import JobKey
from scheduled.core.records import CHAIN
from scheduled.core.runs import Span, StartRequest
from scheduled.core.starts import Start
from scheduled.engine.claims import take
from scheduled.errors import BusyError
from scheduled.paths import Paths
from scheduled.state import directories, snapshot, snapshot_summary
from scheduled.state.open import read_only
from scheduled.state.restore import open_ledger
from scheduled.state.rollback import REASON
from tests.fixtures.ledgers import (
    CLAIMANT,
    DAILY,
    HOUR,
    HOURLY,
    LEDGERS,
    a_claim,
    an_attempt_result,
    wait_for_retry,
)

NOW = 1_770_127_200.0
A, B = JobKey("job"), JobKey("b")


class Rolled:
    """A state, and an earlier copy of its ledger."""

    def __init__(self, root):
        self.paths = Paths(root / "state")
        directories.prepare(self.paths)
        self.copy = root / "copy.db"

    def change(self, *steps):
        with closing(LEDGERS["sqlite"](self.paths.root)) as ledger:
            for step in steps:
                with ledger.transaction():
                    step(ledger)

    def keep_copy(self):
        shutil.copy(self.paths.ledger, self.copy)

    def publish(self):
        with closing(LEDGERS["sqlite"](self.paths.root)) as ledger:
            document = snapshot_summary.summary(ledger, {}, "UTC", int(NOW))
        snapshot.publish(self.paths.snapshot, document, next_due=None, edited=0, now=NOW, zone="UTC")

    def put_back(self):
        shutil.copy(self.copy, self.paths.ledger)

    def open(self):
        return open_ledger(self.paths, NOW)

    def repairs(self):
        """Open and close the ledger; return the messages about its repairs."""
        ledger, repairs = self.open()
        ledger.close()
        return repairs


@pytest.fixture
def rolled(tmp_path):
    """A state with an hourly job at 7200, of which a copy was kept."""
    found = Rolled(tmp_path)
    found.change(lambda ledger: ledger.begin_epoch(A, HOURLY, 2 * HOUR))
    return found


def rows(ledger, key=A):
    return [(row.span, row.verdict, row.reason, row.run_id) for row in ledger.slot_rows() if row.key == key]


def success(slot):
    def step(ledger):
        ledger.claim(a_claim(slot), CLAIMANT, 5.5)
        ledger.ended(an_attempt_result(f"run-{slot}"), "success", None, None)
        ledger.record_verdict(A, Span(slot, slot, 1), "success", "", f"run-{slot}", 9)
        ledger.advance(A, slot)

    return step


def test_positions_come_from_the_snapshot_and_the_slots_up_to_them_are_recorded_as_lost(rolled):
    rolled.keep_copy()
    rolled.change(success(3 * HOUR), success(4 * HOUR))
    rolled.publish()
    rolled.put_back()

    with read_only(rolled.paths) as foreseen:
        assert (rows(foreseen), foreseen.job_states()[A].position) == (
            [(Span(3 * HOUR, 4 * HOUR, 2), "skipped", REASON, None)],
            4 * HOUR,
        )
        assert f"{rolled.paths.ledger}: is older than scheduled_state.json (gen" in rolled.paths.lost
        assert rolled.paths.lost.endswith("runs one now")
    ledger, repairs = rolled.open()
    with closing(ledger):
        assert (rows(ledger), ledger.job_states()[A].position) == (
            [(Span(3 * HOUR, 4 * HOUR, 2), "skipped", REASON, None)],
            4 * HOUR,
        )
    message = (
        f"{rolled.paths.ledger}: is older than scheduled_state.json (generation 1, and not 3): an old copy was put back, or"
        " its write-ahead log was lost; the slots that were decided since do not run again, and are recorded as skipped"
        " (job: 2 up to 1970-01-01T04:00:00Z)"
    )
    assert repairs == [message]
    assert rolled.paths.lost is None
    assert rolled.repairs() == []  # reported once
    with read_only(rolled.paths):
        assert rolled.paths.lost is None


def test_a_ledger_that_is_ahead_of_the_snapshot_is_not_rolled_back(rolled):
    rolled.publish()
    rolled.change(success(3 * HOUR))  # a tick that is killed before it publishes

    ledger, repairs = rolled.open()

    with closing(ledger):
        assert (repairs, ledger.job_states()[A].position) == ([], 3 * HOUR)


def test_positions_never_go_back(rolled):
    rolled.change(success(3 * HOUR))
    rolled.keep_copy()
    rolled.change(lambda ledger: ledger.rewind(A, 2 * HOUR))
    rolled.publish()
    rolled.put_back()

    with closing(rolled.open()[0]) as ledger:
        assert ledger.job_states()[A].position == 3 * HOUR


def test_a_snapshot_that_was_edited_by_hand_rolls_nothing_back(rolled):
    rolled.publish()
    path = rolled.paths.snapshot
    path.write_bytes(path.read_bytes().replace(b'"generation": 1', b'"generation": 9'))

    assert b'"generation": 9' in path.read_bytes()
    assert rolled.repairs() == []


def test_a_waiting_retry_of_a_slot_that_was_decided_later_does_not_run_again(rolled):
    def decide(ledger):
        ledger.ended(an_attempt_result(f"run-{3 * HOUR}", attempt=2), "success", None, None)
        ledger.record_verdict(A, Span(3 * HOUR, 3 * HOUR, 1), "success", "", f"run-{3 * HOUR}", 9)
        ledger.advance(A, 3 * HOUR)

    with closing(LEDGERS["sqlite"](rolled.paths.root)) as ledger:
        wait_for_retry(ledger, 3 * HOUR)
    rolled.keep_copy()
    rolled.change(decide, success(4 * HOUR))
    rolled.publish()
    rolled.put_back()

    with closing(rolled.open()[0]) as ledger:
        assert ledger.open_runs() == []
        assert rows(ledger) == [
            (Span(3 * HOUR, 3 * HOUR, 1), "skipped", REASON, f"run-{3 * HOUR}"),
            (Span(4 * HOUR, 4 * HOUR, 1), "skipped", REASON, None),
        ]


def test_a_retry_that_still_waited_continues(rolled):
    with closing(LEDGERS["sqlite"](rolled.paths.root)) as ledger:
        wait_for_retry(ledger, 3 * HOUR)
    rolled.keep_copy()
    rolled.change(lambda ledger: ledger.pause(A, None))
    rolled.publish()
    rolled.put_back()

    with closing(rolled.open()[0]) as ledger:
        assert [run.run_id for run in ledger.open_runs()] == [f"run-{3 * HOUR}"]
        assert ledger.pauses(0) == {A: None}


def test_runs_of_events_and_chains_and_start_requests_do_not_start_twice(rolled):
    request = StartRequest(
        id=0, job="job", event="news", payload={}, at=0, parent="", step=0, depth=0, target=""
    )

    def requests(ledger):
        ledger.claim(a_claim(None, run_id="event", trigger="event"), CLAIMANT, 5.5)
        ledger.claim(a_claim(3 * HOUR, run_id="chain"), CLAIMANT, 5.5)
        ledger.begin_chain("chain", {})
        ledger.claim(a_claim(None, run_id="step", trigger="chain", parent="chain"), CLAIMANT, 5.5)
        ledger.request_start(request, 6)

    rolled.change(requests)
    with closing(LEDGERS["sqlite"](rolled.paths.root)) as ledger:
        assert ledger.run("chain").tick == CHAIN
    rolled.keep_copy()
    rolled.change(lambda ledger: ledger.take_start_request(1))
    rolled.publish()
    rolled.put_back()

    ledger, (message,) = rolled.open()
    with closing(ledger):
        assert (ledger.open_runs(), ledger.start_requests()) == ([], [])
        assert [ledger.run(name).reason for name in ("event", "chain", "step")] == [REASON] * 3
        assert rows(ledger) == [(Span(3 * HOUR, 3 * HOUR, 1), "skipped", REASON, "chain")]
    assert message.endswith("; ended without a result: event, step, chain, and 1 more")


def test_edits_new_jobs_overrides_and_pauses_come_from_the_snapshot(rolled):
    rolled.change(
        lambda ledger: ledger.override(B, enabled=False),
        lambda ledger: ledger.pause(B, None),
        lambda ledger: ledger.mute(B, None),
    )
    rolled.keep_copy()

    def edit(ledger):
        ledger.end_epoch(A, 3 * HOUR)
        ledger.begin_epoch(A, DAILY, 5 * HOUR)
        ledger.begin_epoch(B, HOURLY, 4 * HOUR)
        ledger.override(B, None)
        ledger.override(A, enabled=True)
        ledger.resume(B)
        ledger.unmute(B)
        ledger.mute(A, None)

    rolled.change(edit)
    rolled.publish()
    rolled.put_back()
    opened, (report,) = rolled.open()

    assert report.endswith(
        "; no longer in force, because only the older ledger has it: b disabled, b paused, b muted"
    )
    with closing(opened) as ledger:
        states = ledger.job_states()
        assert {key: (state.position, state.schedules) for key, state in states.items()} == {
            A: (5 * HOUR, DAILY),
            B: (4 * HOUR, HOURLY),
        }
        assert (ledger.overrides(), ledger.pauses(0), ledger.mutes(0)) == ({A: True}, {}, {A: None})


def test_a_run_of_a_slot_that_the_lost_ledger_may_have_started_gets_another_id(rolled):
    rolled.keep_copy()
    rolled.change(success(3 * HOUR))
    rolled.publish()
    rolled.put_back()
    late = int(NOW) + HOUR

    with closing(rolled.open()[0]) as ledger, ledger.transaction():
        taken = [
            start.claim.run_id
            for slot in (4 * HOUR, late)
            for start in take(ledger, [Start(claim=a_claim(slot))], CLAIMANT, NOW)
        ]

    assert taken == [f"run-{4 * HOUR}-1", f"run-{late}"]  # the tick is called tick-1


def test_a_lost_ledger_is_no_rolled_back_one_after_it_was_restored(rolled):
    rolled.change(success(3 * HOUR), success(4 * HOUR))
    rolled.publish()
    rolled.paths.ledger.unlink()

    assert [len(rolled.repairs()) for _ in range(2)] == [1, 0]
    with read_only(rolled.paths):
        assert rolled.paths.lost is None


def test_as_long_as_a_tick_of_the_lost_ledger_runs_jobs_nothing_starts(rolled):
    rolled.keep_copy()
    rolled.change(success(3 * HOUR))
    rolled.publish()
    rolled.put_back()
    before = rolled.paths.ledger.read_bytes()
    results = rolled.paths.results_of("tick-9")
    fd = os.open(results, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        os.write(fd, b"{}\n")
        with pytest.raises(BusyError, match="tick-9 still runs jobs of the newer one"):
            rolled.open()
    finally:
        os.close(fd)

    assert rolled.paths.ledger.read_bytes() == before
    assert len(rolled.repairs()) == 1
