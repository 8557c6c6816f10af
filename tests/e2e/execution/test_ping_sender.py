"""The process that sends heartbeats, and its children."""

import os
import signal
import socket
from pathlib import Path

import pytest

from scheduled.execution import process
from scheduled.execution.ping_sender import PingSender


def test_a_stop_at_the_moment_a_ping_is_started_leaves_no_process(tmp_path, monkeypatch):
    fork, tick, note = os.fork, os.getpid(), tmp_path / "child"

    def fork_and_be_stopped():
        pid = fork()
        if pid and os.getpid() != tick:
            note.write_text(str(pid))
            os.kill(os.getpid(), signal.SIGTERM)
        return pid

    monkeypatch.setattr(os, "fork", fork_and_be_stopped)
    with socket.create_server(("127.0.0.1", 0)) as never_answers:
        sender = PingSender(dict)
        sender.send(f"http://127.0.0.1:{never_answers.getsockname()[1]}/a", "", "start", None, "job", b"")
        while sender.answers(60) is not None:
            pass
        sender.close()

        assert not Path("/proc", note.read_text()).exists()


def test_an_answer_that_is_not_read_any_more_leaves_no_process(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as never_answers:
        sender = PingSender(lambda: {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)})
        sender.send(f"http://127.0.0.1:{never_answers.getsockname()[1]}/a", "", "start", None, "job", b"")
        sender.send(
            f"command:until [ -e {tmp_path}/go ]; do sleep 0.01; done; exit 1", "", "start", None, "job", b""
        )
        children = Path(f"/proc/{sender._pid}/task/{sender._pid}/children")
        while len(pids := children.read_text().split()) < 2:
            pass
        sender._channel.close()
        (tmp_path / "go").touch()  # now an answer cannot be sent
        while len(children.read_text().split()) == 2:
            pass
        process.signal_group(sender._pid, signal.SIGTERM)
        os.waitpid(sender._pid, 0)

        assert [pid for pid in pids if Path("/proc", pid).exists()] == []


def test_a_command_that_prints_the_address_does_not_ignore_sigterm(tmp_path):
    shown = tmp_path / "status"
    sender = PingSender(lambda: {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)})
    sender.send(f"command:cp /proc/self/status {shown}; exit 1", "", "start", None, "job", b"")
    while not (answers := sender.answers(60)):
        pytest.fail("the process has died") if answers is None else None
    sender.close()

    fields = dict(line.split(":\t", 1) for line in shown.read_text().splitlines() if ":\t" in line)
    assert not int(fields["SigBlk"], 16) >> signal.SIGTERM - 1 & 1
