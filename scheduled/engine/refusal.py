"""Log that a tick refused the configuration and ran nothing."""

import os
from contextlib import suppress
from pathlib import Path

from scheduled import clock, idle
from scheduled.config.kept_zone import ZONE
from scheduled.engine import brief_file
from scheduled.engine.log import Log
from scheduled.errors import ForeignStateError, ScheduledError
from scheduled.instance import Instance
from scheduled.paths import Paths
from scheduled.schedules.same_zone import same_zone
from scheduled.schedules.zones import DAY
from scheduled.state import directories
from scheduled.state.files import write_atomically
from scheduled.state.open import read_only, refuse_foreign


def log_refusal(instance: Instance, reason: str, *, regular: bool = False) -> None:
    """Write *reason* to the log in the state directory: without a configuration the workspace is unknown.

    A *regular* tick, one of cron, also writes if the host's zone is another one than in the last tick, and sets the
    heartbeat: ticks come. Do nothing if there is neither a configuration nor a state, or if the state directory can't be
    used: the caller prints the reason anyway.
    """
    root = instance.paths.root
    if not (root.exists() or instance.config_file.exists()):
        return
    with suppress(OSError, ScheduledError):
        directories.prepare(instance.paths)
        if regular and not _is_foreign(instance):
            _beat(instance.paths.snapshot)
            brief_file.refused(root, reason)
        zone = _new_zone(instance) if regular else ""
        line = f"the configuration was refused, so no job ran: {reason}{zone}"
        Log.of(root, None, clock.local_zone()).write(clock.now(), "ERROR", line)


def is_known(paths: Paths, reason: str) -> bool:
    """Return whether a tick has printed within a day that the configuration is refused for *reason*; if not, record it now."""
    now = clock.now()
    try:
        at, _, before = paths.refused.read_text(errors="replace").partition(" ")
        if before == reason and 0 <= now - float(at) < DAY:
            return True
    except (OSError, ValueError):
        pass  # there is no record, or it is damaged
    with suppress(OSError):
        write_atomically(paths.refused, f"{now} {reason}".encode(errors="replace"))
    return False


def _is_foreign(instance: Instance) -> bool:
    """Return whether the state belongs to another configuration: its heartbeat is set by its own ticks."""
    try:
        refuse_foreign(instance.paths)
    except ForeignStateError:
        return True
    return False


def _beat(snapshot: Path) -> None:
    """Set the heartbeat as an idle tick does, unless another program has rewritten the snapshot since the last one."""
    with suppress(FileNotFoundError):
        last, now = snapshot.stat().st_mtime_ns, int(clock.now() * 1e9)
        if idle.is_beat(last) and last <= now:
            os.utime(snapshot, ns=(now, idle.beat(last, now)))


def _new_zone(instance: Instance) -> str:
    """Return that the host's zone has changed since the configuration was last read; nothing if it has not."""
    with suppress(ScheduledError), read_only(Paths(instance.paths.root)) as ledger:
        kept, zone = ledger.meta(ZONE), clock.local_zone()
        if kept is not None and not same_zone(kept, zone):
            return (
                f"; the time zone of the host changed from {kept} to {zone}: schedules without `timezone` follow it from"
                " the first tick that can read the configuration"
            )
    return ""
