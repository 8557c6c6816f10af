import re
from datetime import UTC, datetime

import pytest

from scheduled.core.events import Event
from scheduled.engine.log import MAX_BYTES, Log, describe, log_path

INSTANT = datetime(2025, 7, 3, 12, 0, 5, tzinfo=UTC).timestamp() + 0.75
LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \| scheduled \| (INFO|WARNING|ERROR) \| .+\n")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "scheduled.log"


def test_a_line_has_the_workspaces_format_and_a_naive_local_stamp(path):
    Log(path, "Europe/Berlin").write(INSTANT, "WARNING", "something happened: ä")

    assert path.read_text() == "2025-07-03 14:00:05 | scheduled | WARNING | something happened: ä\n"


def test_lines_are_appended_to_a_private_file(path):
    for number in range(3):
        Log(path, "UTC").write(INSTANT, "INFO", f"line {number}")

    assert [line.rpartition(" ")[2] for line in path.read_text().splitlines()] == ["0", "1", "2"]
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "message",
    [
        "one\n2025-07-03 14:00:05 | scheduled | ERROR | forged",
        "one\r2025-07-03",
        "one\x1b[2Jtwo",
        "one\u2028two",
        "one\x85two",
        "one\0two",
        "one\udcfftwo",
    ],
)
def test_nothing_in_a_message_can_forge_a_second_line(path, message):
    Log(path, "UTC").write(INSTANT, "INFO", message)

    text = path.read_bytes().decode()
    assert len(text.splitlines()) == 1
    assert LINE.fullmatch(text)
    assert text.isprintable() or text[:-1].isprintable()


def test_a_full_log_is_rotated(path):
    path.write_bytes(b"x" * (MAX_BYTES - 10) + b"\n")

    Log(path, "UTC").write(INSTANT, "INFO", "the first of a new file")
    Log(path, "UTC").write(INSTANT, "INFO", "the second")

    assert [line.rpartition("| ")[2] for line in path.read_text().splitlines()] == [
        "the first of a new file", "the second",
    ]  # fmt: skip
    assert path.with_name("scheduled.log.1").stat().st_size == MAX_BYTES - 9


def test_only_one_rotated_log_is_kept(path):
    for _ in range(3):
        path.write_bytes(b"x" * MAX_BYTES)
        Log(path, "UTC").write(INSTANT, "INFO", "new")

    assert sorted(place.name for place in path.parent.glob("scheduled.log*")) == [
        "scheduled.log",
        "scheduled.log.1",
    ]


def test_a_link_in_place_of_the_log_is_not_followed(path, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    path.symlink_to(victim)

    with pytest.raises(OSError, match="symbolic links"):
        Log(path, "UTC").write(INSTANT, "INFO", "x")

    assert victim.read_text() == "precious"


def test_an_event_is_described_by_its_short_values():
    event = Event(
        name="job_failed", payload={"job": "a", "attempt": 2, "reason": "", "slot": None, "data": {"x": 1}}
    )

    assert describe(event) == "job_failed job=a attempt=2"


def test_the_log_is_in_the_workspace_if_that_has_system_logs(tmp_path):
    state, with_logs, without = tmp_path / "state", tmp_path / "with", tmp_path / "without"
    (with_logs / "system_logs").mkdir(parents=True)
    without.mkdir()

    assert [log_path(state, workspace) for workspace in (with_logs, without, None)] == [
        with_logs / "system_logs" / "scheduled.log",
        state / "scheduled.log",
        state / "scheduled.log",
    ]
