"""The fixture `no_process` applies to every unit test."""

import os
import subprocess

import pytest


@pytest.mark.parametrize(("module", "name"), [(subprocess, "run"), (os, "fork"), (os, "system")])
def test_a_unit_test_cannot_start_a_process(module, name):
    arguments = [] if name == "fork" else [["true"]]
    with pytest.raises(AssertionError, match="tests/e2e"):
        getattr(module, name)(*arguments)
