"""`state restore`: replace the state, and the configuration, by those of a backup. All of it is checked first."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scheduled import clock
from scheduled.commands import replacing
from scheduled.commands.archive import CONFIG, JOBS, LEDGER, OPENED, SNAPSHOT
from scheduled.commands.verify_backup import Checked, checked
from scheduled.config.toml_files import job_files
from scheduled.core.run_ids import LOST_UNTIL
from scheduled.errors import BusyError, ConfigError
from scheduled.instance import Instance
from scheduled.paths import Paths
from scheduled.printable import printable
from scheduled.state import binding, directories, generation, snapshot
from scheduled.state.locks import exclusive, is_held
from scheduled.state.open import refuse_foreign
from scheduled.state.sqlite.ledger import SqliteLedger, using

SCRATCH = ".scheduled-restore-"


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
        replacing.refuse_irregular([*replacing.state_files(paths), *places, *removed])
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
    """Replace the files under the locks of ledger and snapshot; see `replacing.replace`."""
    directories.prepare(paths)
    with exclusive(paths.ledger.with_suffix(".lock")), exclusive(paths.root / "snapshot.lock"):
        _refuse_while_busy(paths)
        return replacing.replace(paths, places, removed)
