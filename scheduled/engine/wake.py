"""Set the alarm that wakes the machine for the next job with `wake`, and clear it when none is wanted.

What was set is kept in the ledger, so that an alarm of another program is neither cleared nor replaced.
"""

import msgspec

from scheduled.core.planner import Plan
from scheduled.core.wake import META, Wanted, read_alarm, wanted
from scheduled.engine.rtc import SLACK, Rtc
from scheduled.engine.runtime import Runtime
from scheduled.errors import ScheduledError
from scheduled.schedules.zones import Instant
from scheduled.state.ledger import Ledger


def update(runtime: Runtime, ledger: Ledger, plan: Plan, now: float) -> Instant | None:
    """Set the alarm for the next start of *plan*, or clear it. Return when the next tick has to set it again, if at all.

    Call it outside of a transaction. A problem is added to those of the tick.
    """
    found = wanted(runtime.config.jobs, plan.jobs, ledger.pauses(int(now)), int(now))
    rtc = Rtc(runtime.config.wake_command)
    try:
        if found is None:
            clear(ledger, rtc, now)
            return None
        return _set(ledger, rtc, found, now)
    except ScheduledError as error:
        _remember(ledger, None)
        runtime.add_problem("WARNING", str(error))
        return None


def clear(ledger: Ledger, rtc: Rtc, now: float) -> None:
    """Clear the alarm if it is the one that was set here. Raise ScheduledError if it can't be cleared."""
    known, present = read_alarm(ledger.meta(META)), rtc.alarm(now)
    if known is not None and present is not None and abs(present - known.at) <= SLACK:
        rtc.clear()
    if known is not None:
        _remember(ledger, None)


def _set(ledger: Ledger, rtc: Rtc, found: Wanted, now: float) -> Instant:
    known, present = read_alarm(ledger.meta(META)), rtc.alarm(now)
    own = present is not None and known is not None and abs(present - known.at) <= SLACK
    if present is not None and not own and present > now:
        if present <= found.at:
            _remember(ledger, None)
            return present  # it wakes the machine before; the tick after it sets the next alarm
        raise ScheduledError(
            f"wake: another program has set the alarm of the clock, so the machine does not wake for {found.job}"
        )
    if not own or present is None or abs(present - found.at) > SLACK:
        _remember(ledger, found)  # first, so that it is known to be ours if this process is killed
        rtc.set(found.at, now)
    elif known is not None and known != found:
        _remember(ledger, found)
    return found.at


def _remember(ledger: Ledger, found: Wanted | None) -> None:
    text = "" if found is None else msgspec.json.encode(found).decode()
    if (ledger.meta(META) or "") != text:
        with ledger.transaction():
            ledger.remember(META, text)
