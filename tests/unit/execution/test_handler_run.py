"""What a handler's outcome adds to the output of its run."""

import pytest

from scheduled.errors import StateError
from scheduled.execution import handler_run
from scheduled.execution.handler_run import explanations, serve
from scheduled.execution.protocol import Spec
from scheduled.execution.report_file import read_report
from scheduled.handlers.base import Outcome
from scheduled.state.links import RefusedError


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RefusedError("/x: is not regular"), "/x: is not regular"),
        (StateError("locked"), "locked"),
        (ValueError("odd"), "ValueError: odd"),
    ],
)
def test_only_an_error_without_a_message_for_the_user_is_named_by_its_type(
    tmp_path, monkeypatch, error, reason
):
    def fails(*_):
        raise error

    monkeypatch.setattr(handler_run, "_run", fails)
    spec = Spec(run_id="x", attempt=1, job="x", task={}, cwd="/", env={}, timeout=9, output="", output_limit=9,
                report=str(tmp_path / "report"))  # fmt: skip

    assert serve(spec) == 1
    assert read_report(tmp_path / "report").outcome.reason == reason


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
