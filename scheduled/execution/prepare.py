"""Build the specification that the supervisor executes, from a job and a claimed run of it."""

import os
from collections.abc import Mapping
from typing import Any

from scheduled import masking
from scheduled.actions.command import argv, filled_in
from scheduled.actions.kind import ExecutionContext
from scheduled.actions.registry import kind_of
from scheduled.clock import now, stamp
from scheduled.core.jobs import Action, Job, Stdin
from scheduled.core.runs import AttemptResult, Claim
from scheduled.errors import ScheduledError
from scheduled.execution.env_file import read_env_file
from scheduled.execution.protocol import Ended, Expected, NotStarted, Spec
from scheduled.printable import printable
from scheduled.state.files import SHORTAGE

# Without logind sleep can't be inhibited: the job runs nevertheless, with a note in its output.
AWAKE = """
awake="systemd-inhibit --what=sleep:idle --who=scheduled --mode=block"
if $awake --why="$0" true 2>/dev/null; then exec $awake --why="$0" "$@"; fi
echo "scheduled: inhibit_sleep: systemd-inhibit does not work here; the machine may sleep during this run" >&2
exec "$@"
"""


def specify(job: Job, claim: Claim, context: ExecutionContext, totals: Mapping[str, int]) -> Spec:
    """Given a claimed run, return the specification. Raise ScheduledError if it can't be prepared."""
    work = kind_of(job.action).prepare(job, claim, context, totals)
    written, given = environment_of(job, context.environment)
    return Spec(
        run_id=claim.run_id,
        attempt=claim.attempt,
        job=job.name,
        argv=_wrapped(job, _verifying(job, work.argv) if claim.verify else work.argv),
        task=work.task,
        cwd=directory_of(job, context.environment),
        env={**without(given, job.secrets), **about_run(job, claim)},
        umask=job.umask,
        nice=job.nice,
        limits=job.limits,
        timeout=job.timeout,
        kill_after=job.kill_after,
        success_codes=job.success_codes,
        group=job.group,
        output=str(context.paths.output_of(claim.run_id, claim.attempt)),
        output_limit=job.output_limit,
        urgent=claim.slot is None or job.priority == "critical",
        report=str(context.paths.report_of(claim.run_id, claim.attempt)),
        secrets=masking.secrets_of(given, written),
        secret_sources=job.secrets,
        kept=str(context.paths.secrets_of(claim.run_id, claim.attempt)),
        stop=str(context.paths.stop_of(claim.run_id, claim.attempt)),
        stdin=_stdin(job),
        fails_if=job.fails_if,
        expect=_expected(job, claim, context.environment),
        pre=_hook(job.pre, job, claim),
        post=_hook(job.post, job, claim),
    )


def _stdin(job: Job) -> Stdin | None:
    if job.stdin is None or not job.stdin.file:
        return job.stdin
    return Stdin(file=os.path.expanduser(job.stdin.file))


def _hook(action: Action | None, job: Job, claim: Claim) -> tuple[str, ...]:
    """Return the program and arguments of `pre` or `post`; () for None."""
    return () if action is None else _wrapped(job, argv(action, job, claim))


def _expected(job: Job, claim: Claim, environment: Mapping[str, str]) -> Expected | None:
    """Return what is expected of the attempt of *claim*, if anything is."""
    if job.expect is None or not job.expect.is_about_attempts:
        return None
    found = job.expect
    fresh = os.path.expanduser(filled_in(found.fresh, job, claim))
    return Expected(
        output=found.output,
        fresh=os.path.join(directory_of(job, environment), fresh) if fresh else "",
        since=claim.began,
        argv=_hook(found.command, job, claim),
    )


def environment_of(job: Job, base: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the variables of the `env_file` of *job*, and its complete environment on top of *base*.

    `env` wins over `env_file`. Raise ScheduledError if the file can't be read.
    """
    written = read_env_file(job.env_file) if job.env_file else {}
    return written, {**base, **written, **job.env}


def without(given: dict[str, str], names: Mapping[str, str]) -> dict[str, str]:
    """Return *given* without the variables *names*, which are secrets."""
    return {name: value for name, value in given.items() if name not in names} if names else given


def unprepared(claim: Claim, error: ScheduledError) -> Ended | NotStarted:
    """Return the record of an attempt that *error* kept from being prepared.

    For lack of resources it is not started, and a later tick starts it. Otherwise it has failed, with exit code EX_CONFIG.
    """
    reason = printable(str(error))
    if getattr(error.__cause__, "errno", None) in SHORTAGE:
        return NotStarted(run_id=claim.run_id, attempt=claim.attempt, reason=reason)
    at = now()
    attempt_result = AttemptResult(
        run_id=claim.run_id,
        attempt=claim.attempt,
        status="failed",
        started_at=at,
        finished_at=at,
        duration_ms=0,
        exit_code=os.EX_CONFIG,
        reason=reason,
    )
    return Ended(attempt_result=attempt_result)


def _wrapped(job: Job, argv: tuple[str, ...]) -> tuple[str, ...]:
    """Prefix the command with `ionice` and `systemd-inhibit` if the job is configured so."""
    if argv and job.inhibit_sleep:
        argv = ("/bin/sh", "-c", AWAKE, job.name, *argv)
    if argv and job.ionice:
        argv = ("ionice", *job.ionice.split(), *argv)
    return argv


def _verifying(job: Job, argv: tuple[str, ...]) -> tuple[str, ...]:
    """Prefix the job's `on_interrupted` command, which checks whether the work was already done."""
    if job.on_interrupted in ("rerun", "skip", "ask") or not argv:
        return argv
    # It must not read what the job is to read from its standard input.
    return ("/bin/sh", "-c", f'({job.on_interrupted}) </dev/null && exit 0; exec "$@"', "sh", *argv)


def directory_of(job: Job, environment: Mapping[str, str]) -> str:
    """Return the directory in which *job* runs, with *environment*."""
    # cron starts jobs in the home directory. A tick that the user starts in another directory must do the
    # same.
    home = environment.get("HOME", "/")
    return os.path.expanduser(job.cwd) if job.cwd else home


def about_run(job: Job, claim: Claim) -> dict[str, str]:
    """Return the environment variables that describe the run to the job."""
    zone = job.zone
    return {
        "SCHEDULED_JOB": job.name,
        "SCHEDULED_TARGET": claim.target,
        "SCHEDULED_RUN_ID": claim.run_id,
        "SCHEDULED_FOR": stamp(claim.scheduled_for, zone) or "",
        "SCHEDULED_MISSED": str(claim.missed),
        "SCHEDULED_WINDOW_START": stamp(claim.effective_window_start, zone) or "",
        "SCHEDULED_ATTEMPT": str(claim.attempt),
        "SCHEDULED_TRIGGER": claim.trigger,
        "SCHEDULED_EVENT": claim.event,
        "SCHEDULED_EVENT_DATA": _as_json(claim.payload) if claim.trigger == "event" else "{}",
    }


def _as_json(value: Mapping[str, Any]) -> str:
    import json  # rarely needed

    # Without escapes, so that the text is not longer than at the check of its length.
    return json.dumps(value, ensure_ascii=False)
