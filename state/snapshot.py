"""The snapshot `scheduled_state.json`: a summary of the ledger for users and other programs.

The next tick reads its first line to decide whether anything is due, see `scheduled.idle`. A lost ledger is restored
from the snapshot.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from scheduled import idle
from scheduled.clock import local
from scheduled.core.keys import JobKey
from scheduled.core.records import JobRow
from scheduled.errors import StateError
from scheduled.schedules.zones import Instant
from scheduled.state.files import RefusedError, open_regular, read_regular
from scheduled.state.ledger import Ledger
from scheduled.state.snapshot_keys import digest, is_unchanged, merged

VERSION = 1
ALL = "*"  # the name of all jobs among the pauses
SWEEP = ("health", "memory_rollover", "mail_cleanup", "metrics")


def summary(ledger: Ledger, handlers: Mapping[str, JobKey], zone: str, now: Instant) -> dict[str, Any]:
    """Return the document of the snapshot at *now*, without its first line. Its instants are in *zone*.

    *handlers* maps the names of handlers to the job or target that runs them. The document names jobs by their labels,
    see `JobKey`.
    """
    generation = ledger.generation()  # first: what is read after it may be newer, but never older
    rows = {row.key: row for row in ledger.job_rows()}
    built_in = {
        name: rows.get(handlers[name]) if name in handlers else None for name in (*SWEEP, "daily_report")
    }
    totals = ledger.totals()
    sweeps = [row.last_run_at for name, row in built_in.items() if name in SWEEP and row and row.last_run_at]
    health, memory, mail = built_in["health"], built_in["memory_rollover"], built_in["mail_cleanup"]
    counted = totals.get(handlers["mail_cleanup"], {}) if "mail_cleanup" in handlers else {}
    status = (health.last_result if health else None) or {}
    return {
        "last_run": {
            "hourly": _iso(max(sweeps, default=None), zone),
            "daily_report": _iso(_last(built_in["daily_report"]), zone),
        },
        "memory_rollover": {
            "notified_files": ((memory.last_result if memory else None) or {}).get("notified_files", []),
            "last_check": _iso(_last(memory), zone),
        },
        "mail_cleanup": {
            "last_run": _iso(_last(mail), zone),
            "stats": {
                "auto_opened_total": counted.get("auto_opened", 0),
                "auto_closed_total": counted.get("auto_closed", 0),
            },
        },
        "health_check": {
            "last_run": _iso(_last(health), zone),
            "last_status": {key: status.get(key, 0) for key in ("healthy", "warnings", "errors")},
        },
        "jobs": {str(key): _job(row, zone) for key, row in rows.items()},
        "overridden": {str(key): enabled for key, enabled in ledger.overrides().items()},
        "generation": generation,
        "paused": {str(key) or ALL: _iso(until, zone) for key, until in ledger.pauses(now).items()},
    }


def _last(row: JobRow | None) -> float | None:
    return row.last_run_at if row else None


def _iso(instant: float | None, zone: str) -> str | None:
    return None if instant is None else local(int(instant), zone).isoformat()


def _job(row: JobRow, zone: str) -> dict[str, Any]:
    return {
        "next_run": _iso(row.next_due, zone),
        "last_run": _iso(row.last_run_at, zone),
        "last_status": row.last_status,
        "run_count": row.run_count,
        "failure_count": row.failure_count,
        "position": row.position,
        "window_start": row.window_start,
        "schedules": row.schedules,
    }


def publish(
    path: Path,
    document: dict[str, Any],
    *,
    next_due: Instant | None,
    edited: int,
    now: float,
    zone: str,
    beat: int | None = None,
) -> None:
    """Write the snapshot atomically; keep the keys that other programs added.

    *next_due* is the instant at which a tick must run again (None: never), *edited* the fingerprint from `idle.edited`.
    The modification time becomes *beat*, the heartbeat in UTC nanoseconds (None: *now*; 0: there was none yet). The
    caller must hold the snapshot's lock. Raise StateError if it can't be written.
    """
    own = {
        "version": VERSION,
        "written_at": _iso(now, zone),
        "next_due": _iso(next_due, zone),
        **document,
    }
    # As other programs read it: with lists for tuples, and so on.
    own = msgspec.json.decode(msgspec.json.encode(own))
    full = merged(read(path) or {}, own)
    # Without the first two bytes, `{` and a newline: the header that `_replace` writes begins with them.
    body = msgspec.json.format(msgspec.json.encode(full), indent=2)[2:] + b"\n"
    temporary = path.with_name(f".{path.name}.tmp")  # a leftover of a killed tick is overwritten
    try:
        due = next_due if next_due is not None else idle.NEVER
        _replace(path, temporary, body, own, [due, edited, now], int(now) * 10**9 if beat is None else beat)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise StateError(f"{path}: {error.strerror}") from error


def _replace(
    path: Path, temporary: Path, body: bytes, own: dict[str, Any], due_edited_now: list[Any], beat: int
) -> None:
    due, edited, now = due_edited_now
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(temporary, flags, 0o600), "wb") as file:
        ledger = idle.ledger(os.fsencode(path.parent))
        size, inode = idle.SIZE + len(body), os.fstat(file.fileno()).st_ino
        seal = idle.sealed(edited, due, ledger, int(now), size, inode)
        checksum = digest(own, [due, seal, ledger, int(now), size, inode])
        file.write(idle.header(due, edited, ledger, int(now), size, inode, checksum) + body)
        file.flush()
        os.utime(file.fileno(), ns=(beat, beat))
        os.fsync(file.fileno())
    # The directory is not synced: after a power cut there may be the snapshot before this one, complete. The ledger is
    # ahead of it then, as after a tick that was killed before it wrote a snapshot.
    os.replace(temporary, path)


def read(path: Path) -> dict[str, Any] | None:
    """Return the document of the snapshot; None if it is missing, unreadable or not a JSON object."""
    try:
        return _document(read_regular(path))
    except OSError:
        return None


def _document(data: bytes) -> dict[str, Any] | None:
    try:
        document = msgspec.json.decode(data)
    except (ValueError, RecursionError):
        from scheduled.state import lenient_json  # only if another program wrote or damaged the file

        document = lenient_json.read(data)
    return document if isinstance(document, dict) else None


def read_known(path: Path) -> dict[str, Any]:
    """Return the document of the snapshot; an empty one if it is missing or unreadable.

    Raise StateError if a newer version of this program wrote it, as its meaning may have changed.
    """
    document = read(path) or {}
    version = document.get("version")
    if isinstance(version, int) and version > VERSION:
        raise StateError(
            f"{path}: written by a newer version of scheduled (snapshot {version}, known {VERSION}); upgrade"
        )
    return document


def tampering(path: Path, now: float) -> str | None:
    """Return a message if another program damaged the snapshot or changed its own keys since it was written, else None.

    A file that is not a valid snapshot any more is moved aside: it gets another name, and `publish` replaces it. Raise
    StateError if that fails.
    """
    try:
        data = read_regular(path)
    except FileNotFoundError:
        return None
    except RefusedError as error:
        return f"{error}; {_moved_aside(path, now)}"
    except OSError as error:
        return f"{path}: {error.strerror}; it is rewritten from the ledger"
    document = _document(data)
    if document is None:
        return f"{path}: damaged; {_moved_aside(path, now)}"
    if not is_unchanged(document, data):
        return f"{path}: edited manually; its keys are rewritten from the ledger: use `scheduled` commands to change jobs"
    return None


def _moved_aside(path: Path, now: float) -> str:
    from scheduled.state import aside  # only if the file is damaged

    kept = aside.name(path, now)
    try:
        aside.keep(path, kept)
    except OSError as error:
        raise StateError(f"{path}: damaged, and can't be moved aside: {error.strerror}") from error
    return f"moved aside to {kept}, and rewritten from the ledger"


def ledger_at(path: Path) -> int | None:
    """Return the fingerprint of the ledger's files when the snapshot was written; None if it is unknown."""
    return _in_head(path, 2)


def written_at(path: Path) -> Instant | None:
    """Return when the snapshot was written, by any tick or command; None if that is unknown."""
    return _in_head(path, 3)


def _in_head(path: Path, place: int) -> int | None:
    try:
        numbers, _ = _head(path)
    except OSError:
        return None
    return None if numbers is None else numbers[place]


def header(path: Path) -> tuple[int | None, Instant | None]:
    """Return the last heartbeat in UTC nanoseconds (0: none yet), and the next due instant (UTC seconds).

    Each is None if it is unknown. The heartbeat is unknown if another program has rewritten or touched the file.
    """
    try:
        numbers, beat = _head(path)
    except OSError:
        return None, None
    return beat, None if numbers is None else numbers[0]


def _head(path: Path) -> tuple[list[int] | None, int | None]:
    fd = open_regular(path)
    try:
        numbers, found = idle.parse(os.pread(fd, idle.SIZE, 0)), os.fstat(fd)
    finally:
        os.close(fd)
    own = numbers is not None and numbers[4:6] == [found.st_size, found.st_ino]
    return numbers, found.st_mtime_ns if own and idle.is_beat(found.st_mtime_ns) else None


def idle_until(path: Path) -> Instant | None:
    """Return the instant of the last tick if nothing was due then; None if something was, or if it is unknown."""
    beat_ns, due = header(path)
    if beat_ns is None or due is None:
        return None
    beat = beat_ns // 10**9
    return beat if beat < due else None
