"""The rows of the ledger, as values."""

from typing import Any

import msgspec

from scheduled.core.conditions import Condition, Notice
from scheduled.core.keys import Keyed
from scheduled.core.runs import OpenReason, Span, Verdict
from scheduled.schedules.schedule import Schedule
from scheduled.schedules.zones import Instant

NOT_STARTED = "claimed by a tick that did not start it; the next tick does"
NOT_APPROVED = "waits for approval"
CHAIN = "chain"  # in place of a tick's name in the run of a chain, which has no process of its own


class Claimant(msgspec.Struct, frozen=True, kw_only=True):
    """The process that claims a run: the name of its *tick*, the id of the *boot*, and the id of its *host*."""

    tick: str
    boot: str
    host: str


class Epoch(Keyed, frozen=True, kw_only=True):
    """A span (starts_at, ends_at] with unchanged schedules of a job. *ends_at* is None for the open epoch."""

    job: str
    target: str = ""
    starts_at: Instant
    ends_at: Instant | None
    schedules: tuple[Schedule, ...]


class SlotRow(Keyed, frozen=True, kw_only=True):
    """A slot or a span of slots, with its verdict, given at *decided_at*, or with the run that will decide it."""

    job: str
    target: str = ""
    span: Span
    verdict: Verdict | None
    reason: str
    run_id: str | None
    decided_at: Instant | None = None


class SkippedRow(Keyed, frozen=True, kw_only=True):
    """A span of slots that were skipped together at *decided_at*, without a run."""

    job: str
    target: str = ""
    span: Span
    reason: str
    decided_at: Instant


class KnownCondition(Keyed, frozen=True, kw_only=True):
    """A condition that was true at the last check. *since* and *notified_at* are UTC seconds."""

    condition: Condition
    job: str
    target: str = ""
    since: float
    notified_at: float | None


class OutboxItem(msgspec.Struct, frozen=True, kw_only=True):
    """A notice in the outbox.

    The recipient recognises a repeated delivery by *id*. *host* is the host that queued the notice. *error* is why the last
    attempt failed, "" before the first one.
    """

    id: str
    notice: Notice
    host: str = ""
    tries: int
    next_try: Instant
    error: str = ""


class JobRow(Keyed, frozen=True, kw_only=True):
    """The summary of a job. *schedules* is empty if the job has no open epoch."""

    job: str
    target: str = ""
    position: Instant
    open_reason: OpenReason | None
    next_due: Instant | None
    window_start: Instant | None
    last_run_id: str | None
    last_run_at: float | None
    last_status: str | None
    last_result: dict[str, Any] | None
    run_count: int
    failure_count: int
    schedules: tuple[Schedule, ...]


class RunRow(Keyed, frozen=True, kw_only=True):
    """A run, as `history` shows it.

    *host_name* is the name of its host, if known. *result* is the data that its handler returned. *requested_for*
    is the instant given with a manual run. *parent* is the chain run that started it, *step* the number of its step
    there (see `chain_steps`). *payload* is that of its start request; for the run of a chain, its progress. *tick* is '' once
    the run has ended, but for the run of a chain, see `CHAIN`.
    """

    run_id: str
    job: str
    target: str
    slot: Instant | None
    slots: int
    trigger: str
    attempt: int
    status: str
    reason: str
    retry_at: Instant | None
    tick: str
    host: str
    claimed_at: float
    started_at: float | None
    finished_at: float | None
    duration_ms: int | None
    exit_code: int | None
    requested_for: Instant | None = None
    host_name: str | None = None
    result: dict[str, Any] | None = None
    parent: str = ""
    step: int = 0
    payload: dict[str, Any] = msgspec.field(default_factory=dict)

    @property
    def shown_reason(self) -> str | None:
        """The reason of its status: that of its last attempt, or why it waits although no attempt of it has started."""
        waits = self.status == "waiting_retry" and self.attempt == 0
        return self.reason or (
            (NOT_STARTED if self.retry_at is not None else NOT_APPROVED) if waits else None
        )


class AttemptRow(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt that has ended.

    *printed* is whether it printed something. *result* is the data that its handler returned. *failure_class*, *model*, *tokens* and *cost* are those of
    `AttemptResult`.
    """

    run_id: str
    attempt: int
    status: str
    reason: str
    started_at: float | None
    finished_at: float | None
    duration_ms: int | None
    exit_code: int | None
    printed: bool
    result: dict[str, Any] | None
    failure_class: str | None
    model: str | None
    tokens: int | None
    cost: float | None


class SavedPosition(Keyed, frozen=True):
    """The *position* that a job had when the clock was set back, to the instant *back_to*."""

    job: str
    position: Instant
    back_to: Instant
    target: str = ""
