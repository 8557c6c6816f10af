"""`run`, `daily-report` and `rerun`: ticks that a user starts, and previews of them."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec

from scheduled import idle
from scheduled.clock import stamp
from scheduled.core.bus import Subscriber
from scheduled.core.events import Event
from scheduled.core.manual import ManualRequest
from scheduled.engine import tick
from scheduled.engine.runtime import Runtime, open_runtime
from scheduled.engine.tick import Result
from scheduled.errors import BusyError, ConfigError, ForeignStateError
from scheduled.instance import Instance

if TYPE_CHECKING:
    from scheduled.core.keys import JobKey
    from scheduled.schedules.zones import Instant
    from scheduled.state.ledger import Ledger


def run(
    instance: Instance,
    jobs: Sequence[str] = (),
    slot: str | None = None,
    on_event: Subscriber | None = None,
    *,
    inherit_env: bool = False,
) -> dict[str, Any]:
    """Run a tick and return its result when it has ended.

    With *jobs*, run these jobs or targets now instead of the due ones; with *slot*, run the only one in *jobs* for that
    instant; a job with `for_each` means all its targets; with *inherit_env*, *jobs* inherit the environment of this process. *on_event* is called with each event when it is
    published. Raise ConfigError if the configuration cannot be read, there is no such job, or the slot cannot run.
    """
    if inherit_env and not jobs:
        raise ConfigError("inherit_env: needs a job; a tick gives all jobs the environment of cron")
    return _ticked(
        instance,
        lambda runtime: _run(runtime, jobs, slot),
        on_event,
        regular=not jobs and slot is None,
        requested=jobs or None,
        inherit_env=inherit_env,
    )


def _run(runtime: Runtime, names: Sequence[str], slot: str | None) -> Result:
    if slot is not None:
        return _run_for(runtime, names, slot)
    requests = _requests(runtime, names) if names else []
    return tick.tick(runtime, manual=requests, unattended=not requests and _is_unattended(runtime))


def _requests(runtime: Runtime, names: Sequence[str]) -> list[ManualRequest]:
    from scheduled.config.named import known_keys  # a tick of cron names none

    # A job without a target means those that it has when the tick has read their list.
    return [ManualRequest(key.job, target=key.target) for key in known_keys(runtime.config, names)]


def _is_unattended(runtime: Runtime) -> bool:
    """Return whether nothing but a schedule can have started this tick: no person, and no interface."""
    return runtime.claimed is None and not idle.on_terminal()


def _run_for(runtime: Runtime, names: Sequence[str], slot: str) -> Result:
    """Run a job for the instant *slot*: the run of an open slot, otherwise a run in addition to the schedule."""
    from scheduled.queries import dry_run
    from scheduled.schedules.instants import read

    name, instant = dry_run.the_one(names), read(slot, runtime.zone)
    found = dry_run.runs_for_slot(runtime, name, instant)  # raises ConfigError if the slot cannot run
    manual = [ManualRequest(run["job"], slot=instant, target=run["target"] or "") for run in found]
    return tick.tick(runtime, manual=manual)


def daily_report(
    instance: Instance, *, due: bool = False, on_event: Subscriber | None = None
) -> dict[str, Any]:
    """Write the daily report now; with *due*, only if its slot is open and no other tick has claimed it.

    *on_event* is called with each event when it is published. Raise ConfigError if no job has the handler `daily_report`;
    with *due*, do nothing then.
    """
    return _ticked(instance, lambda runtime: _daily_report(runtime, due=due), on_event, regular=due)


def _daily_report(runtime: Runtime, *, due: bool) -> Result:
    if not due:
        return tick.tick(runtime, manual=[ManualRequest(_reporter(runtime))])
    return tick.tick(runtime, only=_report_jobs(runtime), unattended=_is_unattended(runtime))


def dry_run_of_report(instance: Instance, *, due: bool = False) -> list[dict[str, Any]]:
    """Return the runs that `daily_report` would start. Raise ConfigError as `daily_report` does."""
    from scheduled.queries import dry_run

    runtime = open_runtime(instance)
    if due:
        reporter = runtime.handlers(["daily_report"]).get("daily_report")
        return [
            entry for entry in dry_run.dry_run_of_tick(runtime) if reporter and entry["job"] == reporter.job
        ]
    return dry_run.dry_run_of(runtime, [_reporter(runtime)], None)


def _reporter(runtime: Runtime) -> str:
    key = runtime.handlers(["daily_report"]).get("daily_report")
    if key is None:
        raise ConfigError(
            f'{runtime.config.path}: no job has handler = "daily_report" and writes the daily report'
        )
    return key.job


def _report_jobs(runtime: Runtime) -> list[str]:
    """Return the jobs that run together with the report; an empty list if no job writes reports.

    The crontab calls `daily-report --due` in any case, so a missing report job is not an error.
    """
    key = runtime.handlers(["daily_report"]).get("daily_report")
    if key is None:
        return []
    # The jobs of the group write the data of the report, so their slots must run before it in the same tick.
    group = runtime.config.jobs[key.job].group
    return [other for other, job in runtime.config.jobs.items() if group and job.group == group] or [key.job]


def rerun(instance: Instance, run_id: str, on_event: Subscriber | None = None) -> dict[str, Any]:
    """Repeat a run now: start its next attempt if it waits for one, otherwise a manual run for the same instant.

    *on_event* is called with each event when it is published. Raise ConfigError if there is no such run, BusyError if it is
    under way.
    """
    return _ticked(
        instance,
        lambda runtime: tick.tick(runtime, manual=[request_again(runtime, run_id)]),
        on_event,
        requested=(),
    )


def again(
    instance: Instance, key: "JobKey", run_id: str, on_event: Subscriber | None = None
) -> dict[str, Any]:
    """Start the next attempt of the waiting run *run_id* of *key* now; nothing if another tick has started it meanwhile."""
    request = ManualRequest(key.job, run_id=run_id, target=key.target)
    return _ticked(instance, lambda runtime: tick.tick(runtime, manual=[request]), on_event, requested=())


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


def _ticked(
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
