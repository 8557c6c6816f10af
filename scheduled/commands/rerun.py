"""`rerun`: a tick that repeats a run, and its preview."""

from typing import Any

from scheduled.commands.ticked import ticked
from scheduled.core.bus import Subscriber
from scheduled.core.keys import JobKey
from scheduled.core.manual import ManualRequest
from scheduled.engine import tick
from scheduled.engine.runtime import Runtime, open_runtime
from scheduled.errors import BusyError, ConfigError
from scheduled.instance import Instance


def rerun(instance: Instance, run_id: str, on_event: Subscriber | None = None) -> dict[str, Any]:
    """Repeat a run now: start its next attempt if it waits for one, otherwise a manual run for the same instant.

    *on_event* is called with each event when it is published. Raise ConfigError if there is no such run, BusyError if it is
    under way.
    """
    return ticked(
        instance,
        lambda runtime: tick.tick(runtime, manual=[request_again(runtime, run_id)]),
        on_event,
        requested=(),
    )


def again(instance: Instance, key: JobKey, run_id: str, on_event: Subscriber | None = None) -> dict[str, Any]:
    """Start the next attempt of the waiting run *run_id* of *key* now; nothing if another tick has started it meanwhile."""
    request = ManualRequest(key.job, run_id=run_id, target=key.target)
    return ticked(instance, lambda runtime: tick.tick(runtime, manual=[request]), on_event, requested=())


def dry_run_of_rerun(instance: Instance, run_id: str) -> list[dict[str, Any]]:
    """Return the run that `rerun` would start. Raise the errors of `rerun`."""
    from scheduled.queries.history import one_run

    job = request_again(open_runtime(instance), run_id).job
    again = one_run(instance, run_id)
    return [
        {
            "job": job,
            "target": again["target"],
            "scheduled_for": again["scheduled_for"],
            "reason": f"repeats {run_id}",
        }
    ]


def request_again(runtime: Runtime, run_id: str) -> ManualRequest:
    """Return the request that repeats *run_id*. Raise the errors of `rerun`."""
    from scheduled.state.open import read_only

    with read_only(runtime.paths) as ledger:
        row, waiting = ledger.run(run_id), ledger.open_run(run_id)
    if row is None:
        raise ConfigError(f"{run_id}: no such run; `scheduled history` lists them")
    if row.job not in runtime.config.jobs:
        raise ConfigError(f"{run_id}: its job {row.job} is no longer configured")
    if waiting is not None and waiting.status != "waiting_retry":
        raise BusyError(f"{run_id}: is under way")
    if waiting is not None:
        return ManualRequest(row.job, run_id=run_id, target=row.target)
    slot = row.slot if row.slot is not None else row.requested_for
    return ManualRequest(row.job, slot=slot, target=row.target)
