"""The script that calls an object of another program, in the interpreter that has it. It uses the standard library only.

Its argument is the descriptor to which it writes its answers, one JSON document per line. Its input is a JSON order: with
`find`, the names of modules to find without importing them; otherwise `target` (module:object), and `calls`, each with
`method` ('' for the object itself), `args`, `keywords` and `optional` keywords. The first answer is whether the target was
imported.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import threading
import time
from typing import Any

LONGEST = 500  # characters of a message, or of a value


def main(answers: int) -> int:
    """Execute the order on the standard input, and return 0 if the target was imported."""
    os.set_inheritable(answers, False)
    order = json.loads(sys.stdin.buffer.read().decode())
    threading.Thread(target=_end_after, args=(order["lifetime"],), daemon=True).start()
    sys.path[:0] = order["paths"]
    if "find" in order:
        for name in order["find"]:
            _answer(answers, {"value": _exists(name)})
        return 0
    try:
        target = _imported(order["target"])
    except BaseException as error:  # noqa: BLE001 - also SystemExit, from code of the user
        _answer(answers, {"error": f"cannot be imported: {_text(error)}"})
        return 1
    _answer(answers, {"value": True})
    for call in order["calls"]:
        _answer(answers, _called(target, call))
    return 0


def _end_after(seconds: float) -> None:
    """Kill this process group: the process that started it has been killed, so it cannot do that."""
    time.sleep(seconds)
    os.killpg(0, signal.SIGKILL)


def _exists(name: str) -> bool:
    """Return whether module *name* is found. `importlib.util.find_spec` would import the packages around it."""
    places = None
    parts = name.split(".")
    for end in range(1, len(parts) + 1):
        found = [finder.find_spec(".".join(parts[:end]), places) for finder in sys.meta_path]
        spec = next(filter(None, found), None)
        if spec is None or (end < len(parts) and spec.submodule_search_locations is None):
            return False
        places = spec.submodule_search_locations
    return True


def _imported(target: str) -> object:
    module, _, name = target.partition(":")
    found: object = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found


def _called(target: Any, call: dict[str, Any]) -> dict[str, object]:
    try:
        method = getattr(target, call["method"]) if call["method"] else target
        accepted = {key: value for key, value in call["optional"].items() if _accepts(method, key)}
        return {"value": _plain(method(*call["args"], **call["keywords"], **accepted))}
    except BaseException as error:  # noqa: BLE001 - as above
        return {"error": _text(error)}


def _accepts(function: Any, keyword: str) -> bool:
    import inspect  # rarely needed

    parameters = inspect.signature(function).parameters.values()
    return any(one.name == keyword or one.kind == one.VAR_KEYWORD for one in parameters)


def _plain(value: object) -> object:
    """Return *value*, or None if it is not a short JSON value."""
    try:
        return value if len(json.dumps(value)) <= LONGEST else None
    except (TypeError, ValueError, RecursionError):
        return None


def _text(error: BaseException) -> str:
    words = " ".join(str(error).split())
    return f"{type(error).__name__}: {words}"[:LONGEST]


def _answer(answers: int, document: dict[str, object]) -> None:
    os.write(answers, json.dumps(document).encode() + b"\n")


if __name__ == "__main__":
    if not getattr(sys.flags, "safe_path", False):
        del sys.path[0]  # this script's directory: its modules must not shadow those of the user
    sys.exit(main(int(sys.argv[1])))
