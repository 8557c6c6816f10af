"""Log lines are counted by their level field and time, in all formats that the workspace's programs use."""

import os
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from scheduled.handlers.formats.branches import Branch
from scheduled.handlers.workspace.logs import PIECE, LogFile, Window, branch_of, read_logs
from scheduled.handlers.workspace.workspace import Workspace
from tests.fixtures.sample_workspace import NOW

HOUR = timedelta(hours=1)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "system_logs").mkdir()
    return Workspace(root=tmp_path, branches=(Branch(name="FLOW", address="@flow", path=f"{tmp_path}/flow"),))


def read(workspace: Workspace, now: datetime = NOW, zone: str = "UTC", **texts: str) -> list[LogFile]:
    for name, text in texts.items():
        (workspace.logs / name.replace("__", ".")).write_text(text)
    return list(read_logs(workspace, Window(now, HOUR, ZoneInfo(zone))))


def levels(logs: list[LogFile]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for log in logs:
        total.update(log.levels)
    return dict(total)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("2026-02-03 13:30:00 | captured_x | ERROR | [x] text", {"ERROR": 1}),
        ("2026-02-03 13:30:00 - captured_x - ERROR - text", {"ERROR": 1}),
        ("2026-02-03 13:30:00,123 - telegram - WARNING - text", {"WARNING": 1}),
        ("2026-02-03 13:30:00 [CRITICAL] text", {"CRITICAL": 1}),
        ("2026-02-03T13:30:00.123456 | x | ERROR | text", {"ERROR": 1}),
        ("2026-02-03 13:30:00 | x | ERROR    | padded", {"ERROR": 1}),
        ("2026-02-03 13:30:00 | x | INFO | no ERROR in last batch", {}),
        ("2026-02-03 13:30:00 | x | INFO | a | ERROR | b", {}),
        ("2026-02-03 13:30:00 [INFO] printed [ERROR]", {}),
        ("2026-02-03 13:30:00 - x - INFO - this - ERROR - that", {}),
        ("ValueError: bad ERROR payload", {}),
        ("  2026-02-03 13:30:00 | x | ERROR | quoted, not at the start", {}),
        ("2026-02-03 13:00:00 | x | ERROR | an hour ago is too long", {}),
        ("2026-02-03 13:00:01 | x | ERROR | text", {"ERROR": 1}),
        ("2026-02-03 14:00:00 | x | ERROR | now", {"ERROR": 1}),
        ("2026-02-03 14:00:01 | x | ERROR | not yet", {}),
        ("2026-99-99 13:30:00 | x | ERROR | no such day", {}),
        ("\x00\x01\x02", {}),
    ],
)
def test_a_line_counts_by_its_level_field_and_time(
    workspace: Workspace, line: str, expected: dict[str, int]
) -> None:
    assert expected == levels(read(workspace, flow_x__log=f"2026-02-03 09:00:00 | x | ERROR | old\n{line}\n"))


def test_the_rotated_part_counts_as_part_of_its_log(workspace: Workspace) -> None:
    """A rotation within the hour moves lines of the same hour to the rotated part."""
    line = "2026-02-03 13:30:00 | x | ERROR | text\n"

    (log,) = read(workspace, flow_x__log=line, flow_x__log__1=line)

    assert (len(line), {"ERROR": 2}) == (log.size, log.levels)


def test_the_log_of_scheduled_is_not_counted(workspace: Workspace) -> None:
    line = "2026-02-03 13:30:00 | x | ERROR | text\n"

    assert read(workspace, scheduled__log=line, scheduled__log__1=line) == []


def test_times_are_local_in_the_workspaces_zone(workspace: Workspace) -> None:
    text = "2026-02-03 14:30:00 | x | ERROR | text\n"

    assert levels(read(workspace, zone="Europe/Berlin", flow_x__log=text)) == {"ERROR": 1}


def test_in_the_repeated_hour_of_a_clock_change_a_line_counts_in_both(workspace: Workspace) -> None:
    text = "2026-10-25 01:30:00 | x | ERROR | before\n2026-10-25 02:30:00 | x | ERROR | text\n"
    first, second = (datetime(2026, 10, 25, hour, 45, tzinfo=UTC) for hour in (0, 1))

    found = [levels(read(workspace, now, "Europe/Berlin", flow_x__log=text)) for now in (first, second)]

    assert found == [{"ERROR": 1}, {"ERROR": 1}]


def test_only_the_end_of_a_large_log_is_read(workspace: Workspace) -> None:
    old = "2026-02-03 02:00:00 | x | ERROR | old\n" * 20_000
    path = workspace.logs / "flow_x.log"
    with path.open("w") as file:
        file.truncate(1 << 30)
        file.seek(1 << 30)
        file.write("\n" + old + "2026-02-03 13:30:00 | x | ERROR | text\n")
    started = time.process_time()

    found = levels(read(workspace))

    assert found == {"ERROR": 1}
    assert time.process_time() - started < 0.5


def test_an_hour_longer_than_one_piece_is_counted_completely(workspace: Workspace) -> None:
    line = "2026-02-03 13:30:00 | x | WARNING | " + "x" * 100 + "\n"
    number = 10 * PIECE // len(line)

    text = "2026-02-03 09:00:00 | x | INFO | old\n" * 9000 + line * number
    assert {"WARNING": number} == levels(read(workspace, flow_x__log=text))


def test_a_line_before_a_long_traceback_is_counted(workspace: Workspace) -> None:
    text = "2026-02-03 13:30:00 | x | ERROR | text\n" + "  File x\n" * PIECE

    assert levels(read(workspace, flow_x__log=text)) == {"ERROR": 1}


@pytest.mark.timeout(20)
def test_files_that_are_not_regular_are_reported_and_do_not_block(workspace: Workspace) -> None:
    os.mkfifo(workspace.logs / "a.log")
    (workspace.logs / "b.log").mkdir()
    (workspace.logs / "c.log").symlink_to("/dev/zero")

    problems = [log.problem for log in read(workspace)]

    assert [f"{letter}.log was skipped" for letter in "abc"] == [text.partition(":")[0] for text in problems]


def test_a_log_belongs_to_the_longest_branch_name_that_it_begins_with() -> None:
    names = ("AI", "AI_MAIL", "MEMORY_BANK", "BACKUP_SYSTEM")
    branches = tuple(Branch(name=name, address="", path="") for name in names)
    logs = ("ai_mail_email.log", "MEMORY_BANK_rollover.log", "ai_x.log", "ai.log", "air_x.log")

    expected = ["AI_MAIL", "MEMORY_BANK", "AI", "AI", None]
    assert expected == [branch_of(log, branches) for log in logs]
