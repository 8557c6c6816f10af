"""What a handler has to say of a change in its conditions."""

from collections.abc import Callable, Sequence

from scheduled.actions.registry import handler_of
from scheduled.core.conditions import Change, Notice
from scheduled.core.jobs import Job
from scheduled.handlers import registry


def compose(job: Job, change: Change, report: Callable[[str], None]) -> Sequence[Notice]:
    """Return the notices that the handler of *job* makes of *change*; what goes wrong is given to *report*."""
    try:
        speak = getattr(registry.find(handler_of(job.action)), "notices", None)
        return speak(change) if speak else []
    except Exception as error:  # noqa: BLE001 - a plug-in's fault must not undo the run's verdict
        report(f"{job.name}: its notices could not be composed: {type(error).__name__}: {error}")
        return []
