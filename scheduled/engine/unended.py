"""What a tick by hand was to run and has not done: chains with a step that waits, and jobs that deferred themselves."""

from collections.abc import Iterable, Iterator

from scheduled.core.approvals import needs_decision
from scheduled.core.judgement import STOPPED, is_not_now, without_post
from scheduled.core.records import CHAIN
from scheduled.core.runs import UNDER_WAY, OpenRun
from scheduled.core.starts import Start
from scheduled.state.ledger import Ledger

RETRY, DEFERS, ASKS = "waits for a retry", "has deferred itself (not now)", "waits for an answer"


def messages(ledger: Ledger, requested: Iterable[Start]) -> list[str]:
    """Return a message for each run of *requested* that is not done, although nothing of it failed for good."""
    found = (_message(ledger, start.claim.run_id) for start in requested)
    return [message for message in found if message is not None]


def stopped(ledger: Ledger, requested: Iterable[Start]) -> list[str]:
    """Return a message for each run of *requested* that a person stopped: its work is not done."""
    rows = (ledger.run(start.claim.run_id) for start in requested)
    return [
        f"{row.run_id}: was stopped by hand; `scheduled rerun {row.run_id}` starts it again"
        for row in rows
        if row is not None and (row.status, without_post(row.reason)) == ("skipped", STOPPED)
    ]


def _message(ledger: Ledger, run_id: str) -> str | None:
    run = ledger.open_run(run_id)
    if run is not None and run.tick == CHAIN:
        return (
            f"{run.key.display_name}: has not ended: {'; '.join(_waiting(ledger, run))}; a later tick continues it,"
            f" see `scheduled explain {run.key.display_name}`"
        )
    row = ledger.run(run_id)
    if row is None or not is_not_now(row.reason):
        return None
    later = (
        "a later tick repeats it"
        if row.retry_at is not None
        else f"repeat `scheduled run {row.key.display_name}` later"
    )
    return f"{row.key.display_name}: has deferred itself (exit code 75, not now); {later}"


def _waiting(ledger: Ledger, chain: OpenRun) -> Iterator[str]:
    """Yield a text for each step of *chain*, and of the chains among its steps, that has not ended."""
    reasons = {row.key: row.open_reason for row in ledger.job_rows()}
    for row in ledger.start_requests():
        if row.parent == chain.run_id:
            reason = (reasons.get(row.key) or "queued").replace("_", " ")
            yield f"its step {row.key.display_name} has not started ({reason})"
    for run in ledger.open_runs():
        if run.parent == chain.run_id and run.tick == CHAIN:
            yield from _waiting(ledger, run)
        elif run.parent == chain.run_id:
            again = DEFERS if is_not_now(run.reason) else ASKS if needs_decision(run) else RETRY
            doing = "is still running" if run.status in UNDER_WAY else again
            yield f"its step {run.key.display_name} {doing}"
