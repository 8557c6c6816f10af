"""A job and a claim on it -> the specification that the supervisor executes."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scheduled import sanitize
from scheduled.clock import local
from scheduled.core.jobs import Job
from scheduled.core.runs import Claim
from scheduled.execution.env_file import read_env_file
from scheduled.execution.protocol import Spec
from scheduled.paths import Paths

CALL = os.path.join(os.path.dirname(__file__), "python_call.py")

# Where nobody can be asked to stay awake (no logind), the work is done all the same, and its output says so.
AWAKE = """
awake="systemd-inhibit --what=sleep:idle --who=scheduled --mode=block"
if $awake --why="$0" true 2>/dev/null; then exec $awake --why="$0" "$@"; fi
echo "scheduled: sleep can't be inhibited here" >&2
exec "$@"
"""


class ExecutionContext:
    """What jobs find around them: the runner's environment, the workspace, the state's places."""

    def __init__(
        self,
        paths: Paths,
        workspace: Path | None,
        zone: str,
        environment: Mapping[str, str],
        sender: str = "@trigger",
    ) -> None:
        self.paths = paths
        self.workspace = workspace
        self.zone = zone
        self.environment = environment
        self.sender = sender


def specify(job: Job, claim: Claim, holds: ExecutionContext, totals: Mapping[str, int]) -> Spec:
    """Given a claimed run, return what to execute; raises ScheduledError if the job's env_file can't be read."""
    written = read_env_file(job.env_file) if job.env_file else {}
    given = {**holds.environment, **written, **job.env}
    return Spec(
        run_id=claim.run_id,
        attempt=claim.attempt,
        job=job.name,
        argv=_wrapped(job, _verifying(job, _argv(job, claim)) if claim.verify else _argv(job, claim)),
        task=_task(job, claim, holds, totals) if job.action.kind == "handler" else None,
        cwd=_directory(job, holds.environment),
        env={**given, **_about(job, claim)},
        umask=job.umask,
        nice=job.nice,
        limits=job.limits,
        timeout=job.timeout,
        success_codes=job.success_codes,
        group=job.group,
        output=str(holds.paths.output_of(claim.run_id, claim.attempt)),
        output_limit=job.output_limit,
        urgent=claim.slot is None or job.priority == "critical",
        report=str(holds.paths.report_of(claim.run_id, claim.attempt)),
        secrets=sanitize.secrets_of(given, written),
    )


def _wrapped(job: Job, argv: tuple[str, ...]) -> tuple[str, ...]:
    """Put the tools before a command that lower its I/O priority and keep the machine awake, where asked for."""
    if argv and job.inhibit_sleep:
        argv = ("/bin/sh", "-c", AWAKE, job.name, *argv)
    if argv and job.ionice:
        argv = ("ionice", *job.ionice.split(), *argv)
    return argv


def _verifying(job: Job, argv: tuple[str, ...]) -> tuple[str, ...]:
    """Put the job's own question, whether its work was done before the interruption, before the work."""
    if job.on_interrupted in ("rerun", "skip", "ask") or not argv:
        return argv
    return ("/bin/sh", "-c", f'({job.on_interrupted}) && exit 0; exec "$@"', "sh", *argv)


def _argv(job: Job, claim: Claim) -> tuple[str, ...]:
    action = job.action
    if action.kind == "command":
        words = action.words or ("/bin/sh", "-c", action.line)
        return tuple(_logical_time(word, job, claim) for word in words)
    if action.kind == "handler":
        return ()
    if ":" in action.name and "/" not in action.name:
        return (sys.executable, CALL, action.name, _as_json(job.options))
    return (sys.executable, os.path.expanduser(action.name))


def _logical_time(word: str, job: Job, claim: Claim) -> str:
    """Fill in what a late run must know to do the right day's work; all other braces stay as they are."""
    if "{" not in word:
        return word
    known = {
        "{scheduled_for}": _stamp(claim.scheduled_for, job.schedule.zone),
        "{missed}": str(claim.missed),
        "{window_start}": _stamp(claim.since, job.schedule.zone),
    }
    for name, value in known.items():
        word = word.replace(name, value)
    return word


def _directory(job: Job, environment: Mapping[str, str]) -> str:
    # cron starts everything in the home directory; a tick typed elsewhere must not make jobs behave differently.
    home = environment.get("HOME", "/")
    return os.path.expanduser(job.cwd) if job.cwd else home


def _about(job: Job, claim: Claim) -> dict[str, str]:
    """Return the variables that tell a job about its run."""
    zone = job.schedule.zone
    return {
        "SCHEDULED_JOB": job.name,
        "SCHEDULED_RUN_ID": claim.run_id,
        "SCHEDULED_FOR": _stamp(claim.scheduled_for, zone),
        "SCHEDULED_MISSED": str(claim.missed),
        "SCHEDULED_LAST_SUCCESS": _stamp(claim.since, zone),
        "SCHEDULED_ATTEMPT": str(claim.attempt),
        "SCHEDULED_TRIGGER": claim.trigger,
        "SCHEDULED_EVENT": claim.event,
        "SCHEDULED_EVENT_DATA": _as_json(claim.payload) if claim.trigger == "event" else "{}",
    }


def _as_json(value: Mapping[str, Any]) -> str:
    import json  # only where there is anything to say

    return json.dumps(value, ensure_ascii=False)  # as long as it was measured when it was told of


def _stamp(instant: int | None, zone: str) -> str:
    return "" if instant is None else local(instant, zone).isoformat()


def _task(job: Job, claim: Claim, holds: ExecutionContext, totals: Mapping[str, int]) -> dict[str, object]:
    return {
        "handler": job.action.name,
        "job": job.name,
        "zone": holds.zone,
        "workspace": str(holds.workspace) if holds.workspace else None,
        "options": job.options,
        "scheduled_for": claim.scheduled_for,
        "window_start": claim.since,
        "missed": claim.missed,
        "totals": dict(totals),
        "files": str(holds.paths.reports),
        "sender": holds.sender,
    }
