"""The tick's side of the pipe to its supervisor."""

import os
from collections import deque

from scheduled.execution import client
from scheduled.execution.client import SupervisorClient
from scheduled.execution.protocol import Spec, Stop, decode_order


def test_a_stop_in_the_middle_of_an_order_is_sent_after_it(monkeypatch):
    """A signal handler may stop the supervisor at any moment, also between two parts of an order."""
    sent, real = SupervisorClient.__new__(SupervisorClient), os.write
    reading, writing = os.pipe()
    sent._orders, sent._unsent, sent._sending = writing, deque(), False

    def write_a_part(fd, data):
        monkeypatch.setattr(client.os, "write", real)
        written = real(fd, data[: len(data) // 2])
        sent.stop()
        return written

    monkeypatch.setattr(client.os, "write", write_a_part)
    spec = Spec(
        run_id="a", job="a", attempt=1, argv=("true",), cwd="/", env={}, timeout=1, output_limit=1, output="a", report="a",
    )  # fmt: skip
    sent.submit(spec)

    orders = [decode_order(line) for line in os.read(reading, 65536).splitlines()]
    os.close(reading)
    os.close(writing)
    assert orders == [spec, Stop()]
