"""What every door may ask, one function for each question, with plain values in and JSON-ready ones out.

An answer is the very document that the command line prints with --json; instants in it are RFC 3339 with offset,
and those asked with are texts as people write them. *where* says whose configuration and state; *dry_run* only says
what would be done. A question that can't be answered raises ScheduledError, with nothing changed. *hear* is called
with every event of a tick as it happens. What waits for a run in a process of its own (`start`, `start_again`) is
awaited; all else answers at once. The rooms behind are imported when they are asked: a tick has no use for most.
"""

from collections.abc import Sequence
from typing import Any

from scheduled.instance import Instance
from scheduled.service.files import (
    add,
    apply,
    backup,
    edit,
    install,
    remove,
    replace,
    restore,
    uninstall,
    written,
)
from scheduled.service.runs import (
    as_printed,
    attempt,
    daily_report,
    disable,
    emit,
    enable,
    history,
    logs,
    pause,
    plan_of_report,
    plan_of_rerun,
    rerun,
    resume,
    run,
    skip,
    stop,
)
from scheduled.service.screens import (
    chain,
    chains,
    executable_keys,
    handler_names,
    interfaces,
    now,
    one_run,
    preview,
    printed,
    settings,
    start,
    start_again,
    strips,
    together,
)

__all__ = [
    "Instance",
    "add",
    "apply",
    "as_printed",
    "attempt",
    "audit",
    "backup",
    "calendar",
    "chain",
    "chains",
    "check",
    "daily_report",
    "disable",
    "edit",
    "emit",
    "enable",
    "executable_keys",
    "explain",
    "forecast",
    "handler_names",
    "history",
    "incidents",
    "install",
    "interfaces",
    "job",
    "jobs",
    "logs",
    "notices",
    "now",
    "one_run",
    "pause",
    "plan",
    "plan_of_report",
    "plan_of_rerun",
    "preview",
    "printed",
    "remove",
    "replace",
    "report",
    "rerun",
    "restore",
    "resume",
    "run",
    "settings",
    "skip",
    "start",
    "start_again",
    "status",
    "stop",
    "strips",
    "together",
    "uninstall",
    "upcoming",
    "written",
]  # fmt: skip

MOST = 100_000  # slots in one answer

# How everything stands


def status(instance: Instance) -> dict[str, Any]:
    """Say how everything stands, trouble first; `healthy` is whether there is none."""
    from scheduled.queries.status import status as found

    return found(instance.config_file, instance.paths)


def incidents(instance: Instance) -> list[dict[str, Any]]:
    """List the conditions that hold now, as handlers, or the runner itself (`job` null), found them."""
    from scheduled.config.files import load_config
    from scheduled.queries import records

    return records.incidents(instance.paths, load_config(instance.config_file).timezone)


def notices(instance: Instance) -> list[dict[str, Any]]:
    """List the notices that are decided but not delivered yet."""
    from scheduled.config.files import load_config
    from scheduled.queries import records

    return records.notices(instance.paths, load_config(instance.config_file).timezone)


def report(instance: Instance) -> dict[str, Any]:
    """Return the newest daily report as Markdown."""
    from scheduled.queries import records

    return records.report(instance.paths)


def check(instance: Instance) -> dict[str, Any]:
    """Return every fault and doubt in the configuration."""
    from scheduled.config import check as checks

    return checks.checked(instance.config_file, instance.paths)


def audit(instance: Instance, after: str | None = None, until: str | None = None) -> dict[str, Any]:
    """Recompute every slot there had to be (in `(after, until]`); say whether the ledger accounts for each."""
    from scheduled import clock
    from scheduled.config.files import load_config
    from scheduled.queries import records
    from scheduled.schedules.instants import past

    zone = load_config(instance.config_file).timezone
    first, last = past(after, until, zone, clock.now())
    return records.audit(instance.paths, zone, after=first, until=last)


# Jobs, and when they come


def jobs(instance: Instance) -> list[dict[str, Any]]:
    """List the jobs: when each is due, what it does, how it went."""
    from scheduled.queries import jobs as listing
    from scheduled.queries.view import look

    view = look(instance.config_file, instance.paths)
    instance.problems = view.config.problems
    return listing.jobs(view)


def job(instance: Instance, name: str) -> dict[str, Any]:
    """Return everything configured of a job, where it stands, and its next slots."""
    from scheduled.queries import jobs as listing
    from scheduled.queries.view import look

    return listing.show(look(instance.config_file, instance.paths), name)


def upcoming(instance: Instance, job: str | None = None, limit: int = 10) -> list[dict[str, Any]]:
    """Return the next slots, of a job or of all."""
    from scheduled.errors import require_between
    from scheduled.queries import jobs as listing
    from scheduled.queries.view import look

    require_between("limit", limit, 1, MOST)
    return listing.upcoming(look(instance.config_file, instance.paths), job, limit)


def explain(instance: Instance, job: str, at: str | None = None) -> dict[str, Any]:
    """Say why a job ran, did not, or will; with *at*, what became of its slot at or before that instant."""
    from scheduled.queries import explain as reasons
    from scheduled.queries.view import looked_at
    from scheduled.schedules.instants import read

    with looked_at(instance.config_file, instance.paths) as (view, ledger):
        if at is None:
            return reasons.explain(view, ledger, job)
        return reasons.explain_at(view, ledger, job, read(at, view.zone))


def forecast(
    instance: Instance, first: str, last: str, outages: Sequence[str] = (), job: str | None = None
) -> list[dict[str, Any]]:
    """Return what will run from *first* until before *last*, with no ticks in *outages* (`A..B`)."""
    from scheduled.queries import forecast as future
    from scheduled.queries.view import look

    view = look(instance.config_file, instance.paths)
    return future.document(future.between(view, first, last, outages, job), view.zone)


def calendar(
    instance: Instance, first: str, last: str, outages: Sequence[str] = (), job: str | None = None
) -> str:
    """Return what `forecast` does as a calendar (iCalendar)."""
    from scheduled.queries import calendar as ical
    from scheduled.queries import forecast as future
    from scheduled.queries.view import look

    view = look(instance.config_file, instance.paths)
    return ical.calendar(future.between(view, first, last, outages, job), view.now)


def plan(instance: Instance, jobs: Sequence[str] = (), slot: str | None = None) -> list[dict[str, Any]]:
    """Return what a tick, or `run` with the same arguments, would start now, in order and with the reason."""
    from scheduled.commands import runs as ticking
    from scheduled.engine.runtime import open_runtime

    return ticking.planned(open_runtime(instance), jobs, slot)
