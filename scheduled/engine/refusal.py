"""Log that a tick refused the configuration and ran nothing."""

from contextlib import suppress

from scheduled import clock
from scheduled.engine.log import Log, log_path
from scheduled.errors import ScheduledError
from scheduled.instance import Instance
from scheduled.state import directories


def log_refusal(instance: Instance, reason: str) -> None:
    """Write *reason* to the log in the state directory: without a configuration the workspace is unknown.

    Do nothing if there is neither a configuration nor a state, or if the state directory can't be used: the caller
    prints the reason anyway.
    """
    root = instance.paths.root
    if not (root.exists() or instance.config_file.exists()):
        return
    with suppress(OSError, ScheduledError):
        directories.prepare(instance.paths)
        line = f"the configuration was refused, so no job ran: {reason}"
        Log(log_path(root, None), clock.local_zone()).write(clock.now(), "ERROR", line)
