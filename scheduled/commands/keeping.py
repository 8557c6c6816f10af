"""Write an edit of the configuration and put it in force, both or neither."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

from scheduled import clock
from scheduled.config import edit as config_edit
from scheduled.config.edit import Edit
from scheduled.engine import config_changes, dropped, publish, registration, start_requests, to_plan
from scheduled.engine.runtime import open_runtime
from scheduled.errors import ConfigError, StateError
from scheduled.instance import Instance
from scheduled.notify import problems
from scheduled.state.binding import bind
from scheduled.state.ledger import Ledger
from scheduled.state.restore import open_ledger
from scheduled.state.sqlite.ledger import using


def keep(instance: Instance, edit: Edit, *, dry_run: bool) -> dict[str, Any]:
    """Check and write *edit*, and begin the epochs that it changes. Return the description of `config.edit.keep`.

    The ledger is created if there is none. Raise ConfigError or StateError, with nothing changed, as that function does.
    """
    recording = partial(_in_force, instance, edit)
    return config_edit.keep(
        instance.config_file,
        instance.paths,
        edit,
        dry_run=dry_run,
        recording=recording,
        comments=instance.shows_comments,
    )


@contextmanager
def _in_force(instance: Instance, edit: Edit) -> Iterator[None]:
    """Register the configuration that is written inside this context, in one transaction of the ledger."""
    ledger, repairs = open_ledger(instance.paths, clock.now())
    with using(ledger):
        repairs += _bind(instance, ledger)
        with ledger.transaction():
            _note_first(instance, ledger)
            yield
            runtime, now = open_runtime(instance), clock.now()
            runtime.config.override(ledger.overrides())
            events = config_changes.note(ledger, runtime.config)
            start_requests.spread(ledger, runtime.config.jobs, events, 0, now)
            events += registration.register(ledger, runtime.config, int(now), made_now=edit.jobs())
            problems.remember(ledger, repairs, now)
            to_plan.forget(ledger)
        runtime.publish(events)
        for more in dropped.rest(ledger, runtime.config, int(now), edit.jobs()):
            runtime.publish(more)
        for repair in repairs:
            runtime.add_problem("WARNING", repair)
        instance.paths.remarks += repairs
        try:
            publish.changed(runtime, ledger, clock.now())
        except StateError as error:  # the next tick publishes it
            runtime.cannot_record(str(error))


def _bind(instance: Instance, ledger: Ledger) -> list[str]:
    """Bind the state to this configuration, which may be unreadable before the edit; return what to report."""
    found = bind(ledger, instance.paths, instance.config_file, boot=clock.boot_id(), name=os.uname().nodename)
    return [*found.warnings, *filter(None, [found.unwritten])]


def _note_first(instance: Instance, ledger: Ledger) -> None:
    """Remember the configuration before the first edit that the ledger records, so that the edit is noticed."""
    if not config_changes.is_remembered(ledger):
        with suppress(ConfigError):  # the edit may repair it
            config_changes.note(ledger, open_runtime(instance).config)
