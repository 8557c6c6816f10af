"""`logs`: what a job's runs printed, and what a run that is under way prints."""

import codecs
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from scheduled.config.files import load_config
from scheduled.core.jobs import Job
from scheduled.core.records import RunRow
from scheduled.core.runs import UNDER_WAY
from scheduled.errors import ScheduledError, UnknownError, require_between
from scheduled.execution.env_file import secrets_of
from scheduled.instance import Instance
from scheduled.masking import Mask
from scheduled.paths import Paths
from scheduled.state.ledger import History
from scheduled.state.locks import is_held
from scheduled.state.open import read_only

LOOK = 0.2  # seconds between two looks at a file that may grow
OUTPUT_TAIL = 65536
CONTEXT = 16384  # bytes before a place from where to read on: more than any secret has
RECENT = 50  # runs among which one that printed something is sought


class UntoldError(ScheduledError):
    """What a run prints can't be shown yet: nobody knows any more what of it is secret."""


def logs(instance: Instance, name: str, lines: int | None = None) -> dict[str, Any]:
    """Return what the run *name*, or the newest run of the job *name* that printed anything, printed, as text.

    *newer* attempts, at this run and of the job's newer ones, have printed nothing. Of much the last part; with *lines*,
    that many at most. Secrets of the jobs are masked: while a run is under way its output is not. Raises ConfigError if
    there is neither, UntoldError if its secrets can't be told.
    """
    document, data = _printed_by(instance, name, lines, OUTPUT_TAIL)
    return {**document, "output": data.decode(errors="replace")}


def as_printed(instance: Instance, name: str, lines: int | None = None) -> tuple[dict[str, Any], bytes]:
    """Return the same as `logs`, whole, the output apart and in its very bytes."""
    return _printed_by(instance, name, lines, None)


def _printed_by(
    instance: Instance, name: str, lines: int | None, most: int | None
) -> tuple[dict[str, Any], bytes]:
    if lines is not None:
        require_between("lines", lines, 0)
    paths, jobs = instance.paths, load_config(instance.config_file).jobs
    known(paths, jobs, name)
    with read_only(paths) as ledger:
        rows = _runs(ledger, name)
    for newer, (row, attempt) in enumerate(_attempts(rows)):
        path = paths.output_of(row.run_id, attempt)
        if path.exists():
            mask = _mask_of(jobs, row, path)
            data, size = _tail(path, lines, most)
            told = {**_about(row), "attempt": attempt, "newer": newer, "path": str(path), "size": size}
            return told, mask.data(data)
    about = _about(rows[0]) if rows else {"run_id": None, "job": name, "status": None}
    return {**about, "attempt": None, "newer": 0, "path": None, "size": 0}, b""


def _attempts(rows: Iterable[RunRow]) -> Iterator[tuple[RunRow, int]]:
    """Yield every attempt at the runs, newest first."""
    for row in rows:
        yield from ((row, attempt) for attempt in range(row.attempt, 0, -1))


def _about(row: RunRow) -> dict[str, Any]:
    return {"run_id": row.run_id, "job": row.job, "status": row.status}


def _mask_of(jobs: Mapping[str, Job], row: RunRow, path: Path) -> Mask:
    """Return what masks a run's output; once it is over its file holds no secrets. Raises UntoldError."""
    job = jobs.get(row.job)
    if (job is None or _has_other_secrets(job, row)) and (row.status in UNDER_WAY or is_held(path)):
        raise UntoldError(
            f"{row.run_id}: its job was removed (or its env_file changed) while it runs, so its secrets can't be "
            "told: what it prints is shown when it is over"
        )
    return Mask(secrets_of(job, os.environ) if job else ())


def _has_other_secrets(job: Job, row: RunRow) -> bool:
    """Tell whether a job's env_file may be another one than its run was given."""
    if not job.env_file:
        return False
    path = Path(job.env_file).expanduser()
    try:
        # A file that was moved here keeps the time of its contents; a link may point elsewhere now.
        return max(path.stat().st_ctime, path.lstat().st_ctime) > row.claimed_at
    except OSError:
        return True


def _runs(ledger: History, name: str) -> list[RunRow]:
    row = ledger.run(name)
    return [row] if row is not None else ledger.history(job=name, limit=RECENT)


def known(paths: Paths, jobs: Iterable[str], name: str) -> str:
    """Return *name* if it is a job's or a run's; raises ConfigError, with the nearest job, if it is neither."""
    import difflib

    names = list(jobs)
    with read_only(paths) as ledger:
        if name in names or _runs(ledger, name):
            return name
    near = difflib.get_close_matches(name, names, n=1)
    raise UnknownError(f"no such job or run: {name}" + (f"; did you mean {near[0]}?" if near else ""))


def _tail(path: Path, lines: int | None, most: int | None) -> tuple[bytes, int]:
    """Return the last part of a file, and how far it was read."""
    with path.open("rb") as file:
        if most is not None:
            file.seek(max(0, os.fstat(file.fileno()).st_size - most))
        data, size = file.read(), file.tell()
    kept = data.splitlines(keepends=True)
    return data if lines is None else b"".join(kept[len(kept) - min(lines, len(kept)) :]), size


def printed(instance: Instance, run_id: str, start: int = 0) -> dict[str, Any]:
    """Return what a run printed after *start*, how far that was read, and whether the run is `running` yet.

    Secrets of the jobs are masked; where they can't be told nothing is said until the run is over.
    Raises UnknownError if there is no such run, ConfigError.
    """
    paths, jobs = instance.paths, load_config(instance.config_file).jobs
    row = _run(paths, run_id)
    path = paths.output_of(row.run_id, row.attempt)
    told = {"run_id": run_id, "job": row.job, "status": row.status}
    running = is_held(path)  # asked before the look, so that nothing is missed
    try:
        mask = _mask_of(jobs, row, path)
    except UntoldError:
        return {**told, "running": True, "size": start, "output": ""}
    text, size = _after(path, start, mask, final=not running) if path.exists() else ("", 0)
    return {**told, "running": running, "size": size, "output": text}


def _run(paths: Paths, run_id: str) -> RunRow:
    with read_only(paths) as ledger:
        row = ledger.run(run_id)
    if row is None:
        raise UnknownError(f"{run_id}: no such run; `scheduled history` lists them")
    return row


def _after(path: Path, start: int, mask: Mask, *, final: bool) -> tuple[str, int]:
    with path.open("rb") as file:
        end = os.fstat(file.fileno()).st_size
        # Cut to its limit meanwhile, or far behind: the last part will do.
        at = start if max(0, end - OUTPUT_TAIL) <= start <= end else max(0, end - OUTPUT_TAIL)
        begin = max(0, at - CONTEXT)
        file.seek(begin)
        seen = file.read(at - begin + OUTPUT_TAIL)
    before = seen[: at - begin]
    # What may be the beginning of a secret, or of a character, waits for its rest.
    said = seen if final or not mask else seen[: max(len(before), mask.safe(seen))]
    masked = mask.data(said)
    # A secret that *start* lies in the middle of is no part of what both have in common.
    shared = os.path.commonprefix([mask.data(before), masked])  # noqa: RUF071 - bytes, no paths
    news = masked[len(shared) :]
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    return decoder.decode(news, final), begin + len(said) - len(decoder.getstate()[0])


def follow(instance: Instance, run_id: str, start: int = 0) -> Iterator[bytes]:
    """Yield, masked, what a run prints after *start*, until the run, which holds a lock on it, is over.

    Raises UnknownError if there is no such run, UntoldError if its secrets can't be told, ConfigError.
    """
    paths, jobs = instance.paths, load_config(instance.config_file).jobs
    row = _run(paths, run_id)
    path = paths.output_of(row.run_id, row.attempt)
    yield from _mask_of(jobs, row, path).stream(_grown(path, start))


def _grown(path: Path, start: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(start)
        alive = True
        while alive:
            alive = is_held(path)  # asked before the last look, so that nothing is missed
            if os.fstat(file.fileno()).st_size < file.tell():
                file.seek(0)  # it was cut to its limit
            grown = file.read()
            if grown:
                yield grown
            elif alive:
                time.sleep(LOOK)
