"""When a tick starts certain jobs next, as `next` answers it: for the tick that sets the alarm of the machine."""

from collections.abc import Mapping

from scheduled.core.keys import JobKey
from scheduled.engine.runtime import Runtime
from scheduled.queries.next_run import next_start, next_start_of_later_slot
from scheduled.queries.view import view_of
from scheduled.schedules.zones import Instant
from scheduled.state.ledger import Ledger


def next_starts(runtime: Runtime, ledger: Ledger, keys: Mapping[JobKey, bool]) -> dict[JobKey, Instant]:
    """Return for each of *keys* that starts again the tick that starts it; with True only one for a slot that is not due yet.

    Call it at the end of a tick, which starts nothing more.
    """
    view = view_of(runtime.config, ledger, runtime.paths)
    view.own_retries, view.at_work = (), False
    searched = {
        key: (next_start_of_later_slot if later else next_start)(view, key) for key, later in keys.items()
    }
    return {key: step.tick for key, step in searched.items() if step is not None}
