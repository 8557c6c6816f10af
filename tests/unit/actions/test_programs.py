"""Programs that a command needs and that do not exist are found without running it."""

from pathlib import Path

import pytest

from scheduled.actions.programs import missing
from scheduled.core.jobs import Action

PATH = "/usr/bin:/bin"


def found(line: str, directory: str = "/tmp") -> list[str]:
    return list(missing(Action("command", line=line), PATH, directory))


@pytest.mark.parametrize(
    "line",
    [
        "exec nosuch",
        "nohup nosuch x",
        "timeout 5 nosuch",
        "timeout -k 9 5 nosuch",
        "env A=1 nosuch",
        "env -u HOME A=1 B=/x nosuch",
        "nice -n 5 nosuch",
        "nice nohup nosuch",
        "A=1 exec nosuch",
    ],
)
def test_a_program_behind_one_that_starts_it_is_looked_up(line: str) -> None:
    (warning,) = found(line)

    assert warning.startswith("command: there is no program nosuch in the PATH of jobs")


@pytest.mark.parametrize(
    "line", ["exec true", "nohup sh -c x", "env A=1 sh -c x", "env", "nice -n 5 ls", "timeout 5 $X", "env $X"]
)
def test_programs_that_exist_or_are_not_known_are_no_doubt(line: str) -> None:
    assert found(line) == []


def test_a_script_behind_an_interpreter_is_looked_up(tmp_path: Path) -> None:
    assert found("nohup bash nope.sh", str(tmp_path)) == [
        f"command: nope.sh does not exist in {tmp_path}; create it, or correct the path"
    ]
    assert found("bash /nope.sh") == ["command: /nope.sh does not exist; create it, or correct the path"]
