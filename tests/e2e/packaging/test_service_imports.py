"""`scheduled.service` imports only the modules of the functions that are used."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("use", "imported"),
    [
        ("", set()),
        (
            "service.Instance",
            {"scheduled.instance", "scheduled.paths", "scheduled.digests", "scheduled.errors"},
        ),
    ],
)
def test_it_imports_only_what_is_used(use, imported):
    code = (
        "import sys; before = {*sys.modules}; from scheduled import service\n"
        f"{use}\n"
        "print(*({*sys.modules} - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    ours = {name for name in done.stdout.split() if name.startswith("scheduled.")}
    assert ours - {"scheduled.service"} <= imported
    assert use or set(done.stdout.split()) <= {"scheduled", "scheduled.service"}


def test_run_imports_only_its_own_module_of_commands_and_queries():
    code = "import sys; from scheduled import service; service.run; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    ours = {
        name for name in done.stdout.split() if name.startswith(("scheduled.queries.", "scheduled.commands."))
    }
    assert ours == {"scheduled.commands.run", "scheduled.commands.ticked"}
