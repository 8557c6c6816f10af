"""`logs`: the output of a job's runs, complete or while a run is under way, with secrets masked."""

import codecs
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from scheduled.config.files import Config, unknown_hint
from scheduled.core.jobs import Job
from scheduled.core.records import CHAIN, RunRow
from scheduled.core.runs import UNDER_WAY
from scheduled.errors import ScheduledError, UnknownError, require_between
from scheduled.execution.env_file import secrets_of
from scheduled.install.environment import crontab_variables
from scheduled.instance import Instance
from scheduled.masking import Mask
from scheduled.paths import Paths
from scheduled.queries.last_known import config_of
from scheduled.state.ledger import History
from scheduled.state.locks import is_held
from scheduled.state.open import read_only

POLL = 0.2  # seconds between two reads of a file that may grow
OUTPUT_TAIL = 65536  # bytes of the end of the output in one document
CONTEXT = 16384  # bytes read before a position to find a secret that it splits; longer than any secret
RECENT = 50  # runs of a job that are searched for output


class OutputWithheldError(ScheduledError):
    """The output of a run cannot be shown yet, because its secrets are no longer known."""


def logs(
    instance: Instance, name: str, lines: int | None = None, attempt: int | None = None
) -> dict[str, Any]:
    """Return the output of the run *name*, or of the newest attempt of the job *name* that printed anything.

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
    # If the configuration cannot be read, the secrets of its jobs are not known.
    jobs: Mapping[str, Job] = {} if found.unreadable else found.jobs
    require_known(paths, found, name)
    with read_only(paths) as ledger:
        rows = _runs(ledger, name)
    wanted = _attempts(rows) if only is None else [(_with_attempt(rows, name, only), only)]
    for newer, (row, attempt) in enumerate(wanted):
        path = paths.output_of(row.run_id, attempt)
        if path.exists():
            mask = _mask_of(jobs, row, path)
            data, size = _tail(path, lines, most)
            fields = {**_run_fields(row), "attempt": attempt, "newer": newer, "path": str(path), "size": size}
            return fields, mask.data(data)
    fields = _run_fields(rows[0]) if rows else {"run_id": None, "job": name, "status": None}
    note = _without_output(name, rows)
    return {**fields, "attempt": only, "newer": 0, "path": None, "size": 0, "note": note}, b""


def _jobs_of(instance: Instance) -> Mapping[str, Job]:
    """Return the configured jobs; none if the configuration cannot be read, because their secrets are then not known."""
    found = config_of(instance)
    return {} if found.unreadable else found.jobs


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
    return {"run_id": row.run_id, "job": row.job, "status": row.status}


def _mask_of(jobs: Mapping[str, Job], row: RunRow, path: Path) -> Mask:
    """Return the mask for the output of a run. Raise OutputWithheldError if its secrets are not known.

    Only the output of a run under way needs it: when a run ends, its output file is masked in place.
    """
    job = jobs.get(row.job)
    if row.status not in UNDER_WAY and not is_held(path):
        return Mask(secrets_of(job, os.environ) if job else ())
    if job is None or _has_other_secrets(job, row):
        raise OutputWithheldError(
            f"{row.run_id}: its job was removed or its env_file was changed while it runs, so its secrets cannot be "
            "masked; its output is available when the run has ended"
        )
    return Mask(secrets_of(job, {**os.environ, **crontab_variables()}))


def _has_other_secrets(job: Job, row: RunRow) -> bool:
    """Return whether the env_file of a job may have changed since its run was claimed."""
    if not job.env_file:
        return False
    path = Path(job.env_file).expanduser()
    try:
        # ctime, not mtime: a file that is moved here keeps its mtime. The link counts too, as its target may change.
        return max(path.stat().st_ctime, path.lstat().st_ctime) > row.claimed_at
    except OSError:
        return True


def _runs(ledger: History, name: str) -> list[RunRow]:
    row = ledger.run(name)
    return [row] if row is not None else ledger.history(job=name, limit=RECENT)


def require_known(paths: Paths, found: Config, name: str) -> None:
    """Raise UnknownError, with a hint, unless *name* is a configured job, a run, or a job with runs."""
    with read_only(paths) as ledger:
        if name in found.jobs or _runs(ledger, name):
            return
    raise UnknownError(f"no such job or run: {name}; {unknown_hint(found, name)}")


def _tail(path: Path, lines: int | None, most: int | None) -> tuple[bytes, int]:
    """Return the last *most* bytes of a file, or at most *lines* lines of them, and the offset where reading ended."""
    with path.open("rb") as file:
        if most is not None:
            file.seek(max(0, os.fstat(file.fileno()).st_size - most))
        data, size = file.read(), file.tell()
    kept = data.splitlines(keepends=True)
    return data if lines is None else b"".join(kept[len(kept) - min(lines, len(kept)) :]), size


def printed(instance: Instance, run_id: str, start: int = 0, attempt: int | None = None) -> dict[str, Any]:
    """Return the output of a run after the offset *start*, the new offset as `size`, and whether the run is `running`.

    It is the output of the newest attempt, or of this *attempt*. Secrets are masked. If they are not known, the output
    is empty until the run has ended. Raise UnknownError if there is no such run or attempt.
    """
    paths, jobs = instance.paths, _jobs_of(instance)
    row = _run(paths, run_id)
    if attempt is not None:
        _with_attempt([row], run_id, attempt)
    path = paths.output_of(row.run_id, attempt or row.attempt)
    running = is_held(path)  # before reading: output of a run that ends in between would be lost
    try:
        mask = _mask_of(jobs, row, path)
    except OutputWithheldError:
        return {**_run_fields(row), "running": True, "size": start, "output": ""}
    text, size = _after(path, start, mask, final=not running) if path.exists() else ("", 0)
    return {**_run_fields(row), "running": running, "size": size, "output": text}


def _run(paths: Paths, run_id: str) -> RunRow:
    with read_only(paths) as ledger:
        row = ledger.run(run_id)
    if row is None:
        raise UnknownError(f"{run_id}: no such run; `scheduled history` lists them")
    return row


def _after(path: Path, start: int, mask: Mask, *, final: bool) -> tuple[str, int]:
    with path.open("rb") as file:
        end = os.fstat(file.fileno()).st_size
        # If the file was cut to its limit, or the reader is far behind, return the last part only.
        at = start if max(0, end - OUTPUT_TAIL) <= start <= end else max(0, end - OUTPUT_TAIL)
        begin = max(0, at - CONTEXT)
        file.seek(begin)
        data = file.read(at - begin + OUTPUT_TAIL)
    before = data[: at - begin]
    # Hold back a possible beginning of a secret or of a character until the rest of it is written.
    complete = data if final or not mask else data[: max(len(before), mask.safe(data))]
    masked = mask.data(complete)
    # Mask both parts and drop their common prefix, so that a secret which *start* splits is masked as a whole.
    shared = os.path.commonprefix([mask.data(before), masked])  # noqa: RUF071 - bytes, no paths
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    text = decoder.decode(masked[len(shared) :], final)
    return text, begin + len(complete) - len(decoder.getstate()[0])


def follow(instance: Instance, run_id: str, start: int = 0, attempt: int | None = None) -> Iterator[bytes]:
    """Yield the output of a run after the offset *start*, with secrets masked, until the attempt has ended.

    It is the newest attempt, or this *attempt*. Raise UnknownError if there is no such run, OutputWithheldError if its
    secrets are not known.
    """
    paths, jobs = instance.paths, _jobs_of(instance)
    row = _run(paths, run_id)
    path = paths.output_of(row.run_id, attempt or row.attempt)
    yield from _mask_of(jobs, row, path).stream(_grown(path, start))


def _grown(path: Path, start: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(start)
        alive = True
        while alive:
            alive = is_held(path)  # before reading: output of a run that ends in between would be lost
            if os.fstat(file.fileno()).st_size < file.tell():
                file.seek(0)  # the file was cut to its limit
            grown = file.read()
            if grown:
                yield grown
            elif alive:
                time.sleep(POLL)
