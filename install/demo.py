"""The demo of `install.sh --try`: a workspace, jobs for it, and a day of missed slots to catch up on.

`python -m scheduled.install.demo DIRECTORY` creates it in an empty DIRECTORY and changes nothing outside it.
"""

import sys
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from scheduled.config.files import load_config
from scheduled.core.jobs import keys_of
from scheduled.errors import ScheduledError
from scheduled.install.demo_workspace import build
from scheduled.install.starter import starter
from scheduled.paths import Paths
from scheduled.state.restore import open_ledger

HOURS_ASLEEP = 26  # more than a day: contains an 08:00, and every hourly job missed at least 24 slots

HELLO = """
# == A job of the demo itself ==

[jobs.hello]
description = "Prints how many missed slots its run catches up on"
cron = "*/30 * * * *"
command = 'echo "due at $SCHEDULED_FOR, missed: $SCHEDULED_MISSED"'
"""


def make(directory: Path) -> None:
    """Create `workspace/`, `scheduled.toml` and the `state/` of a machine that was off, in an empty *directory*."""
    workspace, config, state = directory / "workspace", directory / "scheduled.toml", directory / "state"
    directory.chmod(0o700)
    workspace.mkdir(mode=0o700)
    build(workspace, datetime.now())  # noqa: DTZ005 - naive local stamps are the workspace's real format
    config.write_text(starter(workspace) + HELLO, encoding="utf-8")
    config.chmod(0o600)
    age_first_sight(config, state, HOURS_ASLEEP)


def age_first_sight(config: Path, state: Path, hours: int) -> None:
    """Create a ledger in *state* in which the epochs of all jobs of *config* begin *hours* ago.

    All slots since then are missed, as if the machine had been off. The ledger must not exist yet.
    """
    first_seen = int(time.time()) - hours * 3600
    ledger, _ = open_ledger(Paths(state), first_seen)
    try:
        with ledger.transaction():
            ledger.remember("demo", "1")  # `status` does not advise its installation
            for job in load_config(config).jobs.values():
                for key in keys_of(job):
                    ledger.begin_epoch(key, job.schedules, first_seen)
    finally:
        ledger.close()


def main(arguments: Sequence[str]) -> int:
    """Create the demo in the empty directory `arguments[0]` and return the exit code."""
    try:
        make(Path(arguments[0]).absolute())
    except ScheduledError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
