"""What a handler's outcome adds to the output of its run."""

import pytest

from scheduled.execution.handler_run import explanations
from scheduled.handlers.base import Outcome


@pytest.mark.parametrize(
    ("outcome", "lines"),
    [
        (Outcome(data={"errors": 2, "problems": ["A: in.json cannot be parsed", "B: busy"]}), ["A: in.json cannot be parsed", "B: busy"]),
        (Outcome(status="failed", reason="disk full", data={"problems": ["A: odd", "disk full"]}), ["A: odd", "disk full"]),
        (Outcome(status="skipped", reason="nothing to do"), ["nothing to do"]),
        (Outcome(data={"problems": 3}), []),
        (Outcome(data={"problems": ["a\x1b[2Jb"]}), ["a\\x1b[2Jb"]),
        (Outcome(), []),
    ],
)  # fmt: skip
def test_every_problem_is_a_line_of_the_output(outcome, lines):
    assert explanations(outcome) == lines
