"""The facts behind an explanation, as fields."""

from typing import Any

from scheduled.clock import stamp
from scheduled.core import gate_words
from scheduled.core.conditions import in_words
from scheduled.core.epochs import base_of, open_slots_of, span_between
from scheduled.core.holds import pauses_of, quiet
from scheduled.core.job_plan import JobPlan
from scheduled.core.jobs import KILL_AFTER, Job
from scheduled.core.keys import JobKey
from scheduled.core.records import RunRow
from scheduled.core.runs import JobState, OpenRun
from scheduled.notify.problems import OWNER, is_unmet
from scheduled.queries import assumptions, describe, expectation_words
from scheduled.queries.explain_slot import run_document
from scheduled.queries.explain_waits import attempts
from scheduled.queries.jobs import is_enabled, schedule_in_words, written_schedule
from scheduled.queries.next_run import next_run
from scheduled.queries.next_zone import follows_host
from scheduled.queries.view import View
from scheduled.schedules.durations import duration
from scheduled.schedules.zones import Instant
from scheduled.state.ledger import History, Ledger

LAST = 5  # runs in `last_runs`
# Facts that the configuration has; null if it cannot be read.
OF_CONFIG = (
    "retries",
    "fails_if",
    "expect",
    "kill_after",
    "overlap",
    "start_delay",
    "between",
    "wake",
    "catch_up",
    "grace",
    "quiet",
    "quiet_until",
    "gate",
    "budget",
    "group",
    "held_by",
)


def facts(
    view: View, ledger: Ledger, key: JobKey, job_state: JobState | None, plan: JobPlan | None
) -> dict[str, Any]:
    """Return the fields of an explanation of *key*; *plan* is what the next tick does with it."""
    job, zone, row = view.config.jobs[key.job], view.zone, view.rows.get(key)
    run = job_state.open_run if job_state else None
    due = _open_slots(view, job, job_state, plan)
    in_force = pauses_of(key, view.pauses)
    pauses = {found.display_name or "all": stamp(until, zone) for found, until in in_force.items()}
    quiet_until = quiet(job.not_between, job.zone, view.now) if job.not_between else None
    upcoming = open_slots_of(job_state).next_after(view.now) if job_state else None
    found = {
        "schedule": written_schedule(view, job),
        "schedule_words": schedule_in_words(view, job),
        "zone": job.zone,
        "enabled": is_enabled(job, key),
        "source": job.source,
        "epoch": stamp(_began(view, job_state) if job_state else None, zone),
        "position": stamp(job_state.position if job_state else None, zone),
        "open_slots": due[1],
        "slot": stamp(due[0], zone),
        "open_reason": _open_reason(view, key, plan, has_open_slots=due[1] > 0),
        "run": run.run_id if run else None,
        "attempts": _counted(job, run) if run else None,
        "retry_at": stamp(run.retry_at if run else None, zone),
        "retries": describe.retry(job),
        "fails_if": describe.fails_if(job.fails_if) if job.fails_if else None,
        "expect": expectation_words.in_words(job.expect) if job.expect else None,
        "unmet": _unmet(ledger, job, key) or None,
        **_set(job),
        "catch_up": job.catch_up,
        "grace": duration(job.grace) if job.grace is not None else None,
        "paused": pauses or None,
        "quiet": describe.window(job.not_between) if job.not_between else None,
        "quiet_until": stamp(quiet_until, zone),
        "gate": gate_words.with_else(job.only_if) if job.only_if else None,
        "budget": view.config.max_runs,
        "group": job.group or None,
        "held_by": view.holders(key) or None,
        "list_problem": view.list_problem(key.job),
        "window_start": stamp(row.window_start if row else None, zone),
        "last_runs": [run_document(found, zone) for found in _last_runs(ledger, job, key)],
        "next_slot": stamp(upcoming, zone),
        "next_due": stamp(plan.next_due if plan else None, zone),
        "next_run": stamp(next_run(view, key), zone),
        "ticks": assumptions.ticks(view),
        "timezone": next(iter(assumptions.zone(view.next_zone)), None)
        if follows_host(view.config, job.name)
        else None,
        **assumptions.of_run(view, key),
    }
    return found | dict.fromkeys(OF_CONFIG) if view.config.unreadable else found


def _unmet(ledger: Ledger, job: Job, key: JobKey) -> list[str]:
    """Return which expectations the last tick found broken."""
    if job.expect is None or not is_enabled(job, key):
        return []
    return [
        in_words(item.condition) for item in ledger.conditions(OWNER) if is_unmet(item.condition.key, key)
    ]


def _set(job: Job) -> dict[str, Any]:
    """Return what decides about the starts and the end of a run of *job*; None for a key that is not set or has its default."""
    at_once = "" if job.kill_after else " (KILL at once)"
    return {
        "kill_after": duration(job.kill_after) + at_once if job.kill_after != KILL_AFTER else None,
        "overlap": job.overlap if job.overlap != "wait" else None,
        "start_delay": duration(job.start_delay) if job.start_delay else None,
        "between": describe.window(job.between) if job.between else None,
        "wake": job.wake or None,
    }


def _last_runs(ledger: History, job: Job, key: JobKey) -> list[RunRow]:
    """Return the newest runs of *key*; of a job with `for_each`, those of all its targets."""
    target = key.target if key.target or job.for_each is None else None
    return ledger.history(job=key.job, target=target, limit=LAST)


def _began(view: View, job_state: JobState) -> Instant:
    """Return when the schedules took effect; while the zone of the host changes, those that the last tick read."""
    before = view.zone_change.states.get(job_state.key) if view.zone_change is not None else None
    return job_state.epoch if before is None else before.epoch


def _open_reason(view: View, key: JobKey, plan: JobPlan | None, *, has_open_slots: bool) -> str | None:
    waits = plan.waits if plan else None
    if waits == "running":  # or only claimed: `group` or `queued`
        return view.claimed_reason(key) or waits
    return waits or (view.open_reason(key) if has_open_slots else None)


def _counted(job: Job, run: OpenRun) -> str:
    """Return the attempts of *run*, and why another one follows although `max_attempts` are made."""
    interrupted = run.interrupted and run.retry_at is not None
    repeated = "; the last one was interrupted, which is repeated regardless of `max_attempts`"
    return f"{attempts(job, run)}{repeated if interrupted else ''}"


def _open_slots(
    view: View, job: Job, job_state: JobState | None, plan: JobPlan | None
) -> tuple[Instant | None, int]:
    """Return the due slot without a verdict that has its turn next, and the number of such slots."""
    if job_state is None:
        return None, 0
    times = open_slots_of(job_state)
    span = span_between(times, base_of(job_state), view.now - job.delay)
    own = job_state.open_run.slot if job_state.open_run else None
    first = own if own is not None else span.first if span else None
    newest = span.last if span else own
    starts = plan.start.claim.slot if plan is not None and plan.start is not None else None
    slot = starts or (first if job.catch_up == "all" else newest)
    return slot, (span.count if span else 0) + (own is not None)
