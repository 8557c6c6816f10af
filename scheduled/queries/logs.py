"""`logs`: the output of a job's runs, complete or while a run is under way, with secrets masked."""

import codecs
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from scheduled.config.config import Config, unknown_hint
from scheduled.config.named import known_key, named_keys
from scheduled.core.records import CHAIN, RunRow
from scheduled.core.runs import UNDER_WAY
from scheduled.errors import ScheduledError, UnknownError, require_between
from scheduled.execution import masked_output
from scheduled.execution.kept_secrets import LostSecretsError
from scheduled.instance import Instance
from scheduled.paths import Paths
from scheduled.queries.last_known import config_of
from scheduled.state.ledger import History
from scheduled.state.open import read_only

OUTPUT_TAIL = 65536  # bytes of the end of the output in one document
RECENT = 50  # runs of a job that are searched for output


class RunsOf(msgspec.Struct, frozen=True):
    """The job and the target of runs. Without a target they are those of all targets, without a job those of all jobs."""

    job: str | None = None
    target: str | None = None


class OutputWithheldError(ScheduledError):
    """The output of a run cannot be shown, because its secrets are not known."""


def logs(
    instance: Instance, name: str, lines: int | None = None, attempt: int | None = None
) -> dict[str, Any]:
    """Return the output of the run *name*, or of the newest attempt of the job or target *name* that printed anything.

    With *attempt*, return the output of this attempt of the run, or of the newest run of the job. The text is the last
    part of a long output; with *lines*, at most that many lines. `newer` counts newer attempts without output. If there is
    no output at all, `note` is the reason. Secrets are masked. Raise ConfigError if there is no such job, run or attempt,
    OutputWithheldError if the secrets of the run are not known.
    """
    document, data = _printed_by(instance, name, lines, attempt, OUTPUT_TAIL)
    return {**document, "output": data.decode(errors="replace")}


def as_printed(
    instance: Instance, name: str, lines: int | None = None, attempt: int | None = None
) -> tuple[dict[str, Any], bytes]:
    """Return the document of `logs` without `output`, and the complete output as bytes. Raise the errors of `logs`."""
    return _printed_by(instance, name, lines, attempt, None)


def _printed_by(
    instance: Instance, name: str, lines: int | None, only: int | None, most: int | None
) -> tuple[dict[str, Any], bytes]:
    if lines is not None:
        require_between("lines", lines, 0)
    paths, found = instance.paths, config_of(instance)
    with read_only(paths) as ledger:
        rows = _runs(ledger, found, name)
    wanted = _attempts(rows) if only is None else [(_with_attempt(rows, name, only), only)]
    for newer, (row, attempt) in enumerate(wanted):
        output = masked_output.of(paths, row.run_id, attempt)
        if output.path.exists():
            with _withheld(row):
                data, size = output.end(most, final=not output.is_growing())
            fields = {
                **_run_fields(row),
                "attempt": attempt,
                "newer": newer,
                "path": str(output.path),
                "size": size,
            }
            return fields, _last(data, lines)
    fields = _run_fields(rows[0]) if rows else {"run_id": None, "job": name, "target": None, "status": None}
    note = _without_output(name, rows)
    return {**fields, "attempt": only, "newer": 0, "path": None, "size": 0, "note": note}, b""


def _without_output(name: str, rows: list[RunRow]) -> str:
    """Return why there is no output: no run, none yet, or runs that printed nothing."""
    if not rows:
        return f"{name} has not run yet; `scheduled explain {name}` shows when it runs"
    newest = rows[0]
    if newest.tick == CHAIN:
        return f"{newest.run_id} is a chain, and only its steps print: `scheduled show {newest.run_id}` lists their runs"
    if newest.status in UNDER_WAY:
        return f"{newest.run_id} has printed nothing yet; `scheduled logs -f {newest.run_id}` waits for it"
    others = "" if len(rows) == 1 else f", and neither did {len(rows) - 1} older"
    return f"{newest.run_id} ({newest.status}) printed nothing{others}, or its output was deleted"


def _attempts(rows: Iterable[RunRow]) -> Iterator[tuple[RunRow, int]]:
    """Yield every attempt of the runs, newest first."""
    for row in rows:
        yield from ((row, attempt) for attempt in range(row.attempt, 0, -1))


def _with_attempt(rows: list[RunRow], name: str, attempt: int) -> RunRow:
    """Return the newest of the runs. Raise UnknownError unless it has this *attempt*."""
    if not rows:
        raise UnknownError(f"{name}: it has no attempt {attempt}, because it never ran")
    count = rows[0].attempt
    if not 1 <= attempt <= count:
        has = "1 attempt" if count == 1 else f"attempts 1 to {count}"
        raise UnknownError(f"{rows[0].run_id}: no attempt {attempt}; the run has {has}")
    return rows[0]


def _run_fields(row: RunRow) -> dict[str, Any]:
    return {"run_id": row.run_id, "job": row.job, "target": row.target or None, "status": row.status}


@contextmanager
def _withheld(row: RunRow) -> Iterator[None]:
    """Raise OutputWithheldError if the file with the secrets of a run is damaged; then its output must not be shown."""
    try:
        yield
    except LostSecretsError as error:
        raise OutputWithheldError(
            f"{row.run_id}: its output is not shown, because its secrets can't be masked: {error}"
        ) from None


def _runs(ledger: History, found: Config, name: str) -> list[RunRow]:
    row = ledger.run(name)
    return [row] if row is not None else _recent(ledger, runs_of(ledger, found, name))


def _recent(ledger: History, of: RunsOf) -> list[RunRow]:
    return ledger.history(job=of.job, target=of.target, limit=RECENT)


def runs_of(ledger: History, found: Config, name: str) -> RunsOf:
    """Return of what *name* is the name.

    *name* is a job or a target that is configured, or that has runs. Raise UnknownError, with a hint, if it is neither.
    """
    if name in found.jobs:
        return RunsOf(name)
    every = [RunsOf(name), *(RunsOf(key.job, key.target) for key in named_keys(name))]
    for of in every:
        if ledger.history(job=of.job, target=of.target, limit=1):
            return of
    try:
        key = known_key(found, name)
    except UnknownError as error:
        if any(of.job in found.jobs for of in every):
            raise
        raise UnknownError(f"no such job or run: {name}; {unknown_hint(found, name)}") from error
    return RunsOf(key.job, key.target)


def _last(data: bytes, lines: int | None) -> bytes:
    """Return the last *lines* lines of *data*; all of it if that is None."""
    kept = data.splitlines(keepends=True)
    return data if lines is None else b"".join(kept[len(kept) - min(lines, len(kept)) :])


def printed(instance: Instance, run_id: str, start: int = 0, attempt: int | None = None) -> dict[str, Any]:
    """Return the output of a run after the offset *start*, the new offset as `size`, and whether the run is `running`.

    It is the output of the newest attempt, or of this *attempt*. Secrets are masked. If they are not known, the output
    is empty. Raise UnknownError if there is no such run or attempt.
    """
    row = _run(instance.paths, run_id)
    if attempt is not None:
        _with_attempt([row], run_id, attempt)
    output = masked_output.of(instance.paths, row.run_id, attempt or row.attempt)
    running = output.is_growing()
    try:
        data, size = output.after(start, OUTPUT_TAIL, final=not running)
    except FileNotFoundError:
        data, size = b"", 0
    except LostSecretsError:
        data, size = b"", start
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    text = decoder.decode(data, not running)
    size -= len(decoder.getstate()[0])  # a character of which the rest is not written yet
    return {**_run_fields(row), "running": running, "size": size, "output": text}


def _run(paths: Paths, run_id: str) -> RunRow:
    with read_only(paths) as ledger:
        row = ledger.run(run_id)
    if row is None:
        raise UnknownError(f"{run_id}: no such run; `scheduled history` lists them")
    return row


def follow(instance: Instance, run_id: str, start: int = 0, attempt: int | None = None) -> Iterator[bytes]:
    """Yield the output of a run after the offset *start*, with secrets masked, until the attempt has ended.

    It is the newest attempt, or this *attempt*. Raise UnknownError if there is no such run, OutputWithheldError if its
    secrets are not known.
    """
    row = _run(instance.paths, run_id)
    with _withheld(row):
        yield from masked_output.of(instance.paths, row.run_id, attempt or row.attempt).follow(start)
