"""Entries of the journal: the native protocol of systemd, on a real datagram socket."""

import errno
import os
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduled.config.files import load_config
from scheduled.core.events import Event
from scheduled.engine import journal
from scheduled.engine.journal import Journal
from scheduled.engine.reporting import Reporting


@pytest.fixture
def receiver(tmp_path, monkeypatch):
    """The socket of a journal."""
    path = str(tmp_path / "socket")
    monkeypatch.setattr(journal, "SOCKET", path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as found:
        found.bind(path)
        found.setblocking(False)
        yield found


def received(receiver):
    """Return the fields of the next entry, read as the protocol defines it."""
    data, fds, _, _ = socket.recv_fds(receiver, 1 << 20, 1)
    if fds:
        assert data == b""
        with open(fds[0], "rb") as file:
            file.seek(0)
            data = file.read()
    return fields(data)


def fields(data):
    found = {}
    while data:
        line, _, data = data.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            size = int.from_bytes(data[:8], "little")
            value, data = data[8 : 8 + size], data[8 + size + 1 :]
        found[name.decode()] = value.decode()
    return found


def test_an_entry_has_the_priority_the_event_and_its_payload(receiver, tmp_path):
    event = Event(name="job_failed", payload={"job": "a", "exit_code": 3, "names": ["x", "y"], "none": None})
    Journal(tmp_path).send("ERROR", "job_failed job=a", event)

    assert received(receiver) == {
        "MESSAGE": "job_failed job=a",
        "PRIORITY": "3",
        "SYSLOG_IDENTIFIER": "scheduled",
        "SCHEDULED_STATE": str(tmp_path),
        "SCHEDULED_EVENT": "job_failed",
        "SCHEDULED_JOB": "a",
        "SCHEDULED_EXIT_CODE": "3",
        "SCHEDULED_NAMES": "x,y",
    }


@given(st.text(st.characters()))
def test_the_value_of_a_field_is_read_as_it_was_sent(value):
    encoded = journal._encoded("MESSAGE", value)

    assert fields(encoded) == {"MESSAGE": value.encode(errors="backslashreplace").decode()}


def test_a_key_that_is_no_name_of_a_field_is_left_out(receiver, tmp_path):
    Journal(tmp_path).send("INFO", "m", Event(name="e", payload={"a b": "x", "_PID": "1", "ä": "y", "ok": 1}))

    assert [name for name in received(receiver) if name.startswith("SCHEDULED_")] == [
        "SCHEDULED_STATE",
        "SCHEDULED_EVENT",
        "SCHEDULED_OK",
    ]


def test_an_entry_that_is_too_large_for_a_datagram_is_complete(receiver, tmp_path):
    message = "x" * 2_000_000
    Journal(tmp_path).send("INFO", message, None)

    assert received(receiver)["MESSAGE"] == message


def test_a_journal_that_reads_nothing_does_not_block(receiver, tmp_path):  # noqa: ARG001 - it exists, and reads nothing
    one = Journal(tmp_path)

    def flood():
        for _ in range(100_000):
            one.send("INFO", "m", None)

    with pytest.raises(BlockingIOError):
        flood()


def reporting(root):
    (root / "scheduled.toml").write_text('timezone = "UTC"\n[log]\njournald = true\n')
    return Reporting(load_config(root / "scheduled.toml"), root)


def logged(found):
    return [line.split(" | ", 3)[3] for line in found.log.path.read_text().splitlines()]


def test_without_a_journal_there_is_one_problem_and_the_log(tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "SOCKET", str(tmp_path / "none"))
    found = reporting(tmp_path)
    found.log_line("INFO", "one")
    found.log_line("INFO", "two")

    problem = f"log.journald: the journal takes no entries: {os.strerror(errno.ENOENT)}; the log is complete in {tmp_path}/scheduled.log"
    assert (found.problems, found.journal_problem, logged(found)) == ([problem], problem, ["one", "two"])


def test_a_journal_that_stops_is_noted_once(receiver, tmp_path):
    found = reporting(tmp_path)
    found.log_line("INFO", "one")
    assert received(receiver)["MESSAGE"] == "one"
    receiver.close()
    found.log_line("INFO", "two")
    found.log_line("INFO", "three")

    assert logged(found) == ["one", found.journal_problem, "two", "three"]
    assert found.problems == [found.journal_problem]
    assert os.strerror(errno.ECONNREFUSED) in found.journal_problem


def test_check_warns_if_there_is_no_journal(receiver):
    assert list(journal.doubts("f.toml")) == []
    receiver.close()

    [warning] = journal.doubts("f.toml")
    assert warning.startswith(f"f.toml: log.journald: {journal.SOCKET}: Connection refused; ")
