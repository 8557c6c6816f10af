"""`scheduled run` exactly as the crontab calls it: a tick without the import of click, to save time."""

import os

from scheduled import advice
from scheduled.cli.reply import exit_code_of, run_tick
from scheduled.instance import Instance


def run(config: bytes, state: bytes) -> int:
    """Run a tick for the configuration and state directory at these absolute paths; return the exit code of `run`."""
    return exit_code_of(lambda: _tick(Instance(os.fsdecode(config), os.fsdecode(state))))


def _tick(instance: Instance) -> int:
    advice.use(instance.config_file, instance.paths.root)
    from scheduled import service

    return run_tick(lambda progress: service.run(instance, on_event=progress))
