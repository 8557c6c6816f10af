"""`scheduled run` exactly as the crontab calls it: a tick without the import of click, to save time."""

import os
import sys

from scheduled import advice
from scheduled.cli.reply import exit_code_of, run_tick
from scheduled.instance import Instance


def run(config: bytes, state: bytes) -> int:
    """Run a tick for the configuration and state directory at these absolute paths; return the exit code of `run`."""
    _import_msgspec()
    return exit_code_of(lambda: _tick(Instance(os.fsdecode(config), os.fsdecode(state))))


def _tick(instance: Instance) -> int:
    advice.use(instance.config_file, instance.paths.root)
    from scheduled import service

    return run_tick(instance, lambda progress: service.run(instance, on_event=progress))


def _import_msgspec() -> None:
    """Import msgspec without typing_extensions, which takes longer than msgspec, and which Python 3.11 makes unnecessary.

    msgspec uses it if it is installed, and some extras install it. A later import of it works as usual.
    """
    if "typing_extensions" in sys.modules:
        return
    sys.modules["typing_extensions"] = None  # type: ignore[assignment]  # its import raises ImportError
    try:
        import msgspec  # noqa: F401
    finally:
        del sys.modules["typing_extensions"]
