"""What leaves the program: notices by their route, and calls of the objects that `[compat]` names."""

import os
import sys
from collections.abc import Sequence
from functools import partial

from scheduled.config import notices
from scheduled.core.events import Event
from scheduled.engine.runtime import Runtime
from scheduled.notify.adapter import Adapter
from scheduled.notify.routes.base import Route, RouteSettings
from scheduled.notify.routes.registry import DISPATCH, MAIL, SEND, open_route


def route(runtime: Runtime) -> Route:
    """Open and return the route that delivers notices."""
    return open_route(DISPATCH, route_settings(runtime))


def route_settings(runtime: Runtime) -> RouteSettings:
    """Return the settings of the route that delivers notices."""
    config = runtime.config
    send = config.compat.send or ""
    return RouteSettings(
        state=runtime.paths.root,
        workspace=config.workspace,
        layout=config.workspace_layout,
        zone=runtime.zone,
        sender=config.sender,
        cannot_record=runtime.cannot_record,
        warn=partial(runtime.add_problem, "WARNING"),
        send=send,
        adapter=_adapter(runtime) if send else None,
        mailboxes=SEND if send else MAIL,
        channels=notices.channels(config.notify),
        templates=notices.templates(config.notify),
        host=runtime.host_name,
        environment=lambda: runtime.environment,
        secret=partial(_secret, runtime),
    )


def _secret(runtime: Runtime, source: str) -> str:
    """Return the secret of a channel from its *source*. Raise ScheduledError if it can't be had."""
    from scheduled.execution.secret_values import value_of  # few channels have one

    return value_of(source, runtime.environment)


def _adapter(runtime: Runtime) -> Adapter:
    """Return how the objects that `[compat]` names are called: in the environment of jobs that cron starts."""
    from scheduled.config.values import seconds  # rarely needed

    compat = runtime.config.compat
    return Adapter(
        python=os.path.expanduser(compat.python or sys.executable),
        timeout=seconds("compat.timeout", compat.timeout),
        workspace=runtime.config.workspace,
        environment=runtime.environment_of_jobs(),
    )


def fire(runtime: Runtime, events: Sequence[Event]) -> None:
    """Fire *events* into the trigger that `[compat]` names. A failure becomes a warning."""
    from scheduled.notify import adapter_events

    trigger = runtime.config.compat.trigger or ""
    for warning in adapter_events.fire(_adapter(runtime), trigger, events, runtime.zone):
        runtime.add_problem("WARNING", warning)
