"""The last known targets of jobs of which the list changes by itself: a tick reads the lists, everything else uses these."""

from contextlib import suppress
from typing import Protocol

import msgspec

from scheduled.config.config import Config
from scheduled.core.targets import LastTargets
from scheduled.errors import ScheduledError
from scheduled.paths import Paths
from scheduled.state.contract.meta import Meta
from scheduled.state.contract.positions import Positions
from scheduled.state.open import read_only

LISTS = "target_lists"  # in the ledger's meta: `LastTargets` by job, as JSON


class MetaAndPositions(Meta, Positions, Protocol):
    """The parts of a ledger that have the last known targets."""


def recorded(ledger: Meta) -> dict[str, LastTargets]:
    """Return what the ledger has about lists that change by themselves, by job."""
    try:
        return msgspec.json.decode(ledger.meta(LISTS) or "{}", type=dict[str, LastTargets])
    except msgspec.DecodeError:
        return {}


def recall(config: Config, ledger: MetaAndPositions) -> None:
    """Give the jobs of *config* their last known targets.

    Without a record these are the targets with an open epoch: the ledger was restored, or the job had a written list.
    """
    changing = config.jobs.with_changing_targets
    if not changing:
        return
    found = {name: one.targets for name, one in recorded(ledger).items() if name in changing}
    if found.keys() != set(changing):
        keys = [key for key in ledger.job_states() if key.target]
        found = {name: tuple(key.target for key in keys if key.job == name) for name in changing} | found
    config.give_targets(found)


def recall_in(config: Config, paths: Paths) -> None:
    """Do what `recall` does, with the ledger of *paths*. Do nothing if it can't be read."""
    if config.jobs.with_changing_targets:
        with suppress(ScheduledError), read_only(paths) as ledger:
            recall(config, ledger)
