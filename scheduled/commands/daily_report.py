"""`daily-report`: a tick that writes the daily report, and its preview."""

from typing import Any

from scheduled.commands.ticked import is_unattended, ticked
from scheduled.core.bus import Subscriber
from scheduled.core.manual import ManualRequest
from scheduled.engine import tick
from scheduled.engine.runtime import Runtime, open_runtime
from scheduled.engine.tick import Result
from scheduled.errors import ConfigError
from scheduled.instance import Instance


def daily_report(
    instance: Instance, *, due: bool = False, on_event: Subscriber | None = None
) -> dict[str, Any]:
    """Write the daily report now; with *due*, only if its slot is open and no other tick has claimed it.

    *on_event* is called with each event when it is published. Raise ConfigError if no job has the handler `daily_report`;
    with *due*, do nothing then.
    """
    return ticked(instance, lambda runtime: _daily_report(runtime, due=due), on_event, regular=due)


def _daily_report(runtime: Runtime, *, due: bool) -> Result:
    if not due:
        return tick.tick(runtime, manual=[ManualRequest(_reporter(runtime))])
    return tick.tick(runtime, only=_report_jobs(runtime), unattended=is_unattended(runtime))


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
