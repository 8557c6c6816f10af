"""`audit --against`: compare a log in which jobs write their own starts and ends with the recorded attempts."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from scheduled.clock import stamp
from scheduled.config.config import Config
from scheduled.core.job_log import Difference, RecordedAttempt, compare
from scheduled.core.job_log_lines import LogEvent, read_line
from scheduled.core.keys import JobKey, read_label
from scheduled.core.records import CHAIN, AttemptRow, RunRow
from scheduled.core.run_ids import trial_run_id
from scheduled.core.runs import IN_PRE, UNDER_WAY
from scheduled.errors import ConfigError
from scheduled.schedules.zones import Instant
from scheduled.state.files import read_regular
from scheduled.state.ledger import History

CANNOT_START = frozenset({os.EX_CONFIG, 126, 127})  # exit codes of an attempt that had no process
KILLED = 128  # a greater exit code is that of a signal
# The statuses of attempts that were not killed. One that was deferred may have been so by its `pre`.
RETURNED = frozenset({"success", "failed"})


class JobLog(msgspec.Struct, frozen=True, kw_only=True):
    """A log: its events, its unreadable lines (number and reason), and the number of the last line to judge."""

    path: Path
    events: list[LogEvent]
    unreadable: list[tuple[int, str]]
    judged: int


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """The recorded attempts of the jobs in a log.

    *since* has, by job, the instant from which on the ledger has every run; the key '' is for all other jobs.
    """

    attempts: list[RecordedAttempt]
    since: dict[str, Instant]


def content_of(path: Path) -> bytes:
    """Return the content of the log *path*. Raise ConfigError if it cannot be read."""
    try:
        return read_regular(path)
    except OSError as error:
        reason = error.strerror or str(error).removeprefix(f"{path}: ")
        raise ConfigError(f"{path}: {reason}; --against needs a log that jobs write") from error


def log_of(path: Path, before: bytes, after: bytes, zone: str) -> JobLog:
    """Return the log *path* with the content *before* the ledger was read, and *after* it.

    Lines that were appended in between are read, but not judged: the ledger may not have their attempts yet. Raise
    ConfigError if no line can be read.
    """
    grown = after.startswith(before)
    lines = (after if grown else before).decode(errors="replace").split("\n")
    events: list[LogEvent] = []
    unreadable = []
    for number, line in enumerate(lines, 1):
        try:
            event = read_line(line, number, zone)
        except ValueError as error:
            unreadable.append((number, str(error)))
        else:
            events += [] if event is None else [event]
    if unreadable and not events:
        raise ConfigError(f"{path}: no line can be read; line {unreadable[0][0]}: {unreadable[0][1]}")
    return JobLog(path=path, events=events, unreadable=unreadable, judged=before.count(b"\n"))


def recorded(ledger: History, config: Config, names: set[str], since: Instant) -> Recorded:
    """Return the attempts of the jobs *names*, as they are in the log; the ledger has no runs before *since*."""
    found = Recorded(attempts=[], since={"": since})
    for job in sorted({job for name in names for job in _jobs_of(name)}):
        rows = ledger.history(job=job, limit=-1)
        if len(rows) >= config.keep_runs:
            found.since[job] = max(since, int(rows[-1].claimed_at))
        for row in rows:
            if row.tick != CHAIN:
                found.attempts.extend(_attempts(ledger, config, row))
    found.attempts.sort(key=lambda attempt: attempt.started_at)
    return found


def _jobs_of(name: str) -> set[str]:
    """Return the jobs that *name*, a job or JOB@TARGET, can be."""
    try:
        return {name, read_label(name).job}
    except ValueError:
        return {name}


def _attempts(ledger: History, config: Config, run: RunRow) -> Iterator[RecordedAttempt]:
    """Yield the attempts of *run*, with the one that is under way."""
    job, before = config.jobs.get(run.job), ""
    verifies = job is not None and job.on_interrupted not in ("rerun", "skip", "ask")
    ended = ledger.attempts(run.run_id)
    for row in ended:
        # After an interruption a command may find that the work was done: the job then does not start.
        yield _ended(run, row, judged=not (verifies and before == "interrupted"))
        before = row.status
    if run.status in UNDER_WAY and run.attempt not in {row.attempt for row in ended}:
        began = run.claimed_at if run.started_at is None else run.started_at
        yield _attempt(run, run.attempt, run.status, began)


def _ended(run: RunRow, row: AttemptRow, *, judged: bool) -> RecordedAttempt:
    found = _attempt(run, row.attempt, row.status, row.started_at or row.finished_at or 0)
    could_start = not (row.duration_ms == 0 and row.exit_code in CANNOT_START)
    began = could_start and not row.reason.startswith(IN_PRE)
    returned = row.status in RETURNED and row.exit_code is not None and row.exit_code <= KILLED
    return msgspec.structs.replace(
        found,
        finished_at=row.finished_at,
        has_start=judged and began and returned,
        has_end=judged and returned and row.status == "success",
        is_certain=row.status != "interrupted",
    )


def _attempt(run: RunRow, attempt: int, status: str, started_at: float) -> RecordedAttempt:
    return RecordedAttempt(
        job=run.job,
        target=run.target,
        run_id=run.run_id,
        attempt=attempt,
        slot=run.slot if run.slot is not None else run.requested_for,
        status=status,
        started_at=started_at,
        finished_at=None,
    )


def names_in(content: bytes, path: Path, zone: str) -> set[str]:
    """Return the names of the jobs in the *content* of the log *path*. Raise ConfigError as `log_of` does."""
    return {event.name for event in log_of(path, content, content, zone).events}


def differences(
    log: JobLog, found: Recorded, after: Instant | None, until: Instant | None
) -> list[Difference]:
    """Return the differences between *log* and the attempts *found*, in (*after*, *until*]."""
    events = [event for event in log.events if not _is_trial(event)]
    every = compare(events, found.attempts, found.since, log.judged)
    first, last = after or 0, float("inf") if until is None else until
    return [one for one in every if first < one.at <= last]


def _is_trial(event: LogEvent) -> bool:
    """Return whether `scheduled try` ran the job of *event*, or one of its targets."""
    job = JobKey(event.name)
    if event.run_id is None or event.run_id == trial_run_id(job):
        return event.run_id is not None
    trial = trial_run_id(JobKey("")).removeprefix(JobKey("").in_ids)
    return event.run_id.startswith(f"{job.in_ids}@") and event.run_id.endswith(trial)


def document(log: JobLog, found: Recorded, unlike: Sequence[Difference], zone: str) -> dict[str, Any]:
    """Return the result of the comparison, with instants in *zone*."""
    return {
        "file": str(log.path),
        "since": stamp(found.since[""], zone),
        "starts": sum(event.event == "start" for event in log.events),
        "ends": sum(event.event == "end" for event in log.events),
        "attempts": len(found.attempts),
        "unreadable": [{"line": number, "problem": reason} for number, reason in log.unreadable],
        "problems": [
            {**msgspec.structs.asdict(one), "target": one.target or None, "at": stamp(int(one.at), zone)}
            for one in unlike
        ],
    }
