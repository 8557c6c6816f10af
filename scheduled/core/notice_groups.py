"""Which incidents share a notice."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from scheduled.core.incidents import Incident, Kind, Message, Policy, due, follows
from scheduled.core.routing import PRIORITIES

TOGETHER = 3  # troubles with the same sign, found at once, that share a notice
MOST = 20  # notices of a kind that a tick makes


def messages(incidents: Mapping[str, Incident], policy: Policy, now: float) -> list[Message]:
    """Return the notices that are due at *now*; incidents with the same sign share one if there are TOGETHER or more.

    If there are more than MOST of a kind, the least urgent ones share one, so that a disaster can be read.
    """
    wanted: dict[Kind, dict[str, list[Incident]]] = {}
    for incident in incidents.values():
        kind = due(incident, incidents, policy, now)
        if kind is not None:
            wanted.setdefault(kind, {}).setdefault(incident.sign, []).append(incident)
    return [
        Message(kind=kind, incidents=group, followers=_followers(group, incidents, policy))
        for kind, by_sign in wanted.items()
        for group in _bounded(_groups(by_sign))
    ]


def _groups(by_sign: Mapping[str, Sequence[Incident]]) -> Iterable[tuple[Incident, ...]]:
    for sign, alike in by_sign.items():
        yield from [tuple(alike)] if sign and len(alike) >= TOGETHER else [(one,) for one in alike]


def _bounded(groups: Iterable[tuple[Incident, ...]]) -> list[tuple[Incident, ...]]:
    found = list(groups)
    if len(found) <= MOST:
        return found
    found.sort(key=lambda group: -max(PRIORITIES.index(one.priority) for one in group))
    return [*found[: MOST - 1], tuple(one for group in found[MOST - 1 :] for one in group)]


def _followers(
    causes: Collection[Incident], incidents: Mapping[str, Incident], policy: Policy
) -> tuple[Incident, ...]:
    """Return the open incidents that follow from *causes*, also through others."""
    names, found = {cause.name for cause in causes}, list[Incident]()
    while more := [
        one
        for one in incidents.values()
        if one.is_open and one.cause in names and one.name not in names and follows(one, incidents, policy)
    ]:
        found += more
        names |= {one.name for one in more}
    return tuple(found)
