"""What `install.sh --try` shows: a workspace, jobs for it, and a day of missed slots to catch up.

`python -m scheduled.install.demo DIRECTORY` makes it all in an empty DIRECTORY and touches nothing else.
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

HOURS_ASLEEP = 26  # so that an 08:00 lies in them, and every hourly job missed a day's worth

HELLO = """
# == A job of the demo's own ==

[jobs.hello]
description = "Says how many of its runs this one stands for"
cron = "*/30 * * * *"
command = 'echo "due at $SCHEDULED_FOR, missed: $SCHEDULED_MISSED"'
"""


def make(directory: Path) -> None:
    """Given an empty directory, put `workspace/`, `scheduled.toml` and `state/` of a machine that slept into it."""
    workspace, config, state = directory / "workspace", directory / "scheduled.toml", directory / "state"
    directory.chmod(0o700)
    workspace.mkdir(mode=0o700)
    build(workspace, datetime.now())  # noqa: DTZ005 - naive local stamps are the workspace's real format
    config.write_text(starter(workspace) + HELLO, encoding="utf-8")
    config.chmod(0o600)
    age_first_sight(config, state, HOURS_ASLEEP)


def age_first_sight(config: Path, state: Path, hours: int) -> None:
    """Make a new ledger in *state* believe that it saw all jobs of *config* first *hours* ago.

    What came due since then is missed, as after a sleep. Only for a demo: the ledger must be new.
    """
    first_seen = int(time.time()) - hours * 3600
    ledger, _ = open_ledger(Paths(state), first_seen)
    try:
        with ledger.transaction():
            for job in load_config(config).jobs.values():
                for key in keys_of(job):
                    ledger.begin_epoch(key, job.schedules, first_seen)
    finally:
        ledger.close()


def main(arguments: Sequence[str]) -> int:
    """Given an empty directory's path, make the demo there; return the exit code."""
    try:
        make(Path(arguments[0]).absolute())
    except ScheduledError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
