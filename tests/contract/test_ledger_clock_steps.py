"""What every ledger must do when the clock goes back, and comes right again."""

import pytest

from scheduled.core.keys import JobKey
from scheduled.core.records import SetAside
from scheduled.core.runs import Span
from tests.fixtures.ledgers import DAILY, HOUR


@pytest.fixture
def ahead(ledger):
    """A ledger whose job stands at five hours, with a success at two and at five."""
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


def test_going_back_leaves_what_was_until_then_and_lays_the_rest_aside(ahead):
    with ahead.transaction():
        ahead.rewind(JobKey("job"), 3 * HOUR)

    job_state = ahead.job_states()[JobKey("job")]
    assert (job_state.position, job_state.window_start, job_state.epoch) == (3 * HOUR, 2 * HOUR, 3 * HOUR)
    assert [row.span.first // HOUR for row in ahead.slot_rows()] == [2, 3]
    assert ahead.laid_aside() == [SetAside("job", 5 * HOUR, 3 * HOUR)]


def test_once_the_clock_is_right_again_all_is_as_it_was(ahead):
    before = all_of(ahead)
    with ahead.transaction():
        ahead.rewind(JobKey("job"), 3 * HOUR)
        ahead.rewind(JobKey("job"), HOUR)
        ahead.take_back(JobKey("job"), 5 * HOUR)

    assert (all_of(ahead), ahead.laid_aside()) == (before, [])


def test_what_is_laid_aside_can_be_forgotten(ahead):
    with ahead.transaction():
        ahead.rewind(JobKey("job"), 3 * HOUR)
        ahead.forget_aside(SetAside("job", 5 * HOUR, HOUR))
        kept = ahead.laid_aside()
        ahead.forget_aside(SetAside("job", 5 * HOUR, 3 * HOUR))

    assert (len(kept), ahead.laid_aside()) == (1, [])
