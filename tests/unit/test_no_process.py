"""The fixture `no_process` applies to every unit test."""

import multiprocessing
import os
import subprocess

import pytest


def fork():
    return os.fork()


@pytest.mark.parametrize(
    "start",
    [
        lambda: subprocess.run(["true"], check=True),
        fork,
        lambda: os.execv("/bin/true", ["true"]),
        lambda: multiprocessing.get_context("spawn").Process().start(),
    ],
)
def test_a_unit_test_cannot_start_a_process(start):
    with pytest.raises(AssertionError, match="tests/e2e"):
        start()
