"""Creating the directories of the state, for their owner only, and checking their permissions."""

import os

from scheduled.errors import ConfigError, StateError
from scheduled.paths import Paths
from scheduled.state import trust
from scheduled.state.files import make_directories


def prepare(paths: Paths) -> None:
    """Create the missing directories of the state with mode 0700.

    Raise ConfigError, with the command that corrects it, if an owner or a mode is wrong. Raise StateError if a
    directory can't be created.
    """
    trust.warn_or_refuse(paths.root)
    trust.refuse_as_root_in_anothers(paths.root)
    refuse_unreadable(paths)
    refuse_unwritable(paths)
    for place in (paths.ledger, paths.snapshot, paths.output, paths.results, paths.spool):
        trust.refuse_foreign(place)
    try:
        for place in (paths.root, paths.output, paths.reports, paths.results, paths.spool):
            make_directories(place)
        for place in (paths.root, paths.output):  # others could put links in place of the directories there
            trust.refuse_shared(place)
    except OSError as error:
        raise StateError(f"{error.filename}: {error.strerror}") from error


def refuse_unreadable(paths: Paths) -> None:
    """Raise ConfigError, with the command that corrects it, if the user may not read the state; open and create nothing."""
    files = (paths.ledger, paths.snapshot)
    if os.path.exists(paths.root) and not os.path.isdir(paths.root):
        raise ConfigError(f"{paths.root}: is not a directory; choose another one with --state DIR")
    for place in (paths.root, *files, paths.output, paths.reports, paths.results, paths.spool):
        trust.refuse_unreadable(place)


def refuse_unwritable(paths: Paths) -> None:
    """Raise ConfigError, with the command that corrects it, if the user may not write the state; open and create nothing."""
    for place in (paths.root, paths.ledger, paths.output, paths.reports, paths.results, paths.spool):
        trust.refuse_unwritable(place)
