"""Request starts of jobs when an event occurs or a run ends: of subscribers, and of jobs that come after others.

A request is a row in the ledger, so that it outlives a crash.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from scheduled.core.configured_jobs import Jobs
from scheduled.core.events import Event
from scheduled.core.jobs import enabled_keys_of, keys_of
from scheduled.core.keys import JobKey
from scheduled.core.records import JobRow
from scheduled.core.runs import AFTER, StartRequest
from scheduled.notify import outbox
from scheduled.state.ledger import Ledger

# Events about a run. Such an event starts no job that has a run among the causes of the event.
OF_RUNS = frozenset(
    (
        "job_started",
        "job_completed",
        "job_failed",
        "job_skipped",
        "job_interrupted",
        "job_retry_scheduled",
    )
)
MAX_DEPTH = 16  # the longest allowed sequence of runs that start one another; a longer one counts as a loop


def subscribers(jobs: Jobs, event: Event) -> Iterable[str]:
    """Return the names of the enabled jobs that subscribe to *event* and match its payload."""
    return (
        name
        for name in jobs.subscribers.get(event.name, ())
        if jobs[name].enabled and _matches(jobs[name].where, event.payload)
    )


def _matches(where: Mapping[str, str], payload: Mapping[str, Any]) -> bool:
    return all(key in payload and _text(payload[key]) == value for key, value in where.items())


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def spread(
    ledger: Ledger, jobs: Jobs, events: Iterable[Event], depth: int, now: float, run_id: str = ""
) -> list[str]:
    """Request starts of the jobs that subscribe to *events*, which followed from *depth* earlier starts.

    Post the notices about *events*. *run_id* is the run that caused the events, "" if none did. Return a message for each start that is refused
    because it is probably part of a loop.
    """
    refused = []
    for event in events:
        announce(ledger, jobs, [event], now)
        about = event.payload.get("job") if event.name in OF_RUNS else None
        # A job that subscribes to the events of all jobs does not mean its own.
        wanted = [name for name in subscribers(jobs, event) if name != about]
        causes = ledger.causes(run_id) if wanted and about is not None and run_id else frozenset()
        for name in wanted:
            if depth >= MAX_DEPTH:
                refused.append(_loop(name, event, f"{depth} starts triggered one another"))
            elif name in causes:
                refused.append(_loop(name, event, f"a run of {name} led to this event"))
            else:
                for key in enabled_keys_of(jobs[name]):
                    ledger.request_start(start_request(event, key, depth), now)
    return refused


def announce(ledger: Ledger, jobs: Jobs, events: Iterable[Event], now: float) -> None:
    """Post the notices about *events* of which the configuration has routes, in the caller's transaction.

    Nothing is posted about a job that is muted.
    """
    if jobs.event_routes is not None:
        from scheduled.core.event_notices import subject_of  # many configurations have no routes
        from scheduled.core.incidents import Policy

        policy = Policy(muted=ledger.mutes(int(now)))
        for event in events:
            if not policy.is_muted(subject_of(event)):
                outbox.announce(ledger, jobs.event_routes, event, now)


def _loop(name: str, event: Event, why: str) -> str:
    return (
        f"{name}: not started by {event.name}: {why}, probably in a loop; check the keys `on` and `chain` of"
        " these jobs"
    )


def start_request(event: Event, key: JobKey, depth: int) -> StartRequest:
    """Return a request to start *key* because of *event*, which followed from *depth* earlier starts."""
    payload = dict(event.payload)
    return StartRequest(
        id=0, job=key.job, target=key.target, event=event.name, payload=payload, depth=depth + 1
    )


def followers(ledger: Ledger, jobs: Jobs, ended: str, depth: int, now: float) -> None:
    """Request starts of jobs without a schedule that come after *ended*, if all their predecessors succeeded.

    A job with targets counts as succeeded when all its targets have.
    """
    after = [jobs[name] for name in jobs.coming_after.get(ended, ())]
    waiting = [job for job in after if not job.is_by_time and not job.on]
    needed = {key for job in waiting for name in (job.name, *job.after) for key in keys_of(jobs[name])}
    rows = {row.key: row for row in ledger.job_rows(needed)}
    for job in waiting:
        before = [rows.get(key) for name in job.after for key in enabled_keys_of(jobs[name])]
        for key in enabled_keys_of(job):
            since = rows[key].last_run_at if key in rows else None
            done = all(_done_since(row, since) for row in before)
            if job.enabled and done and depth < MAX_DEPTH:
                ledger.request_start(start_request(Event(name=AFTER), key, depth), now)


def _done_since(row: JobRow | None, since: float | None) -> bool:
    if row is None or row.last_status != "success" or row.last_run_at is None:
        return False
    return since is None or bool(row.last_run_at > since)
