"""`state backup`: a consistent copy of ledger, snapshot, record of opened mails and configuration."""

import hashlib
import os
import tarfile
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec

import scheduled
from scheduled import clock
from scheduled.commands.archive import (
    CHUNK,
    CONFIG,
    FORMAT,
    JOBS,
    LEDGER,
    MANIFEST,
    OPENED,
    SNAPSHOT,
    Manifest,
)
from scheduled.config.toml_files import job_files
from scheduled.errors import StateError
from scheduled.instance import Instance
from scheduled.paths import Paths
from scheduled.state.beneath import located
from scheduled.state.files import read_regular, refuse_planted, sync_directory, temporary
from scheduled.state.locks import exclusive
from scheduled.state.open import open_existing
from scheduled.state.sqlite.ledger import using

PRIVATE = 0o600


def backup(instance: Instance, file: Path, *, dry_run: bool = False) -> dict[str, Any]:
    """Write a consistent copy of ledger, snapshot, record of opened mails and configuration to *file*. Jobs may run at the same time.

    The archive has mode 0600 and is sufficient to continue on another machine. Raise StateError if there is no ledger
    or *file* cannot be written.
    """
    config_file, paths, target = instance.config_file, instance.paths, file.absolute()
    open_existing(paths).close()  # raises before a lock file is created in a directory without a ledger
    # The snapshot is read before the ledger: in the other order it could be newer, as if the ledger was rolled back.
    members = dict(_files(config_file, paths))
    with tempfile.TemporaryDirectory(prefix="scheduled-backup-") as scratch:
        ledger = Path(scratch) / LEDGER
        _copy(paths, ledger)
        manifest = Manifest(
            format=FORMAT,
            version=scheduled.__version__,
            created_at=datetime.fromtimestamp(int(clock.now()), UTC).isoformat(),
            host=os.uname().nodename,
            state=str(paths.root),
            config=str(config_file),
            checksums={LEDGER: _checksum(ledger)}
            | {name: hashlib.sha256(data).hexdigest() for name, data in members.items()},
        )
        members = {MANIFEST: msgspec.json.encode(manifest), **members}
        sizes = {MANIFEST: len(members[MANIFEST]), LEDGER: ledger.stat().st_size}
        if not dry_run:
            _write(target, members, ledger)
    return {
        "path": str(target),
        "dry_run": dry_run,
        "files": sizes | {name: len(data) for name, data in members.items()},
    }


def _copy(paths: Paths, copy: Path) -> None:
    """Copy the ledger. The lock makes writers wait, so the copy is consistent."""
    with exclusive(paths.ledger.with_suffix(".lock")), using(open_existing(paths)) as ledger:
        ledger.copy(copy)


def _files(config_file: Path, paths: Paths) -> Iterator[tuple[str, bytes]]:
    places = {SNAPSHOT: paths.snapshot, OPENED: paths.root / OPENED, CONFIG: config_file}
    places |= {f"{JOBS}{path.name}": path for path in job_files(config_file)}
    for name, path in places.items():
        if path.exists():
            yield name, _read(path)


def _read(path: Path) -> bytes:
    """Return the content of a file, without waiting for a FIFO. Raise StateError if it can't be read."""
    try:
        return read_regular(path)
    except OSError as error:
        raise StateError(f"{path}: {error.strerror}" if error.strerror else str(error)) from error


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write(target: Path, members: dict[str, bytes], ledger: Path) -> None:
    """Write the archive atomically, without holding the ledger in memory."""
    try:
        refuse_planted(target)
        with located(target) as place, temporary(place, [], mode=PRIVATE) as temp:
            with open(place.beside(temp).open(os.O_RDWR), "r+b", buffering=CHUNK) as file:
                with tarfile.open(fileobj=file, mode="w:gz") as archive, ledger.open("rb") as copy:
                    for name, data in members.items():
                        archive.addfile(_entry(name, len(data)), BytesIO(data))
                    archive.addfile(_entry(LEDGER, ledger.stat().st_size), copy)
                file.flush()
                os.fsync(file.fileno())
            place.take(temp)
        sync_directory(target.parent)
    except OSError as error:
        raise StateError(f"{target}: {error.strerror}") from error


def _entry(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode, entry.mtime = size, PRIVATE, int(clock.now())
    return entry
