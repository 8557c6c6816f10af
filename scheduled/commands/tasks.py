"""`add_task`: add a job as schedulers with a task queue do, where a task without a schedule runs at once."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from scheduled import clock
from scheduled.commands.definitions import add
from scheduled.config import aliases
from scheduled.core.events import Event
from scheduled.core.keys import JobKey
from scheduled.engine import start_requests
from scheduled.engine.runtime import Runtime, open_runtime
from scheduled.instance import Instance
from scheduled.schedules.instants import read
from scheduled.schedules.kinds.reading import choosing_keys
from scheduled.state.ledger import History, StartRequests

RETRIES = 3  # of a task that sets neither `retry` nor `max_retries`
MANUAL, IMMEDIATE = "manual", "immediate"  # in place of an instant
ADDED = "task_added"  # the event that starts an immediate task


def add_task(instance: Instance, name: str, definition: Mapping[str, Any]) -> dict[str, Any]:
    """Add a job that the next tick runs once, unless *definition* defines when or after what it runs.

    A task with an instant `at` in the past runs at the next tick too; one with `at = "manual"`, or one that would run at
    once and is not enabled, only by hand. It has three retries unless *definition* sets `retry` or `max_retries`. Return the document of `add` and `immediate`, whether the
    next tick runs it. Raise ConfigError as `add` does.
    """
    given = aliases.together({"name": name}, definition)
    table = aliases.from_words(given if "retry" in given else {"max_retries": RETRIES, **given})
    runtime, at = open_runtime(instance), table.get("at")
    manual = MANUAL in (at, given.get("job_type"))
    past = not manual and _is_past(at, _zone(table, runtime.zone))
    at_once = past or not (manual or _has_schedule(table))
    if manual or past or at in (IMMEDIATE, ""):
        table.pop("at", None)
    immediate = at_once and table.get("enabled") is not False
    if not immediate:
        return {**add(instance, name, table), "immediate": False}
    add(instance, name, table, dry_run=True)  # raises before the start is requested
    with _requested(runtime, name, {"at": at} if past else {}):
        return {**add(instance, name, table), "immediate": True}


def _zone(table: Mapping[str, Any], default: str) -> str:
    """Return the zone of a task; the *default* if it has none, or one that `add` refuses."""
    zone = table.get("timezone")
    return zone if isinstance(zone, str) and clock.zone_exists(zone) else default


def _has_schedule(table: Mapping[str, Any]) -> bool:
    return table.get("at") != IMMEDIATE and any(table.get(key) for key in (*choosing_keys(), "on", "after"))


def _is_past(at: Any, zone: str) -> bool:
    return isinstance(at, str) and at != IMMEDIATE and read(at, zone) <= clock.now()


@contextmanager
def _requested(runtime: Runtime, name: str, payload: Mapping[str, Any]) -> Iterator[None]:
    """Request a start of a job that is added inside the context; withdraw it if the job can't be added.

    The request is made first, so that a crash can't leave a job that never starts. A tick drops it if it finds no such job
    yet: then it is made again.
    """
    since = clock.now()
    _request(runtime, name, payload, since)
    try:
        yield
    except BaseException:
        _withdraw(runtime, name)
        raise
    _request(runtime, name, payload, since)


def _request(runtime: Runtime, name: str, payload: Mapping[str, Any], since: float) -> None:
    """Request a start, unless the job has a request or has started *since* (UTC seconds)."""
    with runtime.ledger() as ledger, ledger.transaction():
        if not _requests(ledger, name) and not _has_run(ledger, name, since):
            event = Event(name=ADDED, payload=payload)
            ledger.request_start(start_requests.start_request(event, JobKey(name), 0), clock.now())


def _has_run(ledger: History, name: str, since: float) -> bool:
    """Return whether the job has started *since*. A request that a tick dropped is in the history as a skipped run."""
    return any(row.status != "skipped" for row in ledger.history(job=name, since=since, limit=-1))


def _withdraw(runtime: Runtime, name: str) -> None:
    with runtime.ledger() as ledger, ledger.transaction():
        for number in _requests(ledger, name):
            ledger.take_start_request(number)


def _requests(ledger: StartRequests, name: str) -> list[int]:
    return [row.id for row in ledger.start_requests() if (row.job, row.event) == (name, ADDED)]
