"""Compare a job's conditions with the recorded ones, and record the changes with their notices."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

import msgspec

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


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What to record of the change of a *group*: all of it, or a part of a large change.

    *changed* are known conditions with new contents, *gone* the keys of those that are not true any more. *notices* are
    those of the whole change, and belong to its first part; *noticed* is whether there is one.
    """

    group: str
    appeared: Sequence[Condition] = ()
    changed: Sequence[Condition] = ()
    gone: Sequence[str] = ()
    notices: Sequence[Notice] = ()
    noticed: bool = False

    @property
    def size(self) -> int:
        """The number of conditions."""
        return len(self.appeared) + len(self.changed) + len(self.gone)


def parts(
    found: Iterable[Change],
    known: Iterable[KnownCondition],
    compose: Callable[[Change], Sequence[Notice]],
    size: int | None = None,
) -> Iterator[Part]:
    """Yield what to record of the changes *found*, with the notices that *compose* makes of them.

    *known* are the conditions with which `changes` was called. No part has more than *size* conditions (None: any number).
    """
    before = {item.condition.key: item.condition for item in known}
    for change in found:
        notices = compose(change) if change.appeared or change.gone else ()
        whole = Part(
            group=change.group,
            appeared=change.appeared,
            changed=[condition for condition in change.stayed if condition != before[condition.key]],
            gone=[condition.key for condition in change.gone],
            notices=notices,
            noticed=bool(notices),
        )
        if whole.size:
            yield from [whole] if size is None or whole.size <= size else _split(whole, size)


def _split(whole: Part, size: int) -> Iterator[Part]:
    for name in ("appeared", "changed", "gone"):
        for piece in batched(getattr(whole, name), size):
            part = Part(group=whole.group, notices=whole.notices, noticed=whole.noticed)
            yield msgspec.structs.replace(part, **{name: piece})
            whole = msgspec.structs.replace(whole, notices=())


def batched(items: Iterable[Any], size: int) -> Iterator[tuple[Any, ...]]:
    """Yield *items* in tuples of *size*; the last one may be shorter."""
    left = iter(items)
    while found := tuple(islice(left, size)):
        yield found


def record(ledger: Conditions, key: JobKey, run_id: str, found: Iterable[Part], at: float) -> list[Event]:
    """Record the changes that the run *run_id* of the job *key* has *found*, and post their notices.

    Conditions that appeared with a notice count as notified then. Return the events to publish. *at* is UTC seconds.
    Must be called inside a transaction, so that a condition and its notices are recorded together or not at all.
    """
    events = []
    for part in found:
        for condition in (*part.appeared, *part.changed):
            ledger.put_condition(key, condition, at)
        ledger.drop_conditions(key, part.gone)
        events += [Event(name=new.event, payload=new.payload) for new in part.appeared if new.event]
        # The rest of a group, after a crash between two parts, has the same id: the notice about all of it is posted.
        for number, notice in enumerate(part.notices):
            outbox.post(ledger, outbox.notice_id(str(key), run_id, part.group, str(number)), notice, at)
        if part.noticed:
            ledger.notified(key, [condition.key for condition in part.appeared], at)
    return events
