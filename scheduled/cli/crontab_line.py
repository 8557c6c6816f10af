"""The crontab's own line, `scheduled run`, word for word: nothing to parse, so nothing is imported that parses."""

import os

from scheduled.cli.reply import make_tick, replied
from scheduled.instance import Instance


def run(config: bytes, state: bytes) -> int:
    """Make a tick of the instance at these absolute paths, as the command line's `run` does; return the exit code."""
    return replied(lambda: _tick(Instance(os.fsdecode(config), os.fsdecode(state))))


def _tick(instance: Instance) -> int:
    from scheduled import service

    return make_tick(lambda hear: service.run(instance, hear=hear))
