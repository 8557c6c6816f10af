"""`approve` and `deny`: answer a run that waits for a person, because of `approve` or because it was interrupted."""

from typing import Any

from scheduled import clock
from scheduled.clock import stamp
from scheduled.commands.changing import changing
from scheduled.commands.rerun import again
from scheduled.config.named import known_key
from scheduled.core.approvals import DENIED, needs_decision
from scheduled.core.bus import Subscriber
from scheduled.core.events import Event
from scheduled.core.judgement import BY_HAND
from scheduled.core.runs import UNDER_WAY, OpenRun, scheduled_for
from scheduled.engine.giving_up import give_up
from scheduled.engine.runtime import Runtime, open_runtime
from scheduled.errors import BusyError, ConfigError, ForbiddenError
from scheduled.instance import Instance
from scheduled.state.ledger import Ledger
from scheduled.state.open import read_only

APPROVED = "run_approved"  # the event


def approve(instance: Instance, run: str, on_event: Subscriber | None = None) -> dict[str, Any]:
    """Approve a run that waits for an answer, and start it now; *run* is its id, or the job or target of which only one waits.

    The answer is recorded first: if the run cannot start now, a later tick starts it. Raise ConfigError if no such run
    waits for an answer, BusyError if it is under way.
    """
    found = record(instance, run)
    done = again(instance, found.key, found.run_id, on_event)
    later = [f"{found.run_id}: is approved; a later tick starts it"] if done["busy"] else []
    return {**done, "approved": found.run_id, "problems": [*done["problems"], *later]}


def record(instance: Instance, run: str) -> OpenRun:
    """Record that *run* is approved, and return it. Raise the errors of `approve`."""
    runtime = open_runtime(instance)
    with changing(runtime) as ledger:
        found = _asking(runtime, ledger, run)
        ledger.retry_now(found.run_id, int(clock.now()))
    runtime.publish([_approved(found, runtime.zone)])
    return found


def _approved(run: OpenRun, zone: str) -> Event:
    payload = {
        "job": run.job,
        **({"target": run.target} if run.target else {}),
        "run_id": run.run_id,
        "scheduled_for": stamp(scheduled_for(run), zone),
    }
    return Event(name=APPROVED, payload=payload)


def dry_run_of_approve(instance: Instance, run: str) -> list[dict[str, Any]]:
    """Return the run that `approve` would start. Raise the errors of `approve`."""
    runtime, found = waiting(instance, run)
    return [
        {
            "job": found.job,
            "target": found.target or None,
            "scheduled_for": stamp(scheduled_for(found), runtime.zone),
            "reason": f"approves {found.run_id}",
        }
    ]


def deny(instance: Instance, run: str, *, dry_run: bool = False) -> dict[str, Any]:
    """Deny a run that waits for an answer: it is skipped, with its slot. *run* is as for `approve`.

    Raise ConfigError if no such run waits for an answer, BusyError if it is under way.
    """
    runtime, found = waiting(instance, run)
    if not dry_run:
        with changing(runtime) as ledger:
            found = _asking(runtime, ledger, run)
            events = give_up(ledger, runtime, found, _reason(found), int(clock.now()))
        runtime.publish(events)
    return {
        "run_id": found.run_id,
        "job": found.job,
        "target": found.target or None,
        "scheduled_for": stamp(scheduled_for(found), runtime.zone),
        "dry_run": dry_run,
    }


def waiting(instance: Instance, run: str) -> tuple[Runtime, OpenRun]:
    """Return the run that waits for an answer, with the runtime that has read it. Raise the errors of `approve`."""
    runtime = open_runtime(instance)
    with read_only(runtime.paths) as ledger:
        return runtime, _asking(runtime, ledger, run)


def linked(instance: Instance, run_id: str, until: str, digest: str) -> dict[str, Any]:
    """Return the run that a signed address names, if the address is valid and the run waits for an answer.

    Raise ForbiddenError otherwise; the message has nothing about the run.
    """
    from scheduled.notify import answer_links

    runtime = open_runtime(instance)
    with read_only(runtime.paths) as ledger:
        run = ledger.open_run(run_id)
        valid = run is not None and answer_links.is_valid(runtime.paths.root, run, until, digest, clock.now())
    if run is None or not valid or not needs_decision(run):
        raise ForbiddenError(
            "the address is wrong or too old, or the run waits no longer: it was answered, or a newer one asks instead"
        )
    return {
        "run_id": run.run_id,
        "job": run.job,
        "target": run.target or None,
        "scheduled_for": stamp(scheduled_for(run), runtime.zone),
        "since": stamp(int(run.claimed_at), runtime.zone),
        "interrupted": run.attempt > 0,
    }


def _reason(run: OpenRun) -> str:
    """Return the reason of the slot of *run* when it is denied: after an interruption it is skipped by hand."""
    return DENIED if run.attempt == 0 else BY_HAND


def _asking(runtime: Runtime, ledger: Ledger, run: str) -> OpenRun:
    """Return the run with the id *run*, or the only one of this job or target, that waits for an answer."""
    open_run, row = ledger.open_run(run), ledger.run(run)
    if open_run is not None and needs_decision(open_run):
        return _configured(runtime, open_run)
    if open_run is not None and open_run.status in UNDER_WAY:
        raise BusyError(f"{run}: does not wait for an answer: it is under way")
    if open_run is not None:
        what = (
            "it is approved and starts at the next tick"
            if open_run.attempt == 0
            else "it waits for its next attempt"
        )
        raise BusyError(f"{run}: does not wait for an answer: {what}")
    if row is not None:
        reason = f" ({row.reason})" if row.reason else ""
        raise ConfigError(
            f"{run}: does not wait for an answer: it has ended as {row.status}{reason};"
            f" `scheduled explain {row.key.display_name}` shows what waits now"
        )
    return _of_job(runtime, ledger, run)


def _of_job(runtime: Runtime, ledger: Ledger, name: str) -> OpenRun:
    key = known_key(runtime.config, name)
    runs = [run for run in ledger.open_runs() if needs_decision(run) and run.job == key.job]
    found = [run for run in runs if not key.target or run.target == key.target]
    if not found:
        raise ConfigError(
            f"{name}: no run of it waits for an answer; `scheduled explain {name}` shows why it waits"
        )
    if len(found) > 1:
        ids = ", ".join(run.run_id for run in found)
        raise ConfigError(f"{name}: several runs of it wait for an answer; name one of them: {ids}")
    return _configured(runtime, found[0])


def _configured(runtime: Runtime, run: OpenRun) -> OpenRun:
    if run.job not in runtime.config.jobs:
        raise ConfigError(f"{run.run_id}: its job {run.job} is no longer configured")
    return run
