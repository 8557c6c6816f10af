"""Incidents: which notices a person should get about troubles that appear, last and end.

An incident begins with its trouble and is closed once the notice of its recovery is made, or none is needed. Each decision
follows from the recorded incidents and the present troubles, so that ticks and crashes in between change nothing.
"""

from collections.abc import Collection, Mapping
from typing import Literal

import msgspec

from scheduled.core.conditions import Priority
from scheduled.core.keys import JobKey, Keyed
from scheduled.core.routing import PRIORITIES
from scheduled.core.runs import FAILED
from scheduled.core.troubles import Trouble
from scheduled.schedules.zones import DAY, HOUR, MINUTE, Instant, Seconds

# A trouble that appears this often within WINDOW is flapping: it gets no further notices until it has rested.
FLAPS, WINDOW = 3, DAY
LEAST_REST, MOST_REST = HOUR, DAY
ASKS = ("ask", "approval")  # a run that waits for an answer: another run is another question
# Kinds that end because a person did something, or at once: they have no recovery. Those of ENDED_BY_PERSONS are no flapping.
ENDED_BY_PERSONS = ("config", *ASKS)
SUDDEN = ("tick", "notice", "unanswered", *ENDED_BY_PERSONS)

Kind = Literal["first", "flapping", "reminder", "urgent", "recovery"]


class Incident(Keyed, frozen=True, kw_only=True):
    """What is known of the trouble *name*; instants are UTC seconds.

    *openings* are when it appeared recently, the last one included; *since* is when it appeared for the first time without
    having been closed in between. *failed_before* and *failed* are the running totals of failures before it and now.
    *noticed_at* is when a notice was last made, *notices* how many were, *recipients* who got one. *cause* is the name of the incident that it follows
    from.
    """

    name: str
    job: str = ""
    target: str = ""
    kind: str = ""
    text: str = ""
    priority: Priority = "high"
    run_id: str = ""
    sign: str = ""
    cause: str = ""
    pressing: bool = False
    since: float
    openings: tuple[float, ...] = ()
    failed_before: int = 0
    failed: int = 0
    noticed_at: float | None = None
    noticed_priority: Priority = "low"
    notices: int = 0
    recipients: tuple[str, ...] = ()
    acknowledged_at: float | None = None
    ended_at: float | None = None
    closed: bool = False
    flapping: bool = False

    @property
    def is_open(self) -> bool:
        """Whether its trouble is there."""
        return self.ended_at is None

    @property
    def is_about_failing(self) -> bool:
        """Whether its trouble is that a job fails: it ends with a success."""
        return self.kind in FAILED

    @property
    def failures(self) -> int:
        """How many runs failed since it began."""
        return max(0, self.failed - self.failed_before)


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """When notices are made. *quiet_until*: until then only critical ones. *muted* are jobs and targets, with their ends."""

    remind_every: Seconds = DAY
    quiet_until: Instant | None = None
    muted: Mapping[JobKey, Instant | None] = {}

    def is_muted(self, key: JobKey) -> bool:
        """Return whether *key*, or the job of a target, is muted."""
        return key in self.muted or JobKey(key.job) in self.muted

    def is_quiet(self, incident: "Incident") -> bool:
        """Return whether notices about *incident* wait until `quiet_until`."""
        return self.quiet_until is not None and incident.priority != "critical" and not incident.pressing

    def is_silent(self, incident: "Incident") -> bool:
        """Return whether no notice about *incident* is made now.

        This is so if it is muted or waits for the end of the quiet hours.
        """
        return self.is_muted(incident.key) or self.is_quiet(incident)


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A notice to make about *incidents*: one, or several with the same sign. *followers* are those that follow from them."""

    kind: Kind
    incidents: tuple[Incident, ...]
    followers: tuple[Incident, ...] = ()

    @property
    def priority(self) -> Priority:
        """The priority of the most urgent one of its incidents."""
        return PRIORITIES[max(PRIORITIES.index(one.priority) for one in self.incidents)]

    @property
    def is_pressing(self) -> bool:
        """Whether one of its incidents is."""
        return any(one.pressing for one in self.incidents)


def advanced(
    known: Mapping[str, Incident], troubles: Mapping[str, Trouble], now: float, recovered: Collection[str]
) -> dict[str, Incident]:
    """Return the *known* incidents as they are with the present *troubles*.

    *recovered* are the names of those that end well. One that ends otherwise, for example because its job was disabled, is
    closed without a notice. Closed ones are forgotten after WINDOW.
    """
    known = {name: _not_after(incident, now) for name, incident in known.items()}
    found = {name: _with_trouble(known.get(name), name, trouble, now) for name, trouble in troubles.items()}
    for name, incident in known.items():
        if name not in found and not (incident.closed and now >= ended(incident) + WINDOW):
            found[name] = _ended_now(incident, now, well=name in recovered)
    return found


def _not_after(incident: Incident, now: float) -> Incident:
    """Return *incident* without instants after *now*: if the clock was set back, time counts from now on."""
    if max(incident.since, incident.noticed_at or 0, incident.ended_at or 0) <= now:
        return incident
    noticed_at, ended_at = incident.noticed_at, incident.ended_at
    return msgspec.structs.replace(
        incident,
        since=min(incident.since, now),
        openings=tuple(min(at, now) for at in incident.openings),
        noticed_at=None if noticed_at is None else min(noticed_at, now),
        ended_at=None if ended_at is None else min(ended_at, now),
    )


def ended(incident: Incident) -> float:
    """Return when the trouble of *incident* ended; if it is open, when it appeared."""
    return incident.since if incident.ended_at is None else incident.ended_at


def _with_trouble(before: Incident | None, name: str, trouble: Trouble, now: float) -> Incident:
    if before is None:
        before = Incident(name=name, since=now, openings=(now,), failed_before=_failed_before(trouble))
    elif (
        trouble.kind in ASKS and trouble.run_id != before.run_id and not (trouble.repeats and before.is_open)
    ):
        before = Incident(name=name, since=now, openings=(now,))  # another question
    elif not before.is_open:
        before = _opened_again(before, now, _failed_before(trouble))
    return msgspec.structs.replace(
        before,
        job=trouble.subject.job,
        target=trouble.subject.target,
        kind=trouble.kind,
        text=trouble.text,
        priority=trouble.priority,
        run_id=trouble.run_id,
        sign=trouble.sign,
        cause=trouble.cause or _cause_before(before, trouble),
        pressing=trouble.pressing,
        failed=max(trouble.failed, before.failed_before),
    )


def _cause_before(before: Incident, trouble: Trouble) -> str:
    """Return the cause that *trouble* had: it lasts as long as no other run fails, also if the cause itself is over."""
    return before.cause if before.run_id == trouble.run_id else ""


def _failed_before(trouble: Trouble) -> int:
    """Return how many runs had failed before *trouble*, which is new."""
    return max(0, trouble.failed - trouble.new)


def _opened_again(before: Incident, now: float, failed: int) -> Incident:
    """Return an incident of which the trouble is back: another one, or the same if it was not closed yet."""
    openings = (*(at for at in before.openings if now - WINDOW < at < now), now)
    if not before.closed:
        return msgspec.structs.replace(before, openings=openings, ended_at=None)
    flapping = len(openings) >= FLAPS and before.kind not in ENDED_BY_PERSONS
    return Incident(name=before.name, since=now, openings=openings, failed_before=failed, flapping=flapping)


def _ended_now(incident: Incident, now: float, *, well: bool) -> Incident:
    if not incident.is_open:
        return msgspec.structs.replace(incident, closed=incident.closed or _has_rested(incident, now))
    needs_none = not well or not incident.notices or (incident.kind in SUDDEN and not incident.flapping)
    return msgspec.structs.replace(incident, ended_at=now, closed=needs_none)


def _has_rested(incident: Incident, now: float) -> bool:
    """Return whether a flapping trouble without a recovery is over: until then it is the same trouble if it is back."""
    return incident.kind in SUDDEN and now >= ended(incident) + rest_of(incident)


def rest_of(incident: Incident) -> Seconds:
    """Return how long a flapping trouble must be away until it counts as ended: twice the longest pause so far."""
    pauses = [after - before for before, after in zip(incident.openings, incident.openings[1:], strict=False)]
    return min(MOST_REST, max(LEAST_REST, int(2 * max(pauses, default=0))))


def follows(incident: Incident, incidents: Mapping[str, Incident], policy: Policy) -> bool:
    """Return whether *incident* only follows from another one, which appeared before it had ended, and gets the notices.

    It gets them if it is at least as urgent and not silent.
    """
    seen, cause = {incident.name}, incidents.get(incident.cause)
    if cause is None or (cause.ended_at is not None and cause.ended_at < incident.since):
        return False
    if policy.is_silent(cause) or PRIORITIES.index(cause.priority) < PRIORITIES.index(incident.priority):
        return False
    while cause is not None:
        if cause.name in seen:
            return False  # each follows from the other: one of them needs a notice, so both get theirs
        seen.add(cause.name)
        cause = incidents.get(cause.cause)
    return True


def due(incident: Incident, incidents: Mapping[str, Incident], policy: Policy, now: float) -> Kind | None:
    """Return which notice about *incident* is due at *now*, if any."""
    if incident.closed or policy.is_silent(incident):
        return None
    if not incident.is_open:
        rested = not incident.flapping or now >= ended(incident) + rest_of(incident)
        return "recovery" if rested and incident.kind not in SUDDEN else None
    if follows(incident, incidents, policy):
        return None
    if incident.noticed_at is None:
        return "flapping" if incident.flapping else "first"
    if incident.priority == "critical" != incident.noticed_priority:
        return "urgent"
    again = now >= reminder_at(incident.noticed_at, policy)
    return "reminder" if again and incident.acknowledged_at is None else None


def reminder_at(noticed_at: float, policy: Policy) -> Instant:
    """Return when the reminder after a notice is due: at the start of its minute, so that it does not come one tick later each day."""
    return int(noticed_at // MINUTE * MINUTE) + policy.remind_every


def noticed(incident: Incident, kind: Kind, now: float) -> Incident:
    """Return *incident* after a notice of *kind* was made at *now*."""
    if kind == "recovery":
        return msgspec.structs.replace(incident, closed=True, noticed_at=now)
    return msgspec.structs.replace(
        incident, noticed_at=now, noticed_priority=incident.priority, notices=incident.notices + 1
    )
