"""What people ask for beside the schedules: pause, resume, enable, disable, skip, rerun, a slot's run.

Each looks first, so that what can't be done is refused with nothing changed, and with *dry_run* only looks.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from scheduled import clock
from scheduled.clock import stamp
from scheduled.config.files import known_jobs
from scheduled.core.epochs import base_of, open_slots_of, slots_of, span_between
from scheduled.core.events import Event
from scheduled.core.jobs import Job
from scheduled.core.manual import ManualRequest, OlderFirstError, start_for
from scheduled.core.records import RunRow
from scheduled.core.runs import JobState, OpenRun, Span
from scheduled.engine import planning, publish, tick
from scheduled.engine.runtime import Runtime
from scheduled.engine.settle import context_of, step_over
from scheduled.engine.tick import Result
from scheduled.errors import BusyError, ConfigError
from scheduled.schedules.zones import Instant
from scheduled.state.ledger import Ledger
from scheduled.state.open import read_only

BY_HAND = "by hand"


@contextmanager
def _changing(runtime: Runtime) -> Iterator[Ledger]:
    """Change the ledger in one transaction; the snapshot follows, and the next tick looks after what it means."""
    with runtime.ledger() as ledger:
        runtime.config.override(ledger.overrides())
        with ledger.transaction():
            yield ledger
        publish.changed(runtime, ledger, clock.now())


def pause(
    runtime: Runtime, names: Sequence[str], until: Instant | None, *, dry_run: bool
) -> list[dict[str, Any]]:
    """Defer the slots of these jobs, or of all; what is deferred is caught up on once it is over."""
    chosen = known_jobs(runtime.config, names) or [""]
    if not dry_run:
        with _changing(runtime) as ledger:
            for name in chosen:
                ledger.pause(name, until)
        _tell(runtime, chosen, enabled=False)
    return [{"job": name or None, "paused": True, "until": stamp(until, runtime.zone)} for name in chosen]


def _tell(runtime: Runtime, chosen: Sequence[str], *, enabled: bool) -> None:
    if "" in chosen:
        runtime.publish([Event(name="scheduler_toggled", payload={"enabled": enabled})])


def resume(runtime: Runtime, names: Sequence[str], *, dry_run: bool) -> list[dict[str, Any]]:
    """End a pause of these jobs, or that of all; *still* says what other pause holds a job on."""
    chosen = known_jobs(runtime.config, names) or [""]
    with read_only(runtime.paths) as ledger:
        before = ledger.pauses(int(clock.now()))
    if not dry_run and not before.keys().isdisjoint(chosen):
        with _changing(runtime) as changing:
            for name in chosen:
                changing.resume(name)
        _tell(runtime, chosen, enabled=True)
    left = before.keys() - set(chosen)
    return [
        {
            "job": name or None,
            "paused": bool(name and "" in left),
            "was_paused": name in before,
            "still": sorted(other or "all" for other in left if other == "" or name == ""),
        }
        for name in chosen
    ]


def override(runtime: Runtime, names: Sequence[str], *, enabled: bool, dry_run: bool) -> list[dict[str, Any]]:
    """Enable or disable jobs whatever the configuration says; their epochs begin and end at once."""
    chosen = known_jobs(runtime.config, names)
    written = {name: runtime.config.jobs[name].enabled for name in chosen}
    with read_only(runtime.paths) as ledger:
        runtime.config.override(ledger.overrides())
    before = {name: runtime.config.jobs[name].enabled for name in chosen}
    if not dry_run:
        with _changing(runtime) as changing:
            for name in chosen:
                # Where the file says the same, it has the word again.
                changing.override(name, None if written[name] == enabled else enabled)
            runtime.config.override(dict.fromkeys(chosen, enabled))
            planning.register(changing, runtime.config, int(clock.now()))
    return [{"job": name, "enabled": enabled, "changed": before[name] != enabled} for name in chosen]


def skip(runtime: Runtime, name: str, slot: Instant | None, *, dry_run: bool) -> dict[str, Any]:
    """Give *slot*, or every slot that is open now, the verdict `skipped`, and end the run that waits for it.

    Without *slot* the retries of runs that have none, of events and chains, are not made either.
    """
    job = runtime.config.jobs[known_jobs(runtime.config, [name])[0]]
    now = int(clock.now())
    with read_only(runtime.paths) as looked:
        runtime.config.override(looked.overrides())
        job_state = planning.foreseen(looked, runtime.config, now).get(name)
        found, retries = _to_skip(looked, job, job_state, slot, now, runtime.zone)
    if (found is not None or retries) and not dry_run:
        with _changing(runtime) as ledger:
            planning.register(ledger, runtime.config, now)
            # Looked at again, now that nobody else can change it.
            job_state = ledger.job_states().get(name)
            found, retries = _to_skip(ledger, job, job_state, slot, now, runtime.zone)
            if found is not None and job_state is not None:
                _skip(ledger, job, job_state, slot, now)
            events = [event for run in retries for event in _give_up(ledger, runtime, run, now)]
        runtime.publish(events)
    return {
        "job": name,
        "retries": [run.run_id for run in retries],
        "skipped": found.count if found else 0,
        "first": stamp(found.first if found else None, runtime.zone),
        "last": stamp(found.last if found else None, runtime.zone),
    }


def _to_skip(
    ledger: Ledger, job: Job, job_state: JobState | None, slot: Instant | None, now: Instant, zone: str
) -> tuple[Span | None, tuple[OpenRun, ...]]:
    """Return the slots to be skipped, that of a waiting run included, and the waiting runs that have no slot.

    Raises ConfigError, BusyError.
    """
    if job_state is None:
        raise ConfigError(f"{job.name}: is disabled; it has no open slots")
    if job_state.busy:
        raise BusyError(f"{job.name}: a run of it is under way; `scheduled stop` ends it")
    own = job_state.open_run.slot if job_state.open_run else None
    if slot is not None:
        return _one(ledger, job, job_state, slot, zone), ()
    span = span_between(open_slots_of(job.schedules, job_state), base_of(job_state), now)
    if own is not None:
        span = Span(own, span.last, span.count + 1) if span else Span(own, own, 1)
    return span, job_state.others


def _give_up(ledger: Ledger, runtime: Runtime, run: OpenRun, now: Instant) -> list[Event]:
    ledger.close_run(run.run_id, "skipped", BY_HAND)
    return step_over(ledger, context_of(runtime, now), run, "skipped")


def _one(ledger: Ledger, job: Job, job_state: JobState, slot: Instant, zone: str) -> Span:
    if slots_of(job.schedules, job_state.epoch).last_until(slot) != slot:
        raise ConfigError(
            f"{job.name}: {stamp(slot, zone)} is no slot of it; {_nearest(job, job_state, slot, zone)}"
        )
    own = job_state.open_run.slot if job_state.open_run else None
    if slot != own and (slot <= base_of(job_state) or slot in job_state.decided):
        row = ledger.row_at(job.name, slot)
        verdict = row.verdict if row and row.span.last >= slot else None
        raise ConfigError(
            f"{job.name}: its slot of {stamp(slot, zone)} is not open: {verdict or 'before its epoch'}"
        )
    return Span(slot, slot, 1)


def _nearest(job: Job, job_state: JobState, slot: Instant, zone: str) -> str:
    times = slots_of(job.schedules, job_state.epoch)
    near = [found for found in (times.last_until(slot), times.next_after(slot)) if found is not None]
    if not near:
        return "it has none"
    return f"the nearest is {' or '.join(stamp(found, zone) or '' for found in near)}"


def _skip(ledger: Ledger, job: Job, job_state: JobState, slot: Instant | None, now: Instant) -> None:
    run, base = job_state.open_run, base_of(job_state)
    if run is not None and run.slot is not None and slot in (None, run.slot):
        ledger.record_verdict(job.name, Span(run.slot, run.slot, 1), "skipped", BY_HAND, run.run_id, now)
        ledger.close_run(run.run_id, "skipped", BY_HAND)
        ledger.advance(job.name, run.slot)
    times = open_slots_of(job.schedules, job_state)
    if slot is None:
        rest = span_between(times, base, now)
        oldest = True
    else:
        rest = Span(slot, slot, 1) if run is None or slot != run.slot else None
        oldest = run is None and times.next_after(base) == slot and slot <= now
    if rest is not None:
        planning.record_verdict(ledger, job.name, rest, "skipped", BY_HAND, None, now)
        if oldest:  # the position passes no slot that is still open
            ledger.advance(job.name, rest.last)


def run_for(runtime: Runtime, name: str, slot: Instant) -> Result:
    """Run a job for the instant *slot*: its slot's own run if that is open, else one beside the schedule."""
    foreseen(runtime, name, slot)
    return tick.tick(runtime, manual=[ManualRequest(name, slot=slot)])


def foreseen(runtime: Runtime, name: str, slot: Instant) -> dict[str, Any]:
    """Say what a run for *slot* would be; raises ConfigError if it is refused."""
    job = runtime.config.jobs[known_jobs(runtime.config, [name])[0]]
    now = int(clock.now())
    with read_only(runtime.paths) as ledger:
        runtime.config.override(ledger.overrides())
        job_state = planning.foreseen(ledger, runtime.config, now).get(name)
    try:
        start = start_for(ManualRequest(name, slot=slot), job, job_state, None, "dry-run", now)
    except OlderFirstError as error:
        hint = f"scheduled run {name} --for {stamp(error.first, runtime.zone)}, or scheduled skip {name}"
        raise ConfigError(f"{error}: {hint}") from None
    why = (
        "asked for; takes its open slot" if start.claim.slot is not None else "asked for, beside the schedule"
    )
    older = f", with {start.claim.slots - 1} older ones" if start.claim.slots > 1 else ""
    return {"job": name, "scheduled_for": stamp(slot, runtime.zone), "why": why + older}


def request_again(runtime: Runtime, run_id: str) -> ManualRequest:
    """Return what running *run_id* again means; raises ConfigError if there is no such run, BusyError if it runs."""
    with read_only(runtime.paths) as ledger:
        row, waiting = ledger.run(run_id), ledger.open_run(run_id)
    if row is None:
        raise ConfigError(f"{run_id}: no such run; `scheduled history` lists them")
    if row.job not in runtime.config.jobs:
        raise ConfigError(f"{run_id}: its job, {row.job}, is configured no more")
    if waiting is not None and waiting.status != "waiting_retry":
        raise BusyError(f"{run_id}: is under way")
    if waiting is not None:
        return ManualRequest(row.job, run_id=run_id)
    return ManualRequest(row.job, slot=_stood_for(row))


def _stood_for(row: RunRow) -> Instant | None:
    return row.slot if row.slot is not None else row.asked_for


def rerun(runtime: Runtime, run_id: str) -> Result:
    """Run *run_id* again now: its next attempt if it waits for one, else a run by hand that is told the same instant."""
    return tick.tick(runtime, manual=[request_again(runtime, run_id)])
