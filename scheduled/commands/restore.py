"""`state restore`: replace the state, and the configuration, by those of a backup. All of it is checked first."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scheduled import clock
from scheduled.commands.archive import CONFIG, JOBS, LEDGER, OPENED, SNAPSHOT
from scheduled.commands.verify_backup import Checked, checked
from scheduled.config.toml_files import job_files
from scheduled.core.run_ids import LOST_UNTIL
from scheduled.errors import BusyError, ConfigError, StateError
from scheduled.instance import Instance
from scheduled.paths import Paths
from scheduled.printable import printable
from scheduled.state import binding, directories, generation, snapshot
from scheduled.state.beneath import located
from scheduled.state.files import make_directories, sync_directory, temporary, write_atomically
from scheduled.state.locks import exclusive, is_held
from scheduled.state.open import refuse_foreign
from scheduled.state.sqlite.ledger import SqliteLedger, using

PRIVATE = 0o600
SCRATCH = ".scheduled-restore-"
LOGS = ("-wal", "-shm")  # of the ledger


def restore(
    instance: Instance, file: Path, *, with_config: bool = False, dry_run: bool = False
) -> dict[str, Any]:
    """Replace the state by that of a backup; keep the current state in the backups directory.

    With *with_config*, also replace the configuration: jobs.d has exactly the files of the backup then. Raise ConfigError
    if *file* is not a backup that this version can read, or not whole, ForeignStateError if the state belongs to another
    configuration, BusyError while jobs run; in all these cases nothing is changed.
    """
    paths, source = instance.paths, file.absolute()
    refuse_foreign(paths)
    with _scratch(paths) as scratch:
        found = checked(source, scratch)
        _require_whole(source, found, with_config=with_config)
        _refuse_while_busy(paths)
        _prepare(found, instance.config_file)
        places = _places(instance.config_file, paths, found.files, with_config=with_config)
        removed = _surplus(instance.config_file, places) if with_config else []
        kept = None
        if not dry_run:
            kept = _replace(paths, places, removed)
    return {
        "restored": sorted(map(str, places)),
        "removed": sorted(map(str, removed)),
        "created_at": found.manifest.created_at,
        "version": printable(found.manifest.version),
        "kept": None if kept is None else str(kept),
        "dry_run": dry_run,
    }


@contextmanager
def _scratch(paths: Paths) -> Iterator[Path]:
    """Yield a private directory to unpack in: in the state directory, if it exists, since the ledger may be large."""
    if not paths.root.is_dir():
        with tempfile.TemporaryDirectory(prefix=SCRATCH) as scratch:
            yield Path(scratch)
        return
    directories.prepare(paths)
    with exclusive(paths.root / "restore.lock"):
        for leftover in paths.root.glob(f"{SCRATCH}*"):
            shutil.rmtree(leftover, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=SCRATCH, dir=paths.root) as scratch:
            yield Path(scratch)


def _require_whole(source: Path, found: Checked, *, with_config: bool) -> None:
    problems = [*found.problems, *(found.of_config if with_config else [])]
    if with_config and CONFIG not in found.files:
        problems.append("has no configuration: restore it without --with-config")
    elif problems and not found.problems:
        problems[0] += "; without --with-config only the state is restored"
    if problems:
        more = f" (and {len(problems) - 1} more; `scheduled state verify` lists them)" if problems[1:] else ""
        raise ConfigError(f"{source}: nothing was restored: {problems[0]}{more}")


def _refuse_while_busy(paths: Paths) -> None:
    for path in paths.results.glob("*.jsonl") if paths.results.exists() else ():
        if is_held(path):
            raise BusyError(f"{path.stem}: this tick still runs jobs; retry when they have ended")


def _prepare(found: Checked, config_file: Path) -> None:
    """Make the unpacked ledger belong to this configuration, and to this instant: later runs get other ids."""
    with using(SqliteLedger(found.files[LEDGER])) as ledger, ledger.transaction():
        binding.give(ledger, config_file)
        ledger.remember(LOST_UNTIL, str(int(clock.now())))
        document = snapshot.read(found.files[SNAPSHOT]) if SNAPSHOT in found.files else None
        if document is not None and generation.is_ahead(
            document, ledger
        ):  # earlier versions read it after the ledger
            ledger.remember(generation.KEY, str(document[generation.KEY]))


def _places(
    config_file: Path, paths: Paths, files: Mapping[str, Path], *, with_config: bool
) -> dict[Path, Path]:
    """Return the unpacked files by the places to which they are restored."""
    places = {SNAPSHOT: paths.snapshot, OPENED: paths.root / OPENED, LEDGER: paths.ledger}
    if with_config:
        places[CONFIG] = config_file
        places |= {name: _in_jobs_d(config_file, name) for name in files if name.startswith(JOBS)}
    return {place: files[name] for name, place in places.items() if name in files}


def _in_jobs_d(config_file: Path, name: str) -> Path:
    return config_file.parent / "jobs.d" / name.removeprefix(JOBS)


def _surplus(config_file: Path, places: Mapping[Path, Path]) -> list[Path]:
    """Return the files of jobs.d that the backup does not have: their jobs would run beside those of the backup."""
    return [path for path in job_files(config_file) if path not in places]


def _replace(paths: Paths, places: Mapping[Path, Path], removed: list[Path]) -> Path | None:
    """Keep the current files, and put the unpacked ones in their places; return where the current ones are, if any."""
    directories.prepare(paths)
    aside = paths.backups / f"before-restore-{datetime.fromtimestamp(clock.now(), UTC):%Y%m%dT%H%M%S.%fZ}"
    with exclusive(paths.ledger.with_suffix(".lock")), exclusive(paths.root / "snapshot.lock"):
        _refuse_while_busy(paths)
        try:
            kept = _keep(paths, [*places, *removed], aside)
            for path in (
                paths.snapshot,
                paths.root / OPENED,
                *_logs(paths),
            ):  # before the ledger to which they belong
                path.unlink(missing_ok=True)
            for place in sorted(places, key=lambda place: place != paths.ledger):
                _put(places[place], place, atomically_into=paths.root)
            for path in removed:
                path.unlink()
        except OSError as error:
            raise StateError(
                f"{error.filename or paths.root}: {error.strerror}; the previous state is in {aside}"
            ) from error
    return aside if kept else None


def _logs(paths: Paths) -> list[Path]:
    return [paths.ledger.with_name(f"{paths.ledger.name}{suffix}") for suffix in LOGS]


def _keep(paths: Paths, replaced: list[Path], aside: Path) -> bool:
    """Keep the state and the *replaced* files of the configuration in the directory *aside*; return whether there were any.

    The directory has the names of an archive.
    """
    state = [paths.ledger, *_logs(paths), paths.snapshot, paths.root / OPENED]
    names = {path: path.name for path in state}
    for path in replaced:
        if path not in names:
            names[path] = f"{JOBS}{path.name}" if path.parent.name == "jobs.d" else CONFIG
    found = {path: aside / name for path, name in names.items() if path.exists()}
    for path, copy in found.items():
        make_directories(copy.parent)
        _copy(path, copy)
    for directory in {copy.parent for copy in found.values()}:
        sync_directory(directory)
    return bool(found)


def _copy(path: Path, copy: Path) -> None:
    """Keep a file under a second name; copy it where that is not possible."""
    if not path.is_symlink():
        with suppress(OSError):
            os.link(path, copy)
            return
    with (
        path.open("rb") as file,
        open(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE), "wb") as target,
    ):
        shutil.copyfileobj(file, target)
        os.fsync(target.fileno())


def _put(unpacked: Path, place: Path, *, atomically_into: Path) -> None:
    """Put an unpacked file in its place: a file of the configuration keeps its owner, its mode and links to it."""
    make_directories(place.parent)
    if place.parent != atomically_into:
        write_atomically(place, unpacked.read_bytes(), mode=None if place.exists() else PRIVATE)
        return
    with unpacked.open("rb") as file:
        os.fsync(file.fileno())
    try:
        os.replace(unpacked, place)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        with (
            located(place) as there,
            temporary(there, b"", mode=PRIVATE) as temp,
            unpacked.open("rb") as file,
            open(there.beside(temp).open(os.O_WRONLY), "wb") as target,
        ):
            shutil.copyfileobj(file, target)
            target.flush()
            os.fsync(target.fileno())
            there.take(temp)
    sync_directory(place.parent)
