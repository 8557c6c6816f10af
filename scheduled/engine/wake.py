"""Set the alarm that wakes the machine for the next job with `wake`, and clear it when none is wanted.

What was set is kept in the ledger until it is known to be cleared, replaced or past, so that an alarm of another program is
neither cleared nor replaced, and our own is known after an error or a kill.
"""

import msgspec

from scheduled.core.planner import Plan
from scheduled.core.wake import META, Alarm, Wanted, read_alarm, wakers, wanted
from scheduled.engine.rtc import SLACK, Rtc
from scheduled.engine.runtime import Runtime
from scheduled.errors import ScheduledError
from scheduled.schedules.zones import Instant
from scheduled.state.ledger import Ledger


def update(runtime: Runtime, ledger: Ledger, plan: Plan, now: float) -> Instant | None:
    """Set the alarm for the next start after *plan*, or clear it. Return when the next tick has to set it again, if at all.

    Call it outside of a transaction. A problem is added to those of the tick.
    """
    keys = wakers(runtime.config.jobs, plan.jobs)
    found = wanted(runtime.next_starts(runtime, ledger, keys) if keys else {}, int(now))
    rtc = Rtc(runtime.config.wake_command)
    try:
        if found is None:
            clear(ledger, rtc, now)
            return None
        return _set(ledger, rtc, found, now)
    except ScheduledError as error:
        runtime.add_problem("WARNING", str(error))
        return None


def clear(ledger: Ledger, rtc: Rtc, now: float) -> None:
    """Clear the alarm if it is one that was set here. Raise ScheduledError if it can't be cleared."""
    known, present = read_alarm(ledger.meta(META)), rtc.alarm(now)
    if known is not None and present is not None and known.is_at(present, SLACK):
        rtc.clear()
    if known is not None:
        _remember(ledger, None)


def _set(ledger: Ledger, rtc: Rtc, found: Wanted, now: float) -> Instant:
    known, present = read_alarm(ledger.meta(META)), rtc.alarm(now)
    own = present is not None and known is not None and known.is_at(present, SLACK)
    if present is not None and not own and present > now:
        _remember(ledger, None)  # ours was replaced
        if present <= found.at:
            return present  # it wakes the machine before; the tick after it sets the next alarm
        raise ScheduledError(
            f"wake: another program has set the alarm of the clock, so the machine does not wake for {found.job}"
        )
    others = known.later(now) if own and known is not None else ()
    if not own or present is None or abs(present - found.at) > SLACK:
        _replace(ledger, rtc, found, others, now)
    else:
        _remember(ledger, Alarm(found.job, found.due, found.at))
    return found.at


def _replace(ledger: Ledger, rtc: Rtc, found: Wanted, others: tuple[Instant, ...], now: float) -> None:
    """Set the alarm *found* instead of one of the *others*. If that fails, it is not known which of them is set."""
    # First, so that it is known to be ours if this process is killed.
    _remember(ledger, Alarm(found.job, found.due, found.at, others))
    try:
        rtc.set(found.at, now)
    except ScheduledError:
        _remember(ledger, Alarm(found.job, found.due, 0, (found.at, *others)))
        raise


def _remember(ledger: Ledger, found: Alarm | None) -> None:
    text = "" if found is None else msgspec.json.encode(found).decode()
    if (ledger.meta(META) or "") != text:
        with ledger.transaction():
            ledger.remember(META, text)
