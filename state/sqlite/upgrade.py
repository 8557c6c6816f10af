"""The version of the ledger's schema, and its upgrade with the scripts in `migrations/`."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from scheduled.errors import StateError
from scheduled.state.locks import exclusive
from scheduled.state.sqlite.connection import NOWHERE
from scheduled.state.sqlite.errors import UnbornError, named_errors

STATISTICS = ("sqlite_stat1", "sqlite_stat4")  # tables of ANALYZE
MIGRATIONS = Path(__file__).parent / "migrations"


def require_version(db: sqlite3.Connection, path: Path, *, read_only: bool) -> None:
    """Upgrade the schema to the version of this program. With *read_only*, only check the version.

    Raise StateError if the schema is newer, or if it is older and *read_only* is set. Raise UnbornError if *read_only* is
    set and the file has no tables yet.
    """
    with named_errors(path):
        known = known_version()
        found = int(db.execute("PRAGMA user_version").fetchone()[0])
    if found > known:
        raise StateError(
            f"{path}: written by a newer version of scheduled (schema {found}, known {known}); upgrade"
        )
    if found < known and read_only:
        if not found:
            raise UnbornError(f"{path}: is empty; `scheduled run` creates its tables")
        raise StateError(
            f"{path}: written by an older version of scheduled (schema {found}, known {known}); `scheduled run` upgrades it"
        )
    if found < known and path == NOWHERE:
        _upgrade(db, 0, known)
    elif found < known:
        _migrate(db, path, known)


def known_version() -> int:
    """Return the version of the schema of this program."""
    return len(_script_names())


def objects(db: sqlite3.Connection) -> set[tuple[str, str, str, str | None]]:
    """Return the type, name, table and SQL text of everything in the schema of *db*, without SQLite's statistics."""
    rows = db.execute("SELECT type, name, tbl_name, sql FROM sqlite_master")
    return {row for row in rows if row[1] not in STATISTICS}


def objects_of(version: int) -> set[tuple[str, str, str, str | None]]:
    """Return the `objects` of a ledger with the schema *version*, from 1 to `known_version`."""
    with closing(sqlite3.connect(NOWHERE, isolation_level=None)) as db:
        _upgrade(db, 0, version)
        return objects(db)


def _migrate(db: sqlite3.Connection, path: Path, known: int) -> None:
    with exclusive(path.with_suffix(".lock")), named_errors(path):
        # Read the version again under the lock: another process may have upgraded it.
        _upgrade(db, int(db.execute("PRAGMA user_version").fetchone()[0]), known)


def _upgrade(db: sqlite3.Connection, found: int, known: int) -> None:
    # One transaction: another process sees the old schema or the new one.
    scripts = "\n".join(_scripts()[found:known])
    db.executescript(f"BEGIN IMMEDIATE;\n{scripts}\nPRAGMA user_version = {known};\nCOMMIT;")


def _scripts() -> list[str]:
    return [(MIGRATIONS / name).read_text() for name in _script_names()]


def _script_names() -> list[str]:
    # Path.glob returns nothing if the directory can't be opened (no permission, no free descriptor); listdir raises.
    return sorted(name for name in os.listdir(MIGRATIONS) if name.endswith(".sql"))
