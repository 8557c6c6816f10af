"""A tick that a user or the crontab starts with a command: its runtime, and its result as a document."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec

from scheduled import idle
from scheduled.clock import stamp
from scheduled.core.bus import Subscriber
from scheduled.core.events import Event
from scheduled.engine.runtime import Runtime, open_runtime
from scheduled.engine.tick import Result
from scheduled.errors import ConfigError, ForeignStateError
from scheduled.instance import Instance

if TYPE_CHECKING:
    from scheduled.core.keys import JobKey
    from scheduled.schedules.zones import Instant
    from scheduled.state.ledger import Ledger


def ticked(
    instance: Instance,
    work: Callable[[Runtime], Result],
    on_event: Subscriber | None,
    *,
    regular: bool = False,
    requested: Sequence[str] | None = None,
    inherit_env: bool = False,
) -> dict[str, Any]:
    """Run the tick *work* with a new runtime and return its result as a document.

    A *regular* tick is one of cron, unless a person typed it on a terminal. *requested* are the jobs of a request (empty:
    those of the run that it repeats), None for a tick.
    """
    runtime = _open(instance, regular=regular and instance.claimed is None and not idle.on_terminal())
    runtime.inherit, runtime.next_starts = inherit_env, _next_starts
    if on_event is not None:
        runtime.bus.subscribe(Event, on_event)
    runtime.claimed = instance.claimed
    try:
        done = work(runtime)
        if requested is not None and instance.claimed is None:  # a person waits for the result, not a program
            _explain_failures(runtime, done, requested)
        found = _document(runtime, done)
    except ForeignStateError as error:
        runtime.log_line("ERROR", f"no job ran: {error}")
        raise
    except BaseException:
        instance.not_printed()
        raise
    if not instance.prints:
        instance.printed()
    return {**found, "answers": done.answers} if instance.prints and done.answers else found


def _next_starts(
    runtime: Runtime, ledger: "Ledger", keys: "Mapping[JobKey, bool]"
) -> "Mapping[JobKey, Instant]":
    from scheduled.queries.next_starts import next_starts  # only with a job that wakes the machine

    return next_starts(runtime, ledger, keys)


def _open(instance: Instance, *, regular: bool) -> Runtime:
    try:
        found = open_runtime(instance, regular=regular)
    except ConfigError as error:
        from scheduled.config.check import unreadable
        from scheduled.engine.refusal import is_known, log_refusal

        error.args = (unreadable(instance.config_file, error),)
        log_refusal(instance, str(error), regular=regular)
        error.known = regular and instance.prints and is_known(instance.paths, str(error))
        raise
    with suppress(OSError):
        instance.paths.refused.unlink(missing_ok=True)
    return found


def _document(runtime: Runtime, done: Result) -> dict[str, Any]:
    """Return the result of a tick in the form that `run --json` prints."""
    return {
        "tick": done.tick,
        "started_at": stamp(done.started_at, runtime.zone),
        "exit_code": done.exit_code,
        "runs": [
            {**event.payload, "event": event.name}
            for event in done.events
            if event.name.startswith("job_") and event.name != "job_started" and "run_id" in event.payload
        ],
        "skipped": [
            event.payload
            for event in done.events
            if event.name == "job_skipped" and "run_id" not in event.payload
        ],
        "busy": done.busy,
        "problems": done.problems,
        "recoveries": done.recoveries,
        "outputs": [msgspec.to_builtins(output) for output in done.outputs],
    }


def _explain_failures(runtime: Runtime, done: Result, requested: Sequence[str]) -> None:
    """Add to the remarks each failure, also one that a tick would not print again, and what may have been missing."""
    if requested:
        from scheduled.notify import problems

        failures = problems.failed(done.events)
        runtime.paths.remarks += [text for text in failures if text not in done.problems]
    events = [event for event in done.events if event.name in ("job_failed", "job_retry_scheduled")]
    if events:
        import shlex

        from scheduled.commands import not_given  # only if a job failed

        names = list(
            dict.fromkeys(str(event.payload["job"]) for event in events if _may_lack(runtime, event))
        )
        words = shlex.join(requested or names)
        not_given.remark(runtime, names, f"scheduled run --inherit-env {words}")


def _may_lack(runtime: Runtime, event: Event) -> bool:
    from scheduled.commands import not_given

    job, found = runtime.config.jobs.get(str(event.payload["job"])), event.payload
    return not_given.may_explain(job, runtime, str(found["status"]), str(found.get("reason") or ""))


def is_unattended(runtime: Runtime) -> bool:
    """Return whether nothing but a schedule can have started this tick: no person, and no interface."""
    return runtime.claimed is None and not idle.on_terminal()
