"""What a ledger holds, row by row, as values."""

from typing import Any

import msgspec

from scheduled.core.conditions import Condition, Notice
from scheduled.core.keys import Keyed
from scheduled.core.runs import OpenReason, Span, Verdict
from scheduled.schedules.schedule import Schedule
from scheduled.schedules.zones import Instant

CHAIN = "chain"  # stands for the tick in the run of a chain, which has no process of its own


class Claimant(msgspec.Struct, frozen=True, kw_only=True):
    """Who claims: the tick's name, the boot it runs in, the id of the host (of its state directory)."""

    tick: str
    boot: str
    host: str


class Epoch(Keyed, frozen=True, kw_only=True):
    """A stretch (starts_at, ends_at] in which a job's schedules did not change; open where ends_at is None."""

    job: str
    target: str = ""
    starts_at: Instant
    ends_at: Instant | None
    schedules: tuple[Schedule, ...]


class SlotRow(Keyed, frozen=True, kw_only=True):
    """A slot or span with its verdict, or with the run that is to bring it."""

    job: str
    target: str = ""
    span: Span
    verdict: Verdict | None
    reason: str
    run_id: str | None


class KnownCondition(Keyed, frozen=True, kw_only=True):
    """A condition that was true at the last look, and since when."""

    condition: Condition
    job: str
    target: str = ""
    since: float
    notified_at: float | None


class OutboxItem(msgspec.Struct, frozen=True, kw_only=True):
    """A notice on its way, with the id by which a second delivery is recognised; *host* decided it."""

    id: str
    notice: Notice
    host: str = ""
    tries: int
    next_try: Instant


class JobRow(Keyed, frozen=True, kw_only=True):
    """A job's summary; it has no *schedules* while no epoch of it is open."""

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
    """A run as history tells it.

    *host_name* is what people call its host, where that is known. *result* is what its handler reported. *asked_for* is the instant that a run by hand was to
    stand for.
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
    asked_for: Instant | None = None
    host_name: str | None = None
    result: dict[str, Any] | None = None


class AttemptRow(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt of a run that has ended.

    *output* is its output's file, relative to the state directory; None if it printed nothing. *result* is what its
    handler reported. *failure_class*, *model*, *tokens* and *cost* are those of `AttemptResult`.
    """

    run_id: str
    attempt: int
    status: str
    reason: str
    started_at: float | None
    finished_at: float | None
    duration_ms: int | None
    exit_code: int | None
    output: str | None
    result: dict[str, Any] | None
    failure_class: str | None
    model: str | None
    tokens: int | None
    cost: float | None


class SetAside(Keyed, frozen=True):
    """That a *job* stood at *position* when the clock went *back_to* an earlier instant."""

    job: str
    position: Instant
    back_to: Instant
    target: str = ""
