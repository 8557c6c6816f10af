"""The metrics of one instance: what the ledger has, as the samples that a monitoring system reads.

The numbers of runs come from the summaries of the jobs, which are never deleted, so that they only grow. Jobs and targets that
are no longer configured have no metrics of their own and stay in the sums. Instants are UTC seconds.
"""

from collections import Counter
from collections.abc import Sequence

import scheduled
from scheduled.config.config import Config
from scheduled.core.records import JobRow
from scheduled.engine import heartbeat, job_metrics
from scheduled.engine.dropped import without_subject
from scheduled.engine.job_metrics import Shown, by_status
from scheduled.notify import problems
from scheduled.notify.openmetrics import Family, Sample
from scheduled.state.ledger import Ledger


def collect(ledger: Ledger, config: Config, now: float, beat: int | None) -> list[Family]:
    """Return the metrics at *now* (UTC seconds); *beat* is the last heartbeat (UTC nanoseconds), None if there was none.

    *config* has the overrides of the user.
    """
    rows = ledger.job_rows()
    shown = job_metrics.shown(config, {row.key: row for row in rows}, problems.failing(ledger, config.jobs))
    return [
        *_of_ticks(ledger, config, beat),
        *_of_all(ledger, config, rows, shown),
        *job_metrics.collect(ledger, shown, int(now)),
    ]


def _of_ticks(ledger: Ledger, config: Config, beat: int | None) -> list[Family]:
    last = beat / 1e9 if beat else None
    due = [at for at in (ledger.next_due(), ledger.next_delivery()) if at is not None]
    # An instant that has passed means the next tick.
    coming = max(min(due), int(last or 0)) if due else None
    interval = heartbeat.cadence(ledger, beat).seconds
    version = [Sample(1, {"version": scheduled.__version__})]
    ticks = [Sample(int(ledger.meta("tick_count") or 0))]
    return [
        Family("scheduled_build_info", "gauge", "The version of scheduled; the value is always 1.", version),
        _one("last_tick_timestamp_seconds", "When the last tick of cron began.", last and round(last, 3)),
        _one("next_due_timestamp_seconds", "From when on a tick has something to do.", coming),
        _one("tick_interval_seconds", "How often ticks come.", interval),
        Family("scheduled_ticks_total", "counter", "Ticks of cron that had something to do.", ticks),
        _one("configuration_errors", "Errors in the configuration.", len(config.problems)),
    ]


def _of_all(ledger: Ledger, config: Config, rows: Sequence[JobRow], shown: Shown) -> list[Family]:
    total, failed = sum(row.run_count for row in rows), sum(row.failure_count for row in rows)
    waiting, tries = ledger.outbox_size()
    runs = "Runs of all jobs that have ended, also of jobs that were removed."
    return [
        _one("jobs", "Configured jobs; each target of a job counts as one.", shown.total),
        _one("jobs_enabled", "Jobs that are enabled.", shown.enabled),
        _one("jobs_failing", "Enabled jobs that are failing.", len(shown.failing)),
        _one("jobs_omitted", "Jobs without metrics of their own.", shown.total - len(shown.labels)),
        Family("scheduled_runs_total", "counter", runs, by_status(total, failed, {})),
        Family("scheduled_incidents", "gauge", "Open incidents.", _incidents(ledger, config)),
        _one("outbox_undelivered", "Notices that are not delivered yet.", waiting),
        _one(
            "outbox_tries_max",
            "How often the delivery of one of these was tried, at most.",
            tries,
        ),
    ]


def _incidents(ledger: Ledger, config: Config) -> list[Sample]:
    gone = {*without_subject(ledger, config)}
    counted = Counter(item.condition.severity for item in ledger.conditions() if item.key not in gone)
    return [Sample(counted[severity], {"severity": severity}) for severity in ("warning", "error")]


def _one(name: str, words: str, value: float | None) -> Family:
    return Family(f"scheduled_{name}", "gauge", words, [] if value is None else [Sample(value)])
