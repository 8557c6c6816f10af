"""`emit`: publish an event of the user or of another program."""

from collections.abc import Mapping
from typing import Any

import msgspec

from scheduled import clock
from scheduled.core.events import Event
from scheduled.engine import start_requests
from scheduled.engine.event_spool import LIMIT, event_name
from scheduled.engine.runtime import Runtime, open_runtime
from scheduled.errors import ConfigError
from scheduled.instance import Instance


def emit(
    instance: Instance, name: str, payload: Mapping[str, Any] | None = None, *, dry_run: bool = False
) -> dict[str, Any]:
    """Publish an event and return the jobs that the next tick starts because of it; with *dry_run* only return them.

    Raise ConfigError if *name* is not a valid event name or *payload* is too large.
    """
    runtime, payload = open_runtime(instance), payload or {}
    if (size := len(msgspec.json.encode(payload))) > LIMIT:
        raise ConfigError(
            f"{name}: its payload of {size} bytes is larger than the {LIMIT} bytes that a job can receive"
        )
    event = Event(name=event_name(name), payload=payload)
    if not dry_run:
        _emit(runtime, event)
    jobs = list(start_requests.subscribers(runtime.config.jobs, event))
    return {"event": name, "jobs": jobs, "dry_run": dry_run}


def _emit(runtime: Runtime, event: Event) -> None:
    with runtime.ledger() as ledger:
        runtime.paths.remarks += runtime.problems
        with ledger.transaction():
            runtime.config.override(ledger.overrides())
            start_requests.spread(ledger, runtime.config.jobs, [event], 0, clock.now())
        runtime.publish([event])
