"""The script that runs `python = "module:function"`. Its arguments are the function and, as JSON, keyword arguments."""

import importlib
import json
import os
import sys


def main(target: str, arguments: str) -> int:
    """Call *target* (`module:function`) with *arguments* (JSON), print its result unless it is None, and return 0.

    The module is imported from the working directory or from `sys.path`.
    """
    sys.path.insert(0, os.getcwd())
    module, _, name = target.partition(":")
    function = importlib.import_module(module)
    for part in name.split("."):
        function = getattr(function, part)
    result = function(**json.loads(arguments))  # type: ignore[operator]
    if result is not None:
        print(result)  # noqa: T201 - the run's output
    return 0


if __name__ == "__main__":
    if not sys.flags.safe_path:
        del sys.path[0]  # this script's directory: its modules must not shadow those of the user
    sys.exit(main(*sys.argv[1:]))
