"""The answers of the REST interface about runs. An answer may have more fields than its type names."""

from typing import Any

import msgspec

from scheduled.core.runs import RunStatus


class Run(msgspec.Struct, kw_only=True):
    """A run in the history, or slots that were skipped without a run (`run_id` is null)."""

    run_id: str | None
    job: str
    target: str | None
    scheduled_for: str | None
    slots: int
    trigger: str
    attempt: int
    status: RunStatus
    reason: str | None
    started_at: str | None
    finished_at: str | None
    duration_ms: int | None
    exit_code: int | None
    host: str | None
    host_id: str | None
    result: dict[str, Any] | None


class Attempt(msgspec.Struct, kw_only=True):
    """An attempt of a run that has ended."""

    attempt: int
    status: str
    reason: str | None
    started_at: str | None
    finished_at: str | None
    duration_ms: int | None
    exit_code: int | None
    has_output: bool
    result: dict[str, Any] | None


class StepRun(msgspec.Struct, kw_only=True):
    """A job in a step of a chain's run, and its run there; its fields are null if it has not started."""

    job: str
    target: str | None
    run_id: str | None
    status: str | None
    reason: str | None
    started_at: str | None
    finished_at: str | None
    duration_ms: int | None
    exit_code: int | None
    result: dict[str, Any] | None


class RunAnswer(Run, kw_only=True):
    """A run: its attempts that have ended, the chain run that started it, and, for the run of a chain, its steps.

    *asks*: it waits for `approve` or `deny`.
    """

    parent: str | None
    attempts: list[Attempt]
    steps: list[list[StepRun]] | None
    asks: bool


class Logs(msgspec.Struct, kw_only=True):
    """The output of a run."""

    run_id: str | None
    job: str
    target: str | None
    status: str | None
    attempt: int | None
    newer: int
    size: int
    output: str


class Started(msgspec.Struct, kw_only=True):
    """A requested run; once it is over, *result* is the document that `run --json` prints.

    *run_id* is null if the run is not claimed within ten seconds. *run_ids* has the same id, or, of a job with `for_each`,
    those of all its targets.
    """

    job: str
    target: str | None
    run_id: str | None
    run_ids: list[str]
    over: bool
    result: dict[str, Any] | None


class Stopped(msgspec.Struct, kw_only=True):
    """A run that is being stopped, with its steps if it is a chain; `pid` is null without a process."""

    run_id: str
    job: str
    target: str | None
    pid: int | None
    status: RunStatus
    steps: list[str]


class Denied(msgspec.Struct, kw_only=True):
    """A run that was denied."""

    run_id: str
    job: str
    target: str | None
    scheduled_for: str | None


class Planned(msgspec.Struct, kw_only=True):
    """A job that a tick would start now, or would not start, with the reason."""

    job: str
    target: str | None
    assumed: list[str] | msgspec.UnsetType = msgspec.UNSET
