"""Compose the notices for a change in the conditions of a job's handler."""

from collections.abc import Callable, Sequence

from scheduled.actions.registry import handler_of
from scheduled.core.conditions import Change, Notice
from scheduled.core.jobs import Job
from scheduled.handlers import registry


def compose(job: Job, change: Change, report: Callable[[str], None]) -> Sequence[Notice]:
    """Return the notices that the handler of *job* composes for *change*.

    If the handler raises an exception, pass a message to *report* and return no notices.
    """
    try:
        return registry.composer(handler_of(job.action))(change)
    except Exception as error:  # noqa: BLE001 - an error of a plug-in must not undo the run's verdict
        report(f"{job.name}: its notices could not be composed: {type(error).__name__}: {error}")
        return []
