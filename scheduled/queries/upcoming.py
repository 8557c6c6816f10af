"""`next`: the next slots, with the tick that decides each of them."""

import heapq
from collections.abc import Iterable, Iterator
from itertools import groupby, islice
from typing import Any

from scheduled import question
from scheduled.clock import stamp
from scheduled.config.named import each_target, known_key
from scheduled.core import approvals
from scheduled.core.at_rest import is_at_rest
from scheduled.core.epochs import base_of, open_slots_of
from scheduled.core.holds import pauses_of
from scheduled.core.jobs import Job
from scheduled.core.keys import JobKey
from scheduled.core.runs import OpenRun, Span, scheduled_for
from scheduled.errors import require_between
from scheduled.instance import Instance
from scheduled.queries import assumptions, wake_alarm, windows
from scheduled.queries.explain import sentence
from scheduled.queries.jobs import future_slots
from scheduled.queries.last_known import NOTHING_RUNS
from scheduled.queries.simulation.simulated import Step
from scheduled.queries.simulation.steps import FAR, FIRST, steps
from scheduled.queries.view import View, open_view
from scheduled.schedules.zones import Instant
from scheduled.state.ledger import Ledger

MOST = 100_000  # the largest `limit` of slots
# Steps of the simulation, most of which decide no slot: as many as this, and so many for each slot. Without a bound,
# a list of jobs that rest would take minutes.
LEAST_STEPS, STEPS_PER_SLOT = 5_000, 20
ALIKE = ("job", "scheduled_for", "runs_at", "reason")  # what the targets in one entry have in common
Decided = tuple[Instant, dict[str, Any]]  # an entry, and the instant of the tick that decides its slot


def upcoming(
    instance: Instance, job: str | None = None, limit: int = 10, *, together: bool = False
) -> list[dict[str, Any]]:
    """Return the next *limit* slots, of one job or target or of all, in the order in which ticks decide them.

    With *together*, one entry with `targets` is for all targets of a job that a tick treats alike in the same slot.
    Open slots and retries come first, those of paused jobs too. `scheduled_for` is null for a run without a slot. `runs_at` is the tick at which a slot runs; with `reason` "coalesced" it is covered
    by the run of a later slot, and with "ask" it waits for approval, which its deadline gives. `runs_at` is null if the slot does not run: `reason` is then "paused" (without an end),
    "ask", "config_error" (the configuration cannot be read, and the slots are those of the ledger) or the reason to skip it. `assumed` is as in a forecast. If the list is empty, the reason is in `instance.notes`. Raise
    ConfigError if there is no such job or *limit* is out of range.
    """
    require_between("limit", limit, 1, MOST)
    with open_view(instance) as (view, ledger):
        longest = LEAST_STEPS + STEPS_PER_SLOT * limit
        key = None if job is None else known_key(view.config, job)
        combined = _combined if together else _each
        found = list(islice(combined(_upcoming(view, key, longest)), limit))
        if key is not None and view.config.max_runs is not None and len(found) < limit:
            # It is too long until then to simulate all jobs, which share the budget.
            later = islice(combined(_upcoming(view, key, longest, budget=False)), len(found), limit)
            found += [assumptions.without_budget(entry) for entry in later]
        question.refuse_long(len(found))
        marks = wake_alarm.mark(found, wake_alarm.document(ledger, view.zone, view.now))
        instance.notes = [*_notes(view, ledger, found, key), *marks]
        return found


def _upcoming(view: View, only: JobKey | None, longest: int, *, budget: bool = True) -> Iterator[Decided]:
    """Yield each entry with the instant of the tick that decides its slot."""
    keys = (JobKey(name) for name in view.config.jobs) if only is None else [only]
    chosen = [key for named in keys for key in each_target(view.config, named)]
    waits = {key: reason for key in chosen if (reason := _held_by(view, view.config.jobs[key.job], key))}
    held = (_held(view, view.config.jobs[key.job], key, reason) for key, reason in waits.items())
    # The steps of one job may be rare among those of the jobs that it shares ticks with, or there may be none.
    limited = budget and view.config.max_runs is not None
    most = None if only is None else FIRST if limited else max(FIRST, longest)
    simulated = steps(
        view,
        view.now,
        view.now + FAR,
        only=None if only is None else [only],
        without=waits,
        most=most,
        budget=budget,
    )
    ticks = islice(simulated, longest)
    decided = (entry for step in ticks for entry in _entries(view, step))
    asking = (_asking(view, key) for key in chosen if not view.config.unreadable)
    yield from question.each(heapq.merge(*asking, decided, *held, key=lambda found: found[0]))


def _each(found: Iterable[Decided]) -> Iterator[dict[str, Any]]:
    return (entry for _, entry in found)


def _combined(found: Iterable[Decided]) -> Iterator[dict[str, Any]]:
    """Yield one entry, with `targets`, for the targets of a job of which a tick decides the same slot in the same way."""
    for _, decided in groupby(found, key=lambda one: one[0]):
        alike: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
        for _, entry in decided:
            alike.setdefault(tuple(entry[name] for name in ALIKE), []).append(entry)
        for first, *others in alike.values():
            targets = [entry["target"] for entry in (first, *others)]
            yield {**first, "target": None, "targets": targets} if others else first


def _held_by(view: View, job: Job, key: JobKey) -> str | None:
    """Return why *key* does not start until a person acts: `paused`, `ask` or `config_error`; None if it does."""
    if view.config.unreadable:
        return "config_error"
    state = view.job_states.get(key)
    if state is None:
        return None
    if any(until is None for until in pauses_of(key, view.pauses).values()):
        return "paused"
    if is_at_rest(state, view.now, view.holds.start_requests):
        return None
    plan = view.job_plan(job, key)
    return "ask" if plan is not None and plan.waits == "ask" and approvals.lasts(job, state) else None


def _held(view: View, job: Job, key: JobKey, reason: str) -> Iterator[Decided]:
    if reason == "paused":
        yield from ((view.now, _entry(view, key, slot, None, reason)) for slot in _open(view, job, key))
    for slot in future_slots(view, key):
        yield slot + job.delay, _entry(view, key, slot, None, reason)


def _asking(view: View, key: JobKey) -> Iterator[Decided]:
    """Yield an entry for each run of *key* that waits for approval and does not start without it."""
    for run in _asked(view, key):
        job = view.config.jobs[key.job]
        if approvals.deadline(job, run) is None or approvals.denied_at(job, run) is not None:
            yield view.now, _entry(view, key, scheduled_for(run), None, "ask")


def _asked(view: View, key: JobKey) -> list[OpenRun]:
    """Return the runs of *key* that wait for approval now."""
    state = view.job_states.get(key)
    runs = () if state is None else (state.open_run, *state.others)
    return [run for run in runs if run is not None and approvals.is_asked(run)]


def _open(view: View, job: Job, key: JobKey) -> Iterator[Instant | None]:
    """Yield the slots of the runs of *key* that wait for a retry, and its newest open slot or all of them.

    As in the list of a job that is not paused: the newest one covers the others unless `catch_up` is `all`.
    """
    state = view.job_states[key]
    times = open_slots_of(state)
    slots = (
        list(question.each(times.between(base_of(state), view.now - job.delay)))
        if job.catch_up == "all"
        else []
    )
    newest = times.last_until(view.now - job.delay)
    if not slots and newest is not None and newest > base_of(state):
        slots = [newest]
    runs = [state.open_run] if state.open_run is not None and (job.catch_up == "all" or not slots) else []
    yield from (scheduled_for(run) for run in (*runs, *state.others) if run.retry_at is not None)
    yield from slots


def _entries(view: View, step: Step) -> Iterator[Decided]:
    """Yield an entry for each slot that a tick decides; of those that are past, only for that of the run.

    If this is a future slot, there is one for the newest past slot that it covers.
    """
    key, run = step.key, step.run
    for one in (one for one in step.given_up if not approvals.is_asked(one.run)):
        yield step.tick, _entry(view, key, scheduled_for(one.run), None, one.reason)
    for skip in step.skips:
        for slot in _future(view, key, skip.span):
            yield step.tick, _entry(view, key, slot, None, skip.reason)
    for span in step.start.coalesced if step.start else ():
        for slot in (*_newest_past(view, step, span), *_future(view, key, span)):
            yield step.tick, _entry(view, key, slot, step.tick, "coalesced")
    if run is not None:
        entry = _entry(view, key, run[1], step.tick, _why(view, step))
        yield step.tick, assumptions.with_success(entry) if step.if_succeeded else entry


def _why(view: View, step: Step) -> str | None:
    """Return why a run is not simply that of the next slot."""
    now = view.now
    if step.start is not None and step.start.again:
        asked = [run.run_id for run in _asked(view, step.key)]
        return "ask" if step.start.claim.run_id in asked else "waiting_retry"
    if step.start is not None and step.start.claim.slot is None:
        return "requested"
    return "open" if step.run is not None and step.run[1] is not None and step.run[1] <= now else None


def _newest_past(view: View, step: Step, span: Span) -> list[Instant]:
    """Return the newest past slot of the job, if it is in *span* and the run of *step* is for a future slot; otherwise nothing."""
    newest = open_slots_of(view.job_states[step.key]).last_until(view.now)
    future = step.run is not None and step.run[1] is not None and step.run[1] > view.now
    return [newest] if future and newest is not None and span.first <= newest <= span.last else []


def _future(view: View, key: JobKey, span: Span) -> Iterator[Instant]:
    times = open_slots_of(view.job_states[key])
    return times.between(max(view.now, span.first - 1), span.last)


def _entry(
    view: View, key: JobKey, slot: Instant | None, runs_at: Instant | None, reason: str | None
) -> dict[str, Any]:
    return {
        "job": key.job,
        "target": key.target or None,
        "scheduled_for": stamp(slot, view.zone),
        "runs_at": stamp(runs_at, view.zone),
        "reason": reason,
        **(assumptions.of_run(view, key) if runs_at is not None else {}),
    }


def _notes(view: View, ledger: Ledger, found: list[dict[str, Any]], key: JobKey | None) -> list[str]:
    """Return what the list assumes, or, if it is empty, the reason and what to do."""
    if view.config.unreadable:
        return [NOTHING_RUNS]
    if key is None or found:
        missed = _without_ticks(view, key)
        return [*_of_entries(view, found, missed), *missed]
    return [f"{key.display_name}: {sentence(view, ledger, key)}"]


def _without_ticks(view: View, only: JobKey | None) -> list[str]:
    keys = (JobKey(name) for name in view.config.jobs) if only is None else [only]
    return windows.notes(view, [key for named in keys for key in each_target(view.config, named)])


def _of_entries(view: View, found: list[dict[str, Any]], missed: list[str]) -> list[str]:
    """Return what the entries *found* assume, or why there are none; *missed* are notes about jobs that never run."""
    if any(entry["runs_at"] for entry in found):
        hopes = any(assumptions.SUCCESS in entry.get("assumed", ()) for entry in found)
        first = [assumptions.IF_SUCCEEDED] if hopes else []
        named = [
            *assumptions.zone(view.next_zone),
            *first,
            *assumptions.of_gates(found),
            *assumptions.of_targets(found),
            *assumptions.of_chains(found),
            *assumptions.of_overlaps(found),
            *assumptions.of_durations(view, found),
            *assumptions.of_budget(found),
            *assumptions.of_approvals(found),
        ]
        return [f"ticks come {assumptions.ticks(view)}", *named]
    if found:
        return [_before_chains(view)] if view.chains else []
    return [] if missed and not view.chains else [_nothing(view)]


def _nothing(view: View) -> str:
    """Return why no job starts by itself."""
    if not view.config.jobs:
        return "no jobs are configured; add one with `scheduled add`"
    if view.chains:
        return _before_chains(view)
    return "no job starts by itself; `scheduled jobs` shows what starts each of them"


def _before_chains(view: View) -> str:
    waiting = ", ".join(dict.fromkeys(run.job for run in view.chains))
    return f"nothing starts by itself before a chain ends: {waiting}; `scheduled explain NAME` shows for what it waits"
