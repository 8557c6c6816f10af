"""A rolled-back ledger: an old copy was put back, or its write-ahead log was lost.

`generation` notices it: the snapshot is ahead of the ledger, which has lost what was recorded in between.

What the lost ledger decided is not done again. The positions come from the snapshot, where they are ahead; the slots up
to them are recorded as skipped, with a reason. Runs of slots that are still open get new ids (see `LOST_UNTIL`).
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scheduled.core.epochs import open_slots_of, span_between
from scheduled.core.keys import JobKey
from scheduled.core.records import CHAIN, JobRow
from scheduled.core.run_ids import LOST_UNTIL
from scheduled.core.runs import OpenRun, Span
from scheduled.errors import BusyError
from scheduled.paths import Paths
from scheduled.schedules.schedule import same
from scheduled.schedules.zones import Instant
from scheduled.state import essentials, generation
from scheduled.state.essentials import Restored
from scheduled.state.ledger import Ledger
from scheduled.state.locks import is_held
from scheduled.state.verdicts import record_verdict

REASON = "decided in a ledger that was lost"
NAMED = 3  # jobs that the message names


def catch_up(ledger: Ledger, paths: Paths, document: Mapping[str, Any], now: float) -> str:
    """Bring *ledger*, which is behind the snapshot with the content *document*, up to it; return what was done.

    Must be called inside a transaction, if the ledger is a file.
    """
    behind, published = ledger.generation(), int(document[generation.KEY])
    rows, runs = {row.key: row for row in ledger.job_rows()}, ledger.open_runs()
    lost = {}
    for job in essentials.of_jobs(paths.snapshot):
        lost[job.key] = _advance(ledger, rows.get(job.key), job, runs, int(now))
    ended = _end_requested(ledger, runs, int(now))
    dropped = _take_overrides(ledger, paths, int(now))
    ledger.remember(generation.KEY, str(published))
    mark_lost(ledger, int(now))
    return (
        f"{paths.ledger}: is older than {paths.snapshot.name} (generation {behind}, and not {published}): an old copy was put"
        f" back, or its write-ahead log was lost; {_in_words(lost)}{ended}{dropped}"
    )


def refuse_while_busy(paths: Paths) -> None:
    """Raise BusyError if a tick that uses the lost ledger still runs jobs: they could start a second time."""
    for path in paths.results.glob("*.jsonl") if paths.results.exists() else ():
        if _size(path) and is_held(path):
            raise BusyError(
                f"{paths.ledger}: is older than {paths.snapshot.name}, and the tick {path.stem} still runs jobs of the newer"
                " one; retry when they have ended"
            )


def _size(path: Path) -> int:
    """Return the size of a file, 0 if another tick has removed it."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _advance(
    ledger: Ledger, row: JobRow | None, job: Restored, runs: Iterable[OpenRun], now: Instant
) -> Span | None:
    """Move one job to the position and schedules that the snapshot has; return the slots that were decided in between."""
    lost = None
    if row is None or not row.schedules:
        if job.schedules:
            ledger.begin_epoch(job.key, job.schedules, job.position)
    elif job.schedules and not same(row.schedules, job.schedules):
        _close(ledger, [run for run in runs if run.key == job.key and run.slot is not None], now)
        for later in ledger.rows_after(job.key, row.position):
            ledger.cut(job.key, later.span.first, None)
        ledger.end_epoch(job.key, row.position)
        ledger.begin_epoch(job.key, job.schedules, job.position)
    else:
        lost = decide(ledger, job.key, job.position, now)
    ledger.succeeded(job.key, job.window_start)
    return lost


def decide(ledger: Ledger, key: JobKey, position: Instant, now: Instant) -> Span | None:
    """Record that the open slots up to *position* were decided in a ledger that was lost; return them, None if none is open."""
    job_state = ledger.job_states([key]).get(key)
    if job_state is None or position <= job_state.position:
        return None
    _close(ledger, [run for run in ledger.open_runs([key]) if (run.slot or now) <= position], now)
    lost = span_between(open_slots_of(ledger.job_states([key])[key]), job_state.position, position)
    if lost is not None:
        record_verdict(ledger, key, lost, "skipped", REASON, None, now)
    ledger.advance(key, position)
    return lost


def mark_lost(ledger: Ledger, now: Instant) -> None:
    """Remember that runs up to *now* were lost: later runs get other ids."""
    ledger.remember(LOST_UNTIL, str(now))


def _end_requested(ledger: Ledger, runs: Iterable[OpenRun], now: Instant) -> str:
    """End the open runs without a slot, the chains, and the start requests; return what was ended, for the message.

    A later tick has started them. What became of them is not known, and nothing may run twice.
    """
    requested = [run for run in runs if run.slot is None or run.tick == CHAIN or run.parent]
    _close(ledger, requested, now)
    waiting = [row for row in ledger.start_requests() if ledger.take_start_request(row.id)]
    names = [
        *(run.run_id for run in requested),
        *(f"{row.key.display_name} on {row.event}" for row in waiting),
    ]
    return f"; ended without a result: {_some(names)}" if names else ""


def _close(ledger: Ledger, runs: Iterable[OpenRun], now: Instant) -> None:
    for run in runs:
        ledger.close_run(run.run_id, "skipped", REASON)
        if run.slot is not None:
            ledger.record_verdict(run.key, Span(run.slot, run.slot, 1), "skipped", REASON, run.run_id, now)


def _take_overrides(ledger: Ledger, paths: Paths, now: Instant) -> str:
    """Replace overrides, pauses and mutes by those that the snapshot has; return those that it has not, for the message."""
    saved = essentials.saved_overrides(paths.snapshot)
    enabled, paused, muted = ledger.overrides(), ledger.pauses(now), ledger.mutes(now)
    for key in enabled.keys() | saved.enabled.keys():
        ledger.override(key, saved.enabled.get(key))
    for key in paused.keys() - saved.paused.keys():
        ledger.resume(key)
    for key, until in saved.paused.items():
        ledger.pause(key, until)
    for key in muted.keys() - saved.muted.keys():
        ledger.unmute(key)
    for key, until in saved.muted.items():
        ledger.mute(key, until)
    dropped = [
        *(
            f"{key.display_name} {'enabled' if on else 'disabled'}"
            for key, on in enabled.items()
            if saved.enabled.get(key) != on
        ),
        *(f"{key.display_name or 'all jobs'} paused" for key in paused if key not in saved.paused),
        *(f"{key.display_name} muted" for key in muted if key not in saved.muted),
    ]
    return f"; no longer in force, because only the older ledger has it: {_some(dropped)}" if dropped else ""


def _in_words(lost: Mapping[JobKey, Span | None]) -> str:
    spans = [
        f"{key.display_name}: {span.count} up to {datetime.fromtimestamp(span.last, UTC):%Y-%m-%dT%H:%M:%SZ}"
        for key, span in lost.items()
        if span is not None
    ]
    if not spans:
        return "no slot was decided since, as far as the snapshot shows"
    return f"the slots that were decided since do not run again, and are recorded as skipped ({_some(spans)})"


def _some(texts: list[str]) -> str:
    more = f", and {len(texts) - NAMED} more" if len(texts) > NAMED else ""
    return ", ".join(texts[:NAMED]) + more
