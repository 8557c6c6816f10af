"""The manual page has the help texts of the command line."""

import runpy
import shutil
import subprocess
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[3] / "docs"


def test_the_page_is_generated_from_this_command_line():
    page = runpy.run_path(str(DOCS / "man.py"))["page"]()

    assert (DOCS / "scheduled.1").read_text() == page, "run `python docs/man.py`"


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
def test_groff_formats_the_page_without_warnings():
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", "-z", DOCS / "scheduled.1"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stderr == ""
