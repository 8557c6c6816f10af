"""`logs`: what a job's runs printed, and what a run that is under way prints."""

import codecs
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from scheduled.actions.prepare import secrets_of
from scheduled.errors import UnknownError
from scheduled.jobs import Job
from scheduled.looking import looking
from scheduled.masking import Mask
from scheduled.state.ledger import Ledger, RunRow
from scheduled.state.locks import is_held
from scheduled.state.paths import Paths

LOOK = 0.2  # seconds between two looks at a file that may grow
OUTPUT_TAIL = 65536
CONTEXT = 16384  # bytes before a place from where to read on: more than any secret has
RECENT = 50  # runs among which one that printed something is sought


def logs(
    paths: Paths, name: str, *, lines: int | None = None, jobs: Mapping[str, Job] = MappingProxyType({})
) -> dict[str, Any]:
    """Return what the run *name*, or the newest run of the job *name* that printed anything, printed.

    Of much, the last part; with *lines*, that many at most. What *jobs* know as secrets is masked: while a run is
    under way its output is not. Raises ConfigError if there is neither.
    """
    with looking(paths) as ledger:
        rows = _runs(ledger, name)
    for row in rows:
        path = paths.output_of(row.run_id, row.attempt)
        if path.exists():
            text, size = _tail(path, lines)
            told = {"run_id": row.run_id, "job": row.job, "status": row.status}
            said = mask_of(jobs, row.job).text(text)
            return {**told, "path": str(path), "size": size, "output": said}
    first = rows[0] if rows else None
    return {
        "run_id": first.run_id if first else None,
        "job": first.job if first else name,
        "status": first.status if first else None,
        "path": None,
        "size": 0,
        "output": "",
    }


def mask_of(jobs: Mapping[str, Job], name: str) -> Mask:
    """Return what masks the output of the job *name*, as it is configured now."""
    return Mask(secrets_of(jobs[name], os.environ)) if name in jobs else Mask()


def _runs(ledger: Ledger, name: str) -> list[RunRow]:
    row = ledger.run(name)
    return [row] if row is not None else ledger.history(job=name, limit=RECENT)


def known(paths: Paths, jobs: Iterable[str], name: str) -> str:
    """Return *name* if it is a job's or a run's; raises ConfigError, with the nearest job, if it is neither."""
    import difflib

    names = list(jobs)
    with looking(paths) as ledger:
        if name in names or _runs(ledger, name):
            return name
    near = difflib.get_close_matches(name, names, n=1)
    raise UnknownError(f"no such job or run: {name}" + (f"; did you mean {near[0]}?" if near else ""))


def _tail(path: Path, lines: int | None) -> tuple[str, int]:
    """Return the last part of a file, and how far it was read."""
    with path.open("rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - OUTPUT_TAIL))
        text, size = file.read().decode(errors="replace"), file.tell()
    kept = text.splitlines(keepends=True)
    return text if lines is None else "".join(kept[len(kept) - min(lines, len(kept)) :]), size


def printed(
    paths: Paths, run_id: str, start: int, *, jobs: Mapping[str, Job] = MappingProxyType({})
) -> dict[str, Any]:
    """Return what a run printed after *start*, how far that was read, and whether the run is `running` yet.

    What *jobs* know as secrets is masked. Raises UnknownError if there is no such run.
    """
    with looking(paths) as ledger:
        row = ledger.run(run_id)
    if row is None:
        raise UnknownError(f"{run_id}: no such run; `scheduled history` lists them")
    path = paths.output_of(row.run_id, row.attempt)
    running = is_held(path)  # asked before the look, so that nothing is missed
    text, size = _after(path, start, mask_of(jobs, row.job), final=not running) if path.exists() else ("", 0)
    told = {"run_id": run_id, "job": row.job, "status": row.status}
    return {**told, "running": running, "size": size, "output": text}


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


def follow(path: Path, start: int, mask: Mask) -> Iterator[bytes]:
    """Yield, masked, what is added to a run's output after *start*, until the run, which holds a lock on it, is over."""
    yield from mask.stream(_grown(path, start))


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
