"""`python = "module:function"`: run as a script, given the target and its keyword arguments as JSON."""

import importlib
import json
import os
import sys


def main(target: str, arguments: str) -> int:
    """Import `module:function` from the working directory or the interpreter's path, call it, print its answer."""
    sys.path.insert(0, os.getcwd())
    module, _, name = target.partition(":")
    function = importlib.import_module(module)
    for part in name.split("."):
        function = getattr(function, part)
    answer = function(**json.loads(arguments))  # type: ignore[operator]
    if answer is not None:
        print(answer)  # noqa: T201 - the run's output
    return 0


if __name__ == "__main__":
    if not sys.flags.safe_path:
        del sys.path[0]  # this script's directory, whose modules are no modules of the user's
    sys.exit(main(*sys.argv[1:]))
