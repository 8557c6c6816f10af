"""Record the incidents of a tick, and decide about the notices: `core.incidents` has the rules."""

from collections.abc import Mapping

from scheduled.core import incidents as rules
from scheduled.core import next_notice, notice_groups
from scheduled.core.configured_jobs import Jobs
from scheduled.core.holds import pauses_of
from scheduled.core.incidents import Incident, Message, Policy
from scheduled.core.jobs import job_of
from scheduled.core.keys import JobKey
from scheduled.core.records import KnownCondition
from scheduled.core.troubles import Trouble
from scheduled.notify.problems import OWNER, UNMET
from scheduled.schedules.zones import Instant
from scheduled.state.ledger import Incidents, Ledger


def advance(
    ledger: Ledger,
    jobs: Jobs,
    troubles: Mapping[str, Trouble],
    policy: Policy,
    now: float,
    conditions: Mapping[str, KnownCondition],
) -> list[Message]:
    """Record the *troubles* of a tick at *now*; return the notices to make about them, which are recorded as made.

    *conditions* are those recorded before, by name: a ledger of an older version has only them. Must be called inside a
    transaction, together with what makes the notices durable.
    """
    before = ledger.incidents()
    known = {**_of_conditions(troubles, conditions), **before}
    if not known and not troubles:
        return []
    pauses = ledger.pauses(int(now))
    recovered = [name for name, incident in known.items() if _ends_well(jobs, pauses, incident)]
    current = rules.advanced(known, troubles, now, recovered)
    found = notice_groups.messages(current, policy, now)
    for message in found:
        current |= {one.name: rules.noticed(one, message.kind, now) for one in message.incidents}
    for name, incident in current.items():
        if before.get(name) != incident:
            ledger.put_incident(incident)
    ledger.drop_incidents(before.keys() - current.keys())
    _withdraw(ledger, before, current)
    for message in found:
        ledger.notified(OWNER, [one.name for one in message.incidents], now)
    return found


def _withdraw(ledger: Ledger, before: Mapping[str, Incident], current: Mapping[str, Incident]) -> None:
    """Delete the notices that wait and are true no longer: of what has ended without a recovery, which would replace them."""
    for name in before.keys() & current.keys():
        was, now = before[name], current[name]
        if now.closed and not was.closed and now.noticed_at == was.noticed_at:
            ledger.drop_notices(key_of_notice(name))


def key_of_notice(name: str) -> str:
    """Return the key with which a notice about the incident *name* replaces an older one."""
    return f"incident:{name}"


def next_due(ledger: Incidents, policy: Policy) -> Instant | None:
    """Return when a notice about a recorded incident is due next, if nothing else changes."""
    return next_notice.next_due(ledger.incidents().values(), policy)


def _ends_well(jobs: Jobs, pauses: Mapping[JobKey, Instant | None], incident: Incident) -> bool:
    """Return whether the end of *incident* is a recovery: its job is still there and enabled, and is still judged.

    A job that is paused, or of which nothing is expected any more, is neither late nor waits too long.
    """
    job = job_of(jobs, incident.key)
    if not incident.job or job is None or not job.enabled:
        return not incident.job
    if incident.kind in UNMET and job.expect is None:
        return False
    return incident.kind not in (*UNMET, "skipped") or not pauses_of(incident.key, pauses)


def _of_conditions(
    troubles: Mapping[str, Trouble], conditions: Mapping[str, KnownCondition]
) -> dict[str, Incident]:
    """Return incidents for troubles of which an older version has made a notice."""
    return {
        name: Incident(
            name=name,
            since=item.since,
            openings=(item.since,),
            failed_before=max(0, trouble.failed - trouble.new),
            noticed_at=item.notified_at,
            noticed_priority=trouble.priority,
            notices=1,
        )
        for name, trouble in troubles.items()
        if (item := conditions.get(name)) is not None and item.notified_at is not None
    }
