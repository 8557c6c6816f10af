"""`write_state`: publish the snapshot for other programs now instead of after the next tick."""

from scheduled.commands.changing import changing
from scheduled.engine.runtime import open_runtime
from scheduled.instance import Instance
from scheduled.state import snapshot_journal


def write_state(instance: Instance) -> dict[str, str]:
    """Write the snapshot with the current state and return its path. Before the first tick there is none to write."""
    runtime = open_runtime(instance)
    with changing(runtime):
        snapshot_journal.remove(runtime.paths.snapshot)  # the document is written again, with everything
    return {"file": str(runtime.paths.snapshot)}
