"""The configuration of an instance, read in the zone of the instance.

A configuration without `timezone` follows the host's zone. The zone in which ticks see it is kept in the ledger, so that
the TZ of the user's shell changes no schedule.
"""

from functools import partial
from types import MappingProxyType

from scheduled import clock, question
from scheduled.config import parsed_file
from scheduled.config.config import Config, with_lines
from scheduled.config.written import Drafts
from scheduled.errors import ScheduledError
from scheduled.instance import Instance
from scheduled.paths import Paths
from scheduled.state.ledger import Meta

# In the ledger's meta: the zone of the ticks, and that of the system, /etc/localtime, when a regular tick used it.
ZONE, SYSTEM_ZONE = "zone", "system_zone"


def load_kept(instance: Instance, drafts: Drafts = MappingProxyType({})) -> Config:
    """Return the configuration of *instance* as its ticks see it, with the lines of problems.

    Raise ConfigError as `load_config` does, TooLongError as `question.check` does.
    """
    zone = partial(kept_zone, instance.paths)
    if drafts:
        from scheduled.config.files import load_config  # slow to import, and rarely needed

        found = with_lines(load_config(instance.config_file, drafts, zone), drafts)
    else:
        found = with_lines(parsed_file.load(instance.paths, instance.config_file, zone))
    question.check()
    return found


def kept_zone(paths: Paths) -> str:
    """Return the zone that regular ticks use; before the first one, or if the ledger can't be read, the host's."""
    from scheduled.state.open import read_only  # the ticks of cron ask the host instead

    try:
        with read_only(paths) as ledger:
            return kept_in(ledger)
    except ScheduledError:
        return clock.local_zone()


def kept_in(ledger: Meta | None) -> str:
    """Return the zone kept in *ledger*; if there is none, the host's."""
    kept = ledger.meta(ZONE) if ledger is not None else None
    return kept if kept is not None and clock.zone_exists(kept) else clock.local_zone()
