import os
import re
from datetime import UTC, datetime

import pytest

from scheduled.core.events import Event
from scheduled.engine.log import MAX_BYTES, Log, describe, log_path
from scheduled.state.files import RefusedError

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


def test_lines_together_are_one_write_that_is_not_split_by_the_rotation(path, monkeypatch):
    path.write_bytes(b"x" * (MAX_BYTES - 60))
    writes = []
    monkeypatch.setattr(
        os, "write", lambda fd, data: writes.append((os.readlink(f"/proc/self/fd/{fd}"), data))
    )
    log = Log(path, "UTC")
    with log.together():
        log.write(INSTANT, "INFO", "one")
        log.write(INSTANT, "INFO", "two")

    [(written, data)] = writes
    assert (written, [line[-3:] for line in data.decode().splitlines()]) == (str(path), ["one", "two"])
    assert path.with_name(f"{path.name}.1").stat().st_size == MAX_BYTES - 60


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


@pytest.mark.parametrize("planted", ["FIFO", "symbolic link", "directory"])
def test_what_is_in_the_place_of_the_log_is_named(path, planted):
    make = {
        "FIFO": os.mkfifo,
        "symbolic link": lambda place: place.symlink_to("x"),
        "directory": type(path).mkdir,
    }
    make[planted](path)

    with pytest.raises(RefusedError, match=f"scheduled.log: is a {planted}.*; move it away") as raised:
        Log(path, "UTC").write(INSTANT, "INFO", "x")
    assert "Errno" not in str(raised.value)


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

    with pytest.raises(OSError, match="is a symbolic link"):
        Log(path, "UTC").write(INSTANT, "INFO", "x")

    assert victim.read_text() == "precious"


def test_a_log_with_another_name_is_not_appended_to(path, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    os.link(victim, path)

    with pytest.raises(RefusedError, match=r"scheduled.log: is a hard link: .* move it away"):
        Log(path, "UTC").write(INSTANT, "INFO", "x")

    assert victim.read_text() == "precious"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of other users")
def test_a_log_of_another_user_is_not_appended_to(path):
    path.touch()
    os.chown(path, 4711, 4711)

    with pytest.raises(RefusedError, match=r"scheduled.log: belongs to user 4711"):
        Log(path, "UTC").write(INSTANT, "INFO", "x")

    assert path.read_bytes() == b""


def test_a_log_directory_that_became_a_link_to_outside_is_not_written(tmp_path):
    workspace = tmp_path / "workspace"
    (workspace / "system_logs").mkdir(parents=True)
    log = Log.of(tmp_path / "state", workspace, "UTC")
    log.write(INSTANT, "INFO", "inside")
    (workspace / "system_logs").rename(tmp_path / "elsewhere")
    (workspace / "system_logs").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(RefusedError, match="is a link to outside"):
        log.write(INSTANT, "INFO", "outside")

    assert "outside" not in (tmp_path / "elsewhere/scheduled.log").read_text()


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
