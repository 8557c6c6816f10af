"""What a person needs to know about an incident: since when, how often, what went well last, the last output, what to do."""

from collections.abc import Mapping
from typing import Any

import msgspec

from scheduled import clock
from scheduled.clock import minute, stamp
from scheduled.config.config import Config
from scheduled.core.incidents import ASKS, Incident
from scheduled.core.jobs import job_of
from scheduled.core.keys import JobKey
from scheduled.core.records import KnownCondition
from scheduled.core.runs import FAILED
from scheduled.engine import last_lines
from scheduled.notify.problems import OWNER, name_of_error, named
from scheduled.notify.problems import about as about_job
from scheduled.paths import Paths
from scheduled.schedules.zones import Instant
from scheduled.state.ledger import Ledger

LINES = 3  # of the output


class Recorded(msgspec.Struct, frozen=True):
    """What the ledger has about incidents: them by name, and the jobs that are muted, with the ends."""

    incidents: Mapping[str, Incident]
    muted: Mapping[JobKey, Instant | None]

    @classmethod
    def of(cls, ledger: Ledger) -> "Recorded":
        """Return that of *ledger*."""
        return cls(ledger.incidents(), ledger.mutes(int(clock.now())))


def details(
    recorded: Recorded, ledger: Ledger, config: Config, paths: Paths, item: KnownCondition
) -> dict[str, Any]:
    """Return the fields about the condition *item*. One of a handler has fewer facts."""
    name, subject, zone = item.condition.key, subject_of(item), config.timezone
    incident = recorded.incidents.get(name if item.key == OWNER else name_of_error(item))
    known = incident if incident is not None and incident.is_open else None
    begin = known.since if known is not None else item.since
    success = _last_success(ledger, subject)
    failures = known.failures if known is not None else 0
    muted = subject in recorded.muted or JobKey(subject.job) in recorded.muted
    until = recorded.muted.get(subject, recorded.muted.get(JobKey(subject.job)))
    return {
        "kind": known.kind if known is not None else name.partition(":")[0],
        "since": stamp(begin, zone),
        "run_id": known.run_id or None if known is not None else None,
        "failed_runs": failures,
        "last_success": stamp(success, zone),
        "history": _history(begin, failures, subject, success, zone),
        "output": _last_lines(ledger, paths, known.run_id) if known is not None and known.run_id else [],
        "to_do": _to_do(config, known, subject),
        "caused_by": known.cause or None if known is not None else None,
        "flapping": known is not None and known.flapping,
        "acknowledged_at": stamp(known.acknowledged_at, zone) if known is not None else None,
        "muted": muted,
        "muted_until": stamp(until, zone) if muted else None,
    }


def subject_of(item: KnownCondition) -> JobKey:
    """Return the job or target that has the condition *item*; one of `scheduled` itself has the key JobKey("")."""
    return about_job(item.condition.key) if item.key == OWNER else item.key


def _history(begin: float, failures: int, subject: JobKey, success: float | None, zone: str) -> str:
    """Return since when, how often, and what went well last, as part of a sentence."""
    found = f"since {minute(begin, zone)}"
    found += f", {failures} failed run{'s' * (failures != 1)}" if failures else ""
    if not subject.job:
        return found
    return f"{found}; {'no run has succeeded yet' if success is None else f'the last success was at {minute(success, zone)}'}"


def _last_success(ledger: Ledger, subject: JobKey) -> float | None:
    """Return when the last run of *subject* succeeded; None if there was none, or it is no job."""
    if not subject.job:
        return None
    found = ledger.history(job=subject.job, target=subject.target, limit=1, status="success")
    return found[0].finished_at if found else None


def _last_lines(ledger: Ledger, paths: Paths, run_id: str) -> list[str]:
    run = ledger.run(run_id)
    if run is None:
        return []
    return last_lines.of_run(paths, run_id, run.attempt).splitlines()[-LINES:]


def _to_do(config: Config, known: Incident | None, subject: JobKey) -> list[str]:
    """Return the commands that help, the most useful first; none for what is no incident with notices."""
    if known is None or job_of(config.jobs, subject) is None:
        return []
    name = named(config.jobs, subject)
    if known.kind in ASKS:
        return [f"scheduled approve {known.run_id}", f"scheduled deny {known.run_id}"]
    found = [f"scheduled logs {name}", f"scheduled run {name}"] if known.kind in FAILED else []
    found.append(f"scheduled explain {name}") if not found else None
    return [*found, f"scheduled ack {name}"] if known.acknowledged_at is None else found
