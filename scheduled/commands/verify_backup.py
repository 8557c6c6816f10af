"""`state verify`: whether a backup is whole. `restore` requires the same."""

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from scheduled.commands.archive import (
    CONFIG,
    LEDGER,
    MANIFEST,
    OPENED,
    SNAPSHOT,
    Manifest,
    Unpacked,
    read_manifest,
    unpack,
)
from scheduled.config.files import load_config
from scheduled.errors import ConfigError, ScheduledError, StateError
from scheduled.printable import printable
from scheduled.state import snapshot, snapshot_types
from scheduled.state.sqlite.ledger import SqliteLedger, using
from scheduled.state.sqlite.upgrade import known_version, objects, objects_of

LONGEST_VALUE = 1 << 26  # bytes of one value in the ledger
NAMED = 20  # problems; an archive may have thousands


class Checked(msgspec.Struct, kw_only=True):
    """A backup that was unpacked and checked.

    *problems* are those of the archive and the state, *of_config* those of its configuration. With *warnings* it is whole.
    """

    manifest: Manifest
    files: dict[str, Path]
    problems: list[str]
    of_config: list[str]
    warnings: list[str]


def verify_backup(file: Path) -> dict[str, Any]:
    """Check a backup as `restore` does, and change nothing; return what it is and the problems found.

    Raise ConfigError if *file* is not a backup that this version can read.
    """
    with tempfile.TemporaryDirectory(prefix="scheduled-verify-") as scratch:
        found = checked(file.absolute(), Path(scratch))
        sizes = {name: path.stat().st_size for name, path in found.files.items()}
    problems = [*found.problems, *found.of_config]
    manifest = {
        name: printable(getattr(found.manifest, name))
        for name in ("created_at", "version", "host", "state", "config")
    }
    return {
        "path": str(file.absolute()),
        "ok": not problems,
        "problems": problems,
        "warnings": found.warnings,
        **manifest,
        "files": {printable(name): size for name, size in sizes.items()},
    }


def checked(source: Path, scratch: Path) -> Checked:
    """Unpack the backup *source* into the directory *scratch*, and check all of it. The ledger gets the current schema.

    Raise ConfigError if *source* is not a backup that this version can read, StateError if it can't be unpacked.
    """
    try:
        unpacked = unpack(source, scratch)
        manifest = read_manifest(source, unpacked)
        problems = list(dict.fromkeys(unpacked.problems))[:NAMED] or _differences(manifest, unpacked)
        problems = problems or _of_ledger(unpacked.files.get(LEDGER), scratch)
    except OSError as error:
        raise StateError(
            f"{source}: can't be unpacked: {error.filename or scratch}: {error.strerror}"
        ) from error
    warnings: list[str] = []
    for name, check in ((SNAPSHOT, _of_snapshot), (OPENED, _of_opened)):
        if name in unpacked.files:
            problems += [f"{name}: {problem}" for problem in check(unpacked.files[name])]
    of_config: list[str] = []
    if CONFIG in unpacked.files:
        of_config, warnings = _of_config(unpacked.files[CONFIG], scratch)
    else:
        warnings = ["has no configuration"]
    return Checked(
        manifest=manifest, files=unpacked.files, problems=problems, of_config=of_config, warnings=warnings
    )


def _differences(manifest: Manifest, found: Unpacked) -> list[str]:
    """Return how the files differ from the checksums in the manifest, if it has any."""
    expected = manifest.checksums
    missing = [f"{printable(name)}: is missing" for name in expected.keys() - found.files.keys()]
    changed = [
        f"{printable(name)}: was changed: its checksum differs"
        for name, checksum in found.checksums.items()
        if name in expected and expected[name] != checksum
    ]
    extra = found.files.keys() - expected.keys() - {MANIFEST} if expected else ()
    unlisted = [f"{printable(name)}: is not in the manifest" for name in extra]
    return sorted([*missing, *changed, *unlisted])[:NAMED]


def _of_ledger(path: Path | None, scratch: Path) -> list[str]:
    if path is None:
        return [f"{LEDGER}: is missing"]
    try:
        problem = _schema_problem(path)
        if problem is None:
            with using(SqliteLedger(path)) as ledger:
                ledger.limit_values(LONGEST_VALUE)
                ledger.check()
    except (ScheduledError, sqlite3.Error, ValueError, OverflowError) as error:
        problem = str(error).removeprefix(f"{path}: ").replace(f"{scratch}/", "")
    return [] if problem is None else [f"{LEDGER}: {printable(problem)}"]


def _schema_problem(path: Path) -> str | None:
    """Return what is wrong with the schema: SQLite executes triggers and views of a foreign one."""
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)) as db:
        db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_VALUE)
        db.execute("PRAGMA trusted_schema = OFF")
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if not 0 < version <= known_version():
            return (
                "is empty"
                if not version
                else f"was written by a newer version of scheduled (schema {version}); upgrade"
            )
        differing = objects(db) ^ objects_of(version)
    if not differing:
        return None
    kind, name = min((kind, name) for kind, name, _, _ in differing)
    return f"its schema is not that of a ledger: {kind} {name}"


def _of_snapshot(path: Path) -> list[str]:
    document = snapshot.read(path)
    if document is None:
        return ["is damaged: not a JSON object"]
    try:
        snapshot.read_known(path)
    except StateError as error:
        return [printable(str(error).removeprefix(f"{path}: "))]
    return [printable(text) for text in snapshot_types.faults(document)][:NAMED]


def _of_opened(path: Path) -> list[str]:
    try:
        found = msgspec.json.decode(path.read_bytes())
    except (ValueError, RecursionError):
        found = None
    return [] if isinstance(found, dict) else ["is damaged: not a JSON object"]


def _of_config(path: Path, scratch: Path) -> tuple[list[str], list[str]]:
    """Return the problems and the warnings of the configuration."""
    try:
        found = load_config(path)
    except ConfigError as error:
        problems, warnings = [str(error)], []
    else:
        problems, warnings = found.problems, found.warnings
    named = [
        [printable(text.replace(f"{scratch}/", "")) for text in texts[:NAMED]]
        for texts in (problems, warnings)
    ]
    return named[0], named[1]
