"""`emit`: an event from a person or another program, for which the next tick starts jobs."""

from collections.abc import Mapping
from typing import Any

import msgspec

from scheduled import clock
from scheduled.core.events import Event
from scheduled.engine import chains
from scheduled.engine.event_spool import LIMIT, event_name
from scheduled.engine.runtime import Runtime, open_runtime
from scheduled.errors import ConfigError
from scheduled.instance import Instance


def emit(
    instance: Instance, name: str, payload: Mapping[str, Any] | None = None, *, dry_run: bool = False
) -> dict[str, Any]:
    """Publish an event: the next tick starts the jobs that listen to it; with *dry_run* only say which do.

    Raises ConfigError for what can't be an event.
    """
    runtime, payload = open_runtime(instance), payload or {}
    if (size := len(msgspec.json.encode(payload))) > LIMIT:
        raise ConfigError(
            f"{name}: its payload of {size} bytes is more than the {LIMIT} that a job can be handed"
        )
    event = Event(name=event_name(name), payload=payload)
    if not dry_run:
        _emit(runtime, event)
    listening = list(chains.listeners(runtime.config.jobs, event))
    return {"event": name, "jobs": listening, "dry_run": dry_run}


def _emit(runtime: Runtime, event: Event) -> None:
    with runtime.ledger() as ledger:
        with ledger.transaction():
            runtime.config.override(ledger.overrides())
            chains.spread(ledger, runtime.config.jobs, [event], 0, clock.now())
        runtime.publish([event])
