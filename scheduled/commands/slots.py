"""`skip`: give open slots, or one future slot, the verdict `skipped`.

The command checks its arguments first and raises an error without a change. With *dry_run* it only returns the slots.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from scheduled import clock
from scheduled.clock import stamp
from scheduled.commands.changing import changing
from scheduled.commands.of_targets import document, of_each
from scheduled.commands.unskip import unskip
from scheduled.config.named import known_key, target_keys
from scheduled.core.epochs import all_slots_of, base_of, only_slot_in_minute, open_slots_of, span_between
from scheduled.core.events import Event
from scheduled.core.judgement import BY_HAND
from scheduled.core.keys import JobKey
from scheduled.core.runs import JobState, OpenRun, Span
from scheduled.engine import registration, skips
from scheduled.engine.giving_up import give_up
from scheduled.engine.runtime import Runtime, open_runtime
from scheduled.errors import BusyError, ConfigError
from scheduled.instance import Instance
from scheduled.schedules.instants import read
from scheduled.schedules.zones import Instant
from scheduled.state.ledger import Ledger, Positions
from scheduled.state.open import read_only
from scheduled.state.verdicts import record_verdict


def skip(
    instance: Instance, job: str, slot: str | None = None, *, undo: bool = False, dry_run: bool = False
) -> dict[str, Any]:
    """Skip the open slots of a job or target, or with *slot* only that one, which may be in the future.

    A minute names the only slot in it. A job with `for_each` means all its targets; those of which *slot* is not open are left out, unless it is open for none.

    With *undo*, open slots again that were skipped by hand, as `unskip` does.
    A run that waits to retry one of these slots ends. Without *slot*, waiting retries of event and chain runs end, too.
    Raise ConfigError if the job is unknown or disabled, or *slot* is not an open slot; BusyError while the job runs.
    """
    if undo:
        return unskip(instance, job, slot, dry_run=dry_run)
    runtime = open_runtime(instance)
    instant = None if slot is None else read(slot, runtime.zone)
    return _skip_open(runtime, job, instant, dry_run=dry_run)


class _ToSkip(msgspec.Struct, frozen=True):
    """The slots to skip of one job or target, with the slot of a waiting run, and its waiting *retries* without a slot."""

    job_state: JobState
    span: Span | None
    retries: tuple[OpenRun, ...]


def _skip_open(runtime: Runtime, name: str, slot: Instant | None, *, dry_run: bool) -> dict[str, Any]:
    now = int(clock.now())
    with read_only(runtime.paths) as reader:
        runtime.config.override(reader.overrides())
        keys = target_keys(runtime.config, [name])
        found = _of_all(runtime, reader, keys, registration.foreseen(reader, runtime.config, now), slot, now)
    if any(one.span is not None or one.retries for one in found) and not dry_run:
        with changing(runtime) as ledger:
            events = registration.register(ledger, runtime.config, now)
            # Read again within the transaction: another process may have changed the state in between.
            found = _of_all(runtime, ledger, keys, ledger.job_states(), slot, now)
            for one in found:
                events += _skip_one(ledger, runtime, one, slot, now)
        runtime.publish(events)
    spans = {one.job_state.key: one.span for one in found}
    return {
        **document(known_key(runtime.config, name), spans, runtime.zone),
        "retries": [run.run_id for one in found for run in one.retries],
        "skipped": sum(span.count for span in spans.values() if span),
        "undone": 0,
        "dry_run": dry_run,
    }


def _of_all(
    runtime: Runtime,
    ledger: Ledger,
    keys: Sequence[JobKey],
    states: Mapping[JobKey, JobState],
    slot: Instant | None,
    now: Instant,
) -> list[_ToSkip]:
    return of_each(keys, lambda key: _to_skip(ledger, key, states.get(key), slot, now, runtime.zone))


def _to_skip(
    ledger: Ledger, key: JobKey, job_state: JobState | None, slot: Instant | None, now: Instant, zone: str
) -> _ToSkip:
    """Return what to skip of *key*. Raise ConfigError or BusyError as `skip` does."""
    if job_state is None:
        raise ConfigError(f"{key.display_name}: is disabled and has no open slots")
    if job_state.busy:
        raise BusyError(f"{key.display_name}: is running; end the run with `scheduled stop RUN` first")
    own = job_state.open_run.slot if job_state.open_run else None
    if slot is not None:
        return _ToSkip(job_state, _one(ledger, job_state, only_slot_in_minute(job_state, slot), zone), ())
    span = span_between(open_slots_of(job_state), base_of(job_state), now)
    if own is not None:
        span = Span(own, span.last, span.count + 1) if span else Span(own, own, 1)
    return _ToSkip(job_state, span, job_state.others)


def _one(ledger: Positions, job_state: JobState, slot: Instant, zone: str) -> Span:
    name = job_state.key.display_name
    if all_slots_of(job_state).last_until(slot) != slot:
        raise ConfigError(
            f"{name}: {stamp(slot, zone)} is not one of its slots; {_nearest(job_state, slot, zone)}"
        )
    own = job_state.open_run.slot if job_state.open_run else None
    if slot != own and (slot <= base_of(job_state) or slot in job_state.decided):
        row = ledger.row_at(job_state.key, slot)
        verdict = row.verdict if row and row.span.last >= slot else None
        reason = f"its verdict is {verdict}" if verdict else "it is older than the current schedule"
        raise ConfigError(f"{name}: the slot {stamp(slot, zone)} is not open: {reason}")
    return Span(slot, slot, 1)


def _nearest(job_state: JobState, slot: Instant, zone: str) -> str:
    times = all_slots_of(job_state)
    near = [found for found in (times.last_until(slot), times.next_after(slot)) if found is not None]
    if not near:
        return "it has no slots"
    return f"the nearest {'is' if len(near) == 1 else 'are'} {' and '.join(stamp(found, zone) or '' for found in near)}"


def _skip_one(
    ledger: Ledger, runtime: Runtime, found: _ToSkip, slot: Instant | None, now: Instant
) -> list[Event]:
    events: list[Event] = []
    if found.span is not None:
        one = None if slot is None else found.span.first
        events += _skip(ledger, runtime, found.job_state, one, now)
    for run in found.retries:
        events += give_up(ledger, runtime, run, BY_HAND, now)
    return events


def _skip(
    ledger: Ledger, runtime: Runtime, job_state: JobState, slot: Instant | None, now: Instant
) -> list[Event]:
    """Record the verdicts of the open slots, or of *slot*; return the events to publish after the commit."""
    run, base, events = job_state.open_run, base_of(job_state), []
    if run is not None and run.slot is not None and slot in (None, run.slot):
        events += give_up(ledger, runtime, run, BY_HAND, now)
    times = open_slots_of(job_state)
    if slot is None:
        rest = span_between(times, base, now)
        oldest = True
    else:
        rest = Span(slot, slot, 1) if run is None or slot != run.slot else None
        oldest = run is None and times.next_after(base) == slot and slot <= now
    if rest is not None:
        record_verdict(ledger, job_state.key, rest, "skipped", BY_HAND, None, now)
        if oldest:  # the position must not pass a slot that is still open
            ledger.advance(job_state.key, rest.last)
            _begin_interval(ledger, job_state.key, now)
        event = skips.skipped(job_state.key, rest, BY_HAND, runtime.zone)
        skips.announce(ledger, runtime.config.jobs, [event], now)
        events.append(event)
    if slot is None:
        _forget_reason(ledger, job_state.key)
    return events


def _begin_interval(ledger: Ledger, key: JobKey, now: Instant) -> None:
    """Count the next interval of a job with `from = "end"` from *now*, when its due slot was skipped."""
    from scheduled.engine import intervals

    intervals.run_ended(ledger, key, now)


def _forget_reason(ledger: Positions, key: JobKey) -> None:
    """Clear the open reason of *key*: no slot of it is open any more. When it is due next is for the next tick to decide."""
    for row in ledger.job_rows():
        if row.key == key and row.open_reason is not None:
            ledger.wait(key, None, row.next_due)
