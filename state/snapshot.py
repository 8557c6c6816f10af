"""The snapshot `scheduled_state.json`: a summary of the ledger for users and other programs.

The next tick reads its first line to decide whether anything is due, see `scheduled.idle`. A lost ledger is restored
from the snapshot.
"""

import os
from pathlib import Path
from typing import Any

import msgspec

from scheduled import idle
from scheduled.errors import StateError
from scheduled.schedules.zones import Instant
from scheduled.state import snapshot_journal
from scheduled.state.files import checked, open_regular, read_regular
from scheduled.state.snapshot_journal import Beginning, Journal
from scheduled.state.snapshot_keys import checksum, checksum_with, is_of, is_unchanged, merged
from scheduled.state.snapshot_summary import iso

VERSION = 1


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
    own = {"version": VERSION, **_times(now, next_due, zone), **document}
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


def _times(now: float, next_due: Instant | None, zone: str) -> dict[str, Any]:
    return {"written_at": iso(now, zone), "next_due": iso(next_due, zone)}


def _replace(
    path: Path, temporary: Path, body: bytes, own: dict[str, Any], due_edited_now: list[Any], beat: int
) -> None:
    now = due_edited_now[-1]
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(temporary, flags, 0o600), "wb") as file:
        beginning = Beginning(
            os.fstat(file.fileno()).st_ino, checksum(own), own.get("generation", 0), int(now), VERSION
        )
        file.write(_header(path, idle.SIZE + len(body), beginning, due_edited_now) + body)
        file.flush()
        os.utime(file.fileno(), ns=(beat, beat))
        os.fsync(file.fileno())
    # The directory is not synced: after a power cut there may be the snapshot before this one, complete. The ledger is
    # ahead of it then, as after a tick that was killed before it wrote a snapshot.
    os.replace(temporary, path)
    jobs = own.get("jobs")
    if isinstance(jobs, dict) and len(jobs) > snapshot_journal.MANY:
        snapshot_journal.begin(path, beginning)
    else:
        snapshot_journal.remove(path)


def _header(path: Path, size: int, beginning: Beginning, due_edited_now: list[Any]) -> bytes:
    due, edited, now = due_edited_now
    ledger = idle.ledger(os.fsencode(path.parent))
    seal = idle.sealed(edited, due, ledger, int(now), size, beginning.inode)
    digest = checksum_with(beginning.body, [due, seal, ledger, int(now), size, beginning.inode])
    return idle.header(due, edited, ledger, int(now), size, beginning.inode, digest)


def journal_to_continue(path: Path, now: float) -> Journal | None:
    """Return the `current_journal`; None also if the document has to be written again at *now*."""
    found = current_journal(path)
    return None if found is None or found.is_due(now) else found


def current_journal(path: Path) -> Journal | None:
    """Return the journal of the document at *path*; None if it has none, or another program has changed the document."""
    try:
        fd = open_regular(path)
    except OSError:
        return None
    try:
        numbers, found = _numbers(fd)
    finally:
        os.close(fd)
    if not _is_own(numbers, found):
        return None
    journal = snapshot_journal.read(path)
    return journal if journal is not None and journal.beginning.inode == found.st_ino else None


def update(
    path: Path,
    changed: dict[str, Any],
    *,
    next_due: Instant | None,
    edited: int,
    now: float,
    zone: str,
    beat: int,
) -> None:
    """Append *changed*, a part of the document, to its journal, and overwrite the header; the arguments are as in `publish`.

    Raise StateError if the document has no journal, or one of the two can't be written.
    """
    journal = current_journal(path)
    if journal is None:
        raise StateError(f"{path}: was changed by another program")
    snapshot_journal.append(path, {**_times(now, next_due, zone), **changed})
    due = next_due if next_due is not None else idle.NEVER
    try:
        fd = checked(os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), path)
        try:
            size = os.fstat(fd).st_size
            os.pwrite(fd, _header(path, size, journal.beginning, [due, edited, now]), 0)
            os.utime(fd, ns=(beat, beat))
        finally:
            os.close(fd)
    except OSError as error:
        raise StateError(f"{path}: {error.strerror}") from error


def read(path: Path) -> dict[str, Any] | None:
    """Return the document of the snapshot; None if it is missing, unreadable or not a JSON object."""
    try:
        return document_in(read_regular(path))
    except OSError:
        return None


def current(path: Path) -> dict[str, Any] | None:
    """Return the document of the snapshot with what its journal has; None as `read` does."""
    document, journal = read(path), snapshot_journal.read(path)
    if document is None or journal is None or not is_of(document, journal.beginning.body):
        return document
    for entry in journal.entries:
        jobs = {**document["jobs"], **entry.get("jobs", {})}
        document = {**document, **entry, "jobs": jobs}
    return document


def document_in(data: bytes) -> dict[str, Any] | None:
    """Return the document that *data*, the content of a snapshot, has; None if it is not a JSON object."""
    try:
        document = msgspec.json.decode(data)
    except (ValueError, RecursionError):
        from scheduled.state import lenient_json  # only if another program wrote or damaged the file

        document = lenient_json.read(data)
    return document if isinstance(document, dict) else None


def read_known(path: Path) -> dict[str, Any]:
    """Return the document of the snapshot; an empty one if it is missing or unreadable.

    Raise StateError if a newer version of this program wrote it, as its meaning may have changed. If only the number of the
    version is another one than this version wrote, it is damaged.
    """
    document = read(path) or {}
    version = document.get("version")
    known = {**document, "version": VERSION}
    if isinstance(version, int) and version > VERSION and not is_unchanged(known):
        raise StateError(
            f"{path}: written by a newer version of scheduled (snapshot {version}, known {VERSION}); upgrade"
        )
    return document


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
        numbers, found = _numbers(fd)
    finally:
        os.close(fd)
    return numbers, found.st_mtime_ns if _is_own(numbers, found) else None


def _numbers(fd: int) -> tuple[list[int] | None, os.stat_result]:
    return idle.parse(os.pread(fd, idle.SIZE, 0)), os.fstat(fd)


def _is_own(numbers: list[int] | None, found: os.stat_result) -> bool:
    """Return whether no other program has written the snapshot since the header with these *numbers*."""
    own = numbers is not None and numbers[4:6] == [found.st_size, found.st_ino]
    return own and idle.is_beat(found.st_mtime_ns)


def idle_until(path: Path) -> Instant | None:
    """Return the instant of the last tick if nothing was due then; None if something was, or if it is unknown."""
    beat_ns, due = header(path)
    if beat_ns is None or due is None:
        return None
    beat = beat_ns // 10**9
    return beat if beat < due else None
