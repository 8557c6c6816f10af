"""The reason of a handler."""

import pytest

from scheduled.core.runs import AttemptResult
from scheduled.engine.reports import with_outcome
from scheduled.execution.report_file import Reported
from scheduled.handlers.base import Outcome
from scheduled.state.sqlite.row_rules import LONGEST_TEXT
from tests.fixtures.ledgers import an_attempt_result


def test_the_reason_of_a_handler_is_cut_to_what_the_ledger_may_have():
    reported = Reported(outcome=Outcome(status="failed", reason="\U0001f600" * 100_000))
    ended = AttemptResult(
        run_id="a", attempt=1, status="failed", started_at=1, finished_at=2, duration_ms=1000
    )

    assert 0 < len(with_outcome(ended, reported).reason.encode()) < LONGEST_TEXT


@pytest.mark.parametrize(
    ("reason", "outcome", "found"),
    [
        ("expected output that matches", Outcome(status="skipped", reason="no mail"), ("skipped", "no mail", None)),
        ("expected output that matches", Outcome(status="skipped"), ("skipped", "", None)),
        ("expected output that matches", Outcome(status="success"), ("failed", "expected output that matches", "unexpected")),
        ("expected x; post: exit code 4", Outcome(status="skipped"), ("failed", "expected x; post: exit code 4", "unexpected")),
    ],
)  # fmt: skip
def test_nothing_is_expected_of_a_handler_that_found_nothing_to_do(reason, outcome, found):
    ended = an_attempt_result("r", "failed", reason=reason, failure_class="unexpected")
    result = with_outcome(ended, Reported(outcome=outcome))

    assert (result.status, result.reason, result.failure_class) == found
