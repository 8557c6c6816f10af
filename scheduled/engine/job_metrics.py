"""The metrics of single jobs and targets: see `metrics`."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from itertools import islice

import msgspec

from scheduled.config.config import Config
from scheduled.core import epochs
from scheduled.core.holds import pauses_of
from scheduled.core.jobs import Job, keys_of
from scheduled.core.keys import JobKey
from scheduled.core.records import JobRow, RunRow
from scheduled.core.runs import UNDER_WAY
from scheduled.notify.openmetrics import Family, Labels, Sample
from scheduled.schedules.zones import Instant
from scheduled.state.ledger import Ledger

Values = Mapping[JobKey, float | None]


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """The jobs that have metrics of their own, with their *labels*: the first ones by name, up to `[metrics] max_jobs`.

    *rows* are their summaries; *is_enabled* is known for all of them. *total*, *enabled* and *failing* are of all jobs.
    """

    labels: Mapping[JobKey, Labels]
    is_enabled: Mapping[JobKey, bool]
    rows: Mapping[JobKey, JobRow]
    total: int
    enabled: int
    failing: Collection[JobKey]

    def gauge(self, name: str, words: str, values: Values) -> Family:
        """Return the metric `scheduled_job_NAME` with these *values*; None means that there is none."""
        samples = [Sample(value, self.labels[key]) for key, value in values.items() if value is not None]
        return Family(f"scheduled_job_{name}", "gauge", words, samples)


def shown(config: Config, rows: Mapping[JobKey, JobRow], failing: Collection[JobKey]) -> Shown:
    """Return which jobs of *config* are shown. *rows* are the summaries of all keys, *failing* the failing ones."""
    enabled = {key: _is_enabled(job, key) for job in config.jobs.values() for key in keys_of(job)}
    chosen = list(islice(sorted(enabled), config.metrics.max_jobs))
    return Shown(
        labels={key: {"job_name": key.job, "target": key.target} for key in chosen},
        is_enabled={key: enabled[key] for key in chosen},
        rows={key: rows[key] for key in chosen if key in rows},
        total=len(enabled),
        enabled=sum(enabled.values()),
        failing=failing,
    )


def _is_enabled(job: Job, key: JobKey) -> bool:
    return job.enabled and key.target not in job.disabled_targets


def collect(ledger: Ledger, jobs: Shown, now: Instant) -> list[Family]:
    """Return the metrics of the *jobs* at *now*."""
    return [*_of_states(ledger, jobs, now), *_of_runs(ledger, jobs)]


def _of_states(ledger: Ledger, jobs: Shown, now: Instant) -> list[Family]:
    keys, pauses = jobs.labels, ledger.pauses(now)
    busy = Counter(run.key for run in ledger.open_runs() if run.status in UNDER_WAY)
    due = {key: row.next_due for key, row in jobs.rows.items()}
    slots = "Slots that are due and have no verdict, with the reason."
    return [
        jobs.gauge("enabled", "Whether the job is enabled.", jobs.is_enabled),
        jobs.gauge("paused", "Whether it is paused.", {key: bool(pauses_of(key, pauses)) for key in keys}),
        jobs.gauge("failing", "Whether it is failing.", {key: key in jobs.failing for key in keys}),
        jobs.gauge("running", "Runs that are under way.", {key: busy[key] for key in keys}),
        jobs.gauge("next_due_timestamp_seconds", "When it is due next.", due),
        Family("scheduled_job_open_slots", "gauge", slots, [*_open_slots(ledger, jobs, now)]),
    ]


def _open_slots(ledger: Ledger, jobs: Shown, now: Instant) -> Iterator[Sample]:
    reasons = {key: row.open_reason for key, row in jobs.rows.items() if row.open_reason is not None}
    for key, state in (ledger.job_states(reasons) if reasons else {}).items():
        count = epochs.open_slots_of(state).count(state.position, now)
        # What waits may also be a run that an event started: then no slot is open.
        if count:
            yield Sample(count, {**jobs.labels[key], "reason": str(reasons[key])})


def _of_runs(ledger: Ledger, jobs: Shown) -> list[Family]:
    rows = jobs.rows
    ids = {key: row.last_run_id for key, row in rows.items() if row.last_run_id}
    found = {key: ledger.run(run_id) for key, run_id in ids.items()}
    last = {key: run for key, run in found.items() if run is not None}
    counted = (by_status(row.run_count, row.failure_count, jobs.labels[key]) for key, row in rows.items())
    statuses = [
        Sample(1, {**jobs.labels[key], "status": row.last_status}) for key, row in rows.items() if row.last_status
    ]  # fmt: skip
    return [
        Family("scheduled_job_runs_total", "counter", "Runs that have ended.", [*_flat(counted)]),
        Family("scheduled_job_last_run_status", "gauge", "The status of the last run; the value is always 1.", statuses),
        jobs.gauge("last_run_timestamp_seconds", "When the last run ended.", {key: row.last_run_at for key, row in rows.items()}),
        jobs.gauge("last_run_duration_seconds", "How long its last attempt took.", {key: _seconds(run) for key, run in last.items()}),
        jobs.gauge("last_run_exit_code", "Its exit code, if it had one.", {key: run.exit_code for key, run in last.items()}),
        jobs.gauge(
            "last_success_timestamp_seconds",
            "When the last run that succeeded ended. If its record was deleted: for when it was scheduled.",
            {key: _last_success(ledger, row) for key, row in rows.items()},
        ),
    ]  # fmt: skip


def _flat(lists: Iterator[list[Sample]]) -> Iterator[Sample]:
    for samples in lists:
        yield from samples


def _last_success(ledger: Ledger, row: JobRow) -> float | None:
    """Return the end of the newest run that succeeded. After its record was deleted, the slot of the last one is known."""
    if row.last_status == "success":
        return row.last_run_at
    runs = ledger.history(job=row.job, target=row.target, status="success", limit=1)
    return runs[0].finished_at if runs else row.window_start


def _seconds(run: RunRow) -> float | None:
    return None if run.duration_ms is None else run.duration_ms / 1000


def by_status(total: int, failed: int, labels: Labels) -> list[Sample]:
    """Return how many of the *total* runs succeeded and how many failed.

    A run that found nothing to do counts as a success, one that was stopped as a failure.
    """
    numbers = {"success": total - failed, "failed": failed}
    return [Sample(number, {**labels, "status": status}) for status, number in numbers.items()]
