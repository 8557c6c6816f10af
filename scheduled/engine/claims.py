"""Claim runs: each function is called inside an exclusive transaction of the caller."""

from collections.abc import Iterable, Sequence

import msgspec

from scheduled.config.config import Config
from scheduled.core import planner
from scheduled.core.judgement import judge_superseded
from scheduled.core.manual import ManualRequest, each_target, start_for
from scheduled.core.records import Claimant
from scheduled.core.run_ids import LOST_UNTIL, further_run_id
from scheduled.core.runs import OpenRun, Span
from scheduled.core.starts import Start
from scheduled.schedules.zones import Instant
from scheduled.state.ledger import Ledger
from scheduled.state.verdicts import record_verdict


def manual_starts(
    ledger: Ledger, config: Config, requests: Sequence[ManualRequest], claimant: Claimant, now: Instant
) -> tuple[list[Start], list[str]]:
    """Return starts for *requests*, and the names of jobs that are busy: they or their group are running."""
    requests = each_target(requests, config.jobs)
    running = {run.key for run in ledger.open_runs() if run.status != "waiting_retry"}
    groups = planner.busy_groups(config.jobs, [key.job for key in running])
    busy = [
        request.key
        for request in requests
        if request.key in running or config.jobs[request.job].group in groups
    ]
    job_states = ledger.job_states([request.key for request in requests])
    starts = []
    for request in requests:
        if request.key not in busy:
            waiting = ledger.open_run(request.run_id) if request.run_id is not None else None
            if request.run_id is not None and waiting is None:
                continue  # another tick has started it since the request was made, and it has ended
            job, job_state = config.jobs[request.job], job_states.get(request.key)
            starts.append(start_for(request, job, job_state, waiting, claimant.tick, now))
    return starts, [key.display_name for key in busy]


def take(ledger: Ledger, starts: Iterable[Start], claimant: Claimant, now: float) -> list[Start]:
    """Claim *starts* for *claimant*; return those that no other process has claimed."""
    lost_until = int(ledger.meta(LOST_UNTIL) or -1)
    each = (_take(ledger, wanted, claimant, now, lost_until) for wanted in starts)
    taken = [start for start in each if start is not None]
    for leader in (start.claim.key for start in taken if start.leads):
        ledger.wait(leader, "queued", int(now))  # later slots of the job are due too, and wait for this run
    return taken


def _take(ledger: Ledger, start: Start, claimant: Claimant, now: float, lost_until: Instant) -> Start | None:
    if start.again:
        return start if ledger.reclaim(start.claim, claimant, now) else None
    if start.request is not None and not ledger.take_start_request(start.request):
        return None
    start = _with_new_id(ledger, start, claimant, lost_until)
    if not ledger.claim(start.claim, claimant, now):
        return None
    _coalesce(ledger, start, int(now))
    return start


def _with_new_id(ledger: Ledger, start: Start, claimant: Claimant, lost_until: Instant) -> Start:
    """Give a run another id if its id is taken: after a backward clock step the same instant occurs twice.

    A ledger that was lost until *lost_until*, or replaced by an older one, may have used it, too: its outputs still exist.
    """
    if ledger.run(start.claim.run_id) is None and (start.claim.slot is None or start.claim.slot > lost_until):
        return start
    run_id = further_run_id(start.claim.run_id, claimant.tick)
    return msgspec.structs.replace(start, claim=msgspec.structs.replace(start.claim, run_id=run_id))


def _coalesce(ledger: Ledger, start: Start, now: Instant) -> None:
    """Record the verdicts of the older slots that *start* covers or replaces."""
    key, run_id = start.claim.key, start.claim.run_id
    if start.superseded is not None:
        _supersede(ledger, start.superseded, start, now)
    for span in start.coalesced:
        record_verdict(ledger, key, span, "coalesced", "", run_id, now)
        ledger.advance(key, span.last)
    for skip in start.skips:
        record_verdict(ledger, key, skip.span, "skipped", skip.reason, None, now)
        ledger.advance(key, skip.span.last)


def _supersede(ledger: Ledger, old: OpenRun, start: Start, now: Instant) -> None:
    """End the waiting run *old*, and record the verdict of its slot."""
    judgement = judge_superseded(old, start.claim.run_id, coalesced=start.coalesces)
    if judgement.status == "failed":
        ledger.fail_run(old.run_id, judgement.reason)
    else:
        ledger.close_run(old.run_id, judgement.status, judgement.reason)
    if start.coalesces:
        ledger.release_slots(old.run_id)
    if old.slot is not None and judgement.verdict is not None:
        reason, run_id = ("", start.claim.run_id) if start.coalesces else (judgement.reason, old.run_id)
        span = Span(old.slot, old.slot, 1)
        ledger.record_verdict(old.key, span, judgement.verdict, reason, run_id, now)
        ledger.advance(old.key, old.slot)
