"""The troubles that runs are which wait for a person: for approval, or because they were interrupted and ask."""

from collections.abc import Iterable

from scheduled.clock import minute
from scheduled.core.approvals import deadline, is_asked
from scheduled.core.configured_jobs import Jobs
from scheduled.core.jobs import Job
from scheduled.core.records import NOT_APPROVED
from scheduled.core.runs import OpenRun
from scheduled.core.troubles import Trouble
from scheduled.notify.problems import key_of_question as key_of
from scheduled.printable import printable
from scheduled.schedules.zones import Instant

LONGEST_EVENT = 200  # characters


def troubles(runs: Iterable[OpenRun], jobs: Jobs) -> dict[str, Trouble]:
    """Return a trouble for each of *runs*, which wait for a person, by key: each is a question of its own."""
    ordered = sorted(runs, key=lambda run: run.claimed_at)
    return {key_of(run): _trouble(jobs[run.job], run) for run in ordered}


def _trouble(job: Job, run: OpenRun) -> Trouble:
    """Return the trouble that *run* waits. One that a deadline decides must be known before it, also in quiet hours."""
    return Trouble(
        text=_text(job, run),
        kind="approval" if is_asked(run) else "ask",
        subject=run.key,
        run_id=run.run_id,
        repeats=run.slots > 1 and deadline(job, run) is None,
        pressing=deadline(job, run) is not None,
    )


def _text(job: Job, run: OpenRun) -> str:
    about = _event(run)
    answers = f"`scheduled approve {run.run_id}` or `scheduled deny {run.run_id}`"
    if is_asked(run):
        return f"{run.key.display_name}: {NOT_APPROVED} since {_at(run.claimed_at, job)}{about}{_until(job, run)}: {answers}"
    return f"{run.key.display_name}: was interrupted and waits for a decision{about}: {answers}"


def _event(run: OpenRun) -> str:
    """Return the event for which *run* was started, with the values of its payload; "" if there is none."""
    if not run.event:
        return ""
    values = [
        f"{key}={value}" for key, value in (run.payload or {}).items() if isinstance(value, str | int | float)
    ]
    text = printable(" ".join([run.event, *values]))
    return f" for {text if len(text) <= LONGEST_EVENT else f'{text[:LONGEST_EVENT]} ...'}"


def _until(job: Job, run: OpenRun) -> str:
    """Return until when a person may answer, and what happens then; "" without a deadline."""
    at = deadline(job, run)
    if at is None or job.approve is None:
        return ""
    then = "it is skipped" if job.approve.default == "deny" else "it starts"
    return f", until {_at(at, job)}, when {then}"


def _at(instant: float | Instant, job: Job) -> str:
    return minute(int(instant), job.zone)
