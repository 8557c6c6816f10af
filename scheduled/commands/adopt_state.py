"""`state adopt`: let this configuration have a state directory that belongs to another one."""

from typing import Any

from scheduled import clock
from scheduled.config.kept_zone import load_kept
from scheduled.instance import Instance
from scheduled.paths import Paths
from scheduled.state import binding
from scheduled.state.open import open_existing
from scheduled.state.restore import open_ledger
from scheduled.state.sqlite.ledger import using


def adopt_state(instance: Instance, *, dry_run: bool = False) -> dict[str, Any]:
    """Let the configuration of *instance* have its state directory. The configuration that had it is refused from then on.

    The next tick continues with the state: jobs of the same name keep their positions, the others end. Raise
    ConfigError if the configuration cannot be read, StateError if there is no state.
    """
    load_kept(instance)
    paths, config = Paths(instance.paths.root), instance.config_file
    with using(open_existing(paths)) as ledger:
        before = binding.owner(ledger, paths)
    if not dry_run:
        opened, repairs = open_ledger(paths, clock.now())
        instance.paths.remarks += repairs
        with using(opened) as ledger:
            if unwritten := binding.adopt(ledger, paths, config):
                instance.paths.remarks.append(unwritten)
    return {
        "state": str(paths.root),
        "config": str(config),
        "previous": before if before != str(config) else None,
        "dry_run": dry_run,
    }
