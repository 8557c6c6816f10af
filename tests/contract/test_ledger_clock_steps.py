"""The contract of every ledger for clocks that are set back and corrected later."""

import pytest

from scheduled.core.keys import JobKey
from scheduled.core.records import SavedPosition
from scheduled.core.runs import Span
from tests.fixtures.ledgers import DAILY, HOUR


@pytest.fixture
def ahead(ledger):
    """A ledger in which the job's position is at hour five, with a success at hours two and five."""
    with ledger.transaction():
        for hour, verdict in ((2, "success"), (3, "failed"), (5, "success")):
            ledger.record_verdict(
                JobKey("job"), Span(hour * HOUR, hour * HOUR, 1), verdict, "", f"run-{hour}", 9
            )
            ledger.succeeded(JobKey("job"), hour * HOUR if verdict == "success" else None)
        ledger.advance(JobKey("job"), 5 * HOUR)
        ledger.end_epoch(JobKey("job"), 4 * HOUR)
        ledger.begin_epoch(JobKey("job"), DAILY, 4 * HOUR)
    return ledger


def all_of(ledger):
    return ledger.job_states(), ledger.epochs(), list(ledger.slot_rows())


def test_rewinding_keeps_the_slots_until_then_and_sets_the_later_ones_aside(ahead):
    with ahead.transaction():
        ahead.rewind(JobKey("job"), 3 * HOUR)

    job_state = ahead.job_states()[JobKey("job")]
    assert (job_state.position, job_state.window_start, job_state.epoch) == (3 * HOUR, 2 * HOUR, 3 * HOUR)
    assert [row.span.first // HOUR for row in ahead.slot_rows()] == [2, 3]
    assert ahead.saved_positions() == [SavedPosition("job", 5 * HOUR, 3 * HOUR)]


def test_once_the_clock_is_corrected_everything_is_restored(ahead):
    before = all_of(ahead)
    with ahead.transaction():
        ahead.rewind(JobKey("job"), 3 * HOUR)
        ahead.rewind(JobKey("job"), HOUR)
        ahead.restore_positions(JobKey("job"), 5 * HOUR)

    assert (all_of(ahead), ahead.saved_positions()) == (before, [])


def test_slots_that_were_set_aside_can_be_forgotten(ahead):
    with ahead.transaction():
        ahead.rewind(JobKey("job"), 3 * HOUR)
        ahead.delete_saved_position(SavedPosition("job", 5 * HOUR, HOUR))
        kept = ahead.saved_positions()
        ahead.delete_saved_position(SavedPosition("job", 5 * HOUR, 3 * HOUR))

    assert (len(kept), ahead.saved_positions()) == (1, [])
