"""When a notice about an incident is due next: ticks before it need not look."""

from collections.abc import Iterable, Mapping
from math import ceil

from scheduled.core.incidents import WINDOW, Incident, Policy, ended, follows, reminder_at, rest_of
from scheduled.core.keys import JobKey
from scheduled.schedules.zones import Instant


def next_due(incidents: Iterable[Incident], policy: Policy) -> Instant | None:
    """Return when a notice is due next, if nothing else changes. *policy* is that of the last tick.

    The notices that were due at that tick are made.
    """
    known = {incident.name: incident for incident in incidents}
    found = [instant for incident in known.values() for instant in _instants(incident, known, policy)]
    return min(found, default=None)


def _instants(incident: Incident, incidents: Mapping[str, Incident], policy: Policy) -> Iterable[Instant]:
    if incident.closed:
        return
    if policy.is_muted(incident.key):
        ends = [policy.muted.get(key) for key in (incident.key, JobKey(incident.job))]
        yield from (end for end in ends if end is not None)
    elif policy.is_quiet(incident):
        yield policy.quiet_until or 0
    elif not incident.is_open:
        yield ceil(ended(incident)) + rest_of(incident)
    elif follows(incident, incidents, policy):
        cause = incidents[incident.cause]
        yield from [] if cause.is_open else [ceil(ended(cause)) + WINDOW]
    elif incident.noticed_at is not None and incident.acknowledged_at is None:
        yield reminder_at(incident.noticed_at, policy)
