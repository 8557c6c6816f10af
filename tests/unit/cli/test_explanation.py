"""The facts of an explanation on a terminal."""

import pytest

from scheduled.cli.render_jobs import explanation

RUN = {"run_id": "job-1", "status": "running", "reason": None, "finished_at": None}


@pytest.mark.parametrize(
    ("last_runs", "lines"),
    [
        ([RUN], ["  run               job-1  running  not ended"]),
        ([], ["  run               job-1"]),
    ],
)
def test_the_run_under_way_has_one_line(capsys, last_runs, lines):
    explanation({"sentence": "It is running.", "run": "job-1", "last_runs": last_runs})

    assert capsys.readouterr().out.splitlines()[1:] == lines
