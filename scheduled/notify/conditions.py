"""Compare a job's conditions with the recorded ones, and record the changes and their notices in one transaction."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from scheduled.core.conditions import Change, Condition, Notice
from scheduled.core.events import Event
from scheduled.core.keys import JobKey
from scheduled.core.records import KnownCondition
from scheduled.notify import outbox
from scheduled.state.ledger import Conditions


def changes(
    known: Iterable[KnownCondition],
    current: Iterable[Condition],
    facts: Mapping[str, Any],
    now: datetime,
    unknown: Sequence[str] = (),
) -> list[Change]:
    """Compare the *current* conditions with the *known* ones; return one change for each group.

    *unknown* lists prefixes of keys that could not be checked this time: known conditions with these prefixes stay.
    """
    before = {item.condition.key: item.condition for item in known}
    after = {key: found for key, found in before.items() if unknown and key.startswith(tuple(unknown))}
    after |= {condition.key: condition for condition in current}
    appeared = _by_group(found for key, found in after.items() if key not in before)
    stayed = _by_group(found for key, found in after.items() if key in before)
    gone = _by_group(found for key, found in before.items() if key not in after)
    return [
        Change(
            group=group,
            appeared=appeared.get(group, []),
            stayed=stayed.get(group, []),
            gone=gone.get(group, []),
            facts=facts,
            now=now,
        )
        for group in sorted(appeared.keys() | stayed.keys() | gone.keys())
    ]


def _by_group(conditions: Iterable[Condition]) -> dict[str, list[Condition]]:
    groups: dict[str, list[Condition]] = {}
    for condition in conditions:
        groups.setdefault(condition.group, []).append(condition)
    return groups


def record(
    ledger: Conditions,
    key: JobKey,
    found: Sequence[Change],
    compose: Callable[[Change], Sequence[Notice]],
    at: float,
) -> list[Event]:
    """Record the changes *found* for the job *key* and post the notices that *compose* makes of them.

    Conditions that appeared with a notice count as notified then. Return the events to publish. *at* is UTC seconds. Must be called inside a transaction, so that a condition and its
    notices are recorded together or not at all.
    """
    events = []
    for change in found:
        for condition in (*change.appeared, *change.stayed):
            ledger.put_condition(key, condition, at)
        ledger.drop_conditions(key, [condition.key for condition in change.gone])
        events += [Event(name=new.event, payload=new.payload) for new in change.appeared if new.event]
        if change.appeared or change.gone:
            _report(ledger, key, change, compose(change), at)
    return events


def _report(ledger: Conditions, key: JobKey, change: Change, notices: Sequence[Notice], at: float) -> None:
    """Post *notices*; what appeared counts as notified if there is one."""
    for number, notice in enumerate(notices):
        outbox.post(ledger, outbox.notice_id(str(key), change.group, str(at), str(number)), notice, at)
    if notices:
        ledger.notified(key, [condition.key for condition in change.appeared], at)
