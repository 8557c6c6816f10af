"""A `python` action imports the module that the user wrote."""

import json
import subprocess
import sys

from scheduled.actions import python_call


def test_a_function_may_be_in_a_module_with_the_name_of_a_module_of_the_program(tmp_path):
    (tmp_path / "registry.py").write_text("def hello(name):\n    return f'hello {name}'\n")

    done = subprocess.run(
        [sys.executable, python_call.__file__, "registry:hello", json.dumps({"name": "you"})],
        env={"PYTHONPATH": str(tmp_path)},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.stdout, done.stderr) == ("hello you\n", "")
