"""The questions about runs, slots and switches. Doors ask them through `service`."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from scheduled.core.bus import Subscriber
from scheduled.instance import Instance

if TYPE_CHECKING:
    from scheduled.core.jobs import Job

MOST = 1_000_000  # runs in one answer


def history(
    instance: Instance,
    job: str | None = None,
    since: str | None = None,
    status: str | None = None,
    limit: int = 20,
) -> list[dict[str, Any]]:
    """Return the newest runs, of a job or of all, since `2h` ago or an instant, newest first."""
    from scheduled import clock
    from scheduled.config.files import load_config
    from scheduled.errors import require_between
    from scheduled.queries import logs as output
    from scheduled.queries import records
    from scheduled.schedules.instants import ago

    require_between("limit", limit, 1, MOST)
    found = load_config(instance.config_file)
    if job is not None:
        output.known(instance.paths, found.jobs, job)
    first = None if since is None else ago(since, found.timezone, clock.now())
    wanted = records.run_status(status)
    return records.history(instance.paths, found.timezone, job=job, limit=limit, since=first, status=wanted)


def logs(instance: Instance, name: str, lines: int | None = None) -> dict[str, Any]:
    """Return what the run *name*, or the newest run of the job *name* that printed anything, printed: of much, the last part."""
    from scheduled.queries import logs as output

    return output.logs(instance.paths, name, lines=lines, jobs=_jobs_to_tell(instance, name, lines))


def as_printed(instance: Instance, name: str, lines: int | None = None) -> tuple[dict[str, Any], bytes]:
    """Return the same, whole, the output apart and in its very bytes."""
    from scheduled.queries import logs as output

    return output.as_printed(instance.paths, name, lines=lines, jobs=_jobs_to_tell(instance, name, lines))


def _jobs_to_tell(instance: Instance, name: str, lines: int | None) -> "Mapping[str, Job]":
    """Return the jobs whose secrets are masked; raises UnknownError, ConfigError if there is nothing to tell of *name*."""
    from scheduled.config.files import load_config
    from scheduled.errors import require_between
    from scheduled.queries import logs as output

    if lines is not None:
        require_between("lines", lines, 0)
    jobs = load_config(instance.config_file).jobs
    output.known(instance.paths, jobs, name)
    return jobs


def run(
    instance: Instance, jobs: Sequence[str] = (), slot: str | None = None, hear: Subscriber | None = None
) -> dict[str, Any]:
    """Make a tick; with *jobs*, run these now, and with *slot* the one job for that instant. Returns at its end."""
    from scheduled.commands import runs as ticking

    return ticking.ticked(instance, lambda runtime: ticking.asked_for(runtime, jobs, slot), hear)


def daily_report(instance: Instance, *, due: bool = False, hear: Subscriber | None = None) -> dict[str, Any]:
    """Make the daily report now; with *due*, only if its slot is open and nobody holds it."""
    from scheduled.commands import runs as ticking

    return ticking.ticked(instance, lambda runtime: ticking.daily_report(runtime, due=due), hear)


def plan_of_report(instance: Instance, *, due: bool = False) -> list[dict[str, Any]]:
    """Say whether a report would be made."""
    from scheduled.commands import runs as ticking
    from scheduled.engine.runtime import open_runtime

    return ticking.report_planned(open_runtime(instance), due=due)


def rerun(instance: Instance, run_id: str, hear: Subscriber | None = None) -> dict[str, Any]:
    """Run a run again now: its next attempt, or, if it is over, a new run for its instant."""
    from scheduled.commands import changes as asking
    from scheduled.commands import runs as ticking

    return ticking.ticked(instance, lambda runtime: asking.rerun(runtime, run_id), hear)


def plan_of_rerun(instance: Instance, run_id: str) -> list[dict[str, Any]]:
    """Say what running a run again would start."""
    from scheduled.commands import changes as asking
    from scheduled.engine.runtime import open_runtime
    from scheduled.queries import records

    runtime = open_runtime(instance)
    job = asking.request_again(runtime, run_id).job
    stands_for = records.one_run(runtime.paths, runtime.zone, run_id)["scheduled_for"]
    return [{"job": job, "scheduled_for": stands_for, "why": f"{run_id} again"}]


def stop(instance: Instance, run_id: str, *, dry_run: bool = False) -> dict[str, Any]:
    """End a run that is under way: TERM, then KILL; it is not retried."""
    from scheduled.commands.stop import stop as end
    from scheduled.engine.runtime import open_runtime

    return end(open_runtime(instance), run_id, dry_run=dry_run)


def skip(instance: Instance, job: str, slot: str | None = None, *, dry_run: bool = False) -> dict[str, Any]:
    """Let go of a job's open slots, or of one, which may be one to come."""
    from scheduled.commands import changes as asking
    from scheduled.engine.runtime import open_runtime
    from scheduled.schedules.instants import read

    runtime = open_runtime(instance)
    instant = None if slot is None else read(slot, runtime.zone)
    return asking.skip(runtime, job, instant, dry_run=dry_run)


def attempt(instance: Instance, job: str) -> dict[str, Any]:
    """Run a job as cron would, in cron's environment; nothing is recorded."""
    from scheduled.commands import trial
    from scheduled.engine.runtime import open_runtime

    return trial.tried(open_runtime(instance), job)


def emit(
    instance: Instance, name: str, payload: Mapping[str, Any] | None = None, *, dry_run: bool = False
) -> dict[str, Any]:
    """Tell of an event: the next tick starts the jobs that listen to it."""
    from scheduled.engine import event_spool as spool
    from scheduled.engine.runtime import open_runtime

    listening = spool.told(open_runtime(instance), name, payload or {}, dry_run=dry_run)
    return {"event": name, "jobs": listening, "dry_run": dry_run}


# Switches


def pause(
    instance: Instance, jobs: Sequence[str] = (), until: str | None = None, *, dry_run: bool = False
) -> list[dict[str, Any]]:
    """Start nothing, or none of *jobs*, until 18:30, +2h, an instant, or `resume`."""
    from scheduled import clock
    from scheduled.commands import changes as asking
    from scheduled.engine.runtime import open_runtime
    from scheduled.schedules.instants import ahead

    runtime = open_runtime(instance)
    end = None if until is None else ahead(until, runtime.zone, clock.now())
    return asking.pause(runtime, jobs, end, dry_run=dry_run)


def resume(instance: Instance, jobs: Sequence[str] = (), *, dry_run: bool = False) -> list[dict[str, Any]]:
    """End the pause of all jobs, or those of *jobs*; the next tick catches up."""
    from scheduled.commands import changes as asking
    from scheduled.engine.runtime import open_runtime

    return asking.resume(open_runtime(instance), jobs, dry_run=dry_run)


def enable(instance: Instance, jobs: Sequence[str], *, dry_run: bool = False) -> list[dict[str, Any]]:
    """Enable jobs, whatever the configuration says; nothing is replayed."""
    from scheduled.commands import changes as asking
    from scheduled.engine.runtime import open_runtime

    return asking.override(open_runtime(instance), jobs, enabled=True, dry_run=dry_run)


def disable(instance: Instance, jobs: Sequence[str], *, dry_run: bool = False) -> list[dict[str, Any]]:
    """Disable jobs, whatever the configuration says."""
    from scheduled.commands import changes as asking
    from scheduled.engine.runtime import open_runtime

    return asking.override(open_runtime(instance), jobs, enabled=False, dry_run=dry_run)
