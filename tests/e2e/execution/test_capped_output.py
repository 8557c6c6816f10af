"""The output file of a process that prints is cut without disturbing the process."""

import os
import subprocess
import sys

import pytest

from scheduled.execution import capped_output
from scheduled.execution.capped_output import CappedOutput
from scheduled.execution.process import open_output


@pytest.fixture
def path(tmp_path):
    return tmp_path / "out.log"


def capped(path, limit):
    return CappedOutput(open_output(str(path)), limit)


FLOOD = """
import os
for n in range(20000):
    os.write(1, b"%09d\\n" % n)
os.write(2, b".")
os.read(0, 1)
os.write(1, b"the end")
"""


def test_a_job_that_prints_while_its_file_is_cut_is_not_disturbed(path, monkeypatch):
    monkeypatch.setattr(capped_output, "FLOOD", 0)
    output = capped(path, 1 << 12)
    with subprocess.Popen(
        [sys.executable, "-c", FLOOD], stdin=subprocess.PIPE, stdout=output.fd, stderr=subprocess.PIPE
    ) as writer:
        os.set_blocking(writer.stderr.fileno(), False)
        while writer.stderr.read(1) is None:
            output.grew()
        writer.communicate(b"x")
    output.close()

    kept = path.read_bytes()
    assert kept.startswith(b"000000000\n000000001\n")
    assert kept.endswith(b"\nthe end")
    assert b"\0" not in kept
    assert len(kept) <= (1 << 12) + 40
