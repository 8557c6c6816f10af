"""The reason of a handler."""

from scheduled.core.runs import AttemptResult
from scheduled.engine.reports import with_outcome
from scheduled.execution.report_file import Reported
from scheduled.handlers.base import Outcome
from scheduled.state.sqlite.row_rules import LONGEST_TEXT


def test_the_reason_of_a_handler_is_cut_to_what_the_ledger_may_have():
    reported = Reported(outcome=Outcome(status="failed", reason="\U0001f600" * 100_000))
    ended = AttemptResult(
        run_id="a", attempt=1, status="failed", started_at=1, finished_at=2, duration_ms=1000
    )

    assert 0 < len(with_outcome(ended, reported).reason.encode()) < LONGEST_TEXT
