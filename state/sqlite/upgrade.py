"""The version of a ledger's tables, and its upgrade by the scripts in `migrations/`."""

import os
import sqlite3
from pathlib import Path

from scheduled.errors import StateError
from scheduled.state.locks import exclusive
from scheduled.state.sqlite.connection import NOWHERE
from scheduled.state.sqlite.errors import UnbornError, named_errors

MIGRATIONS = Path(__file__).parent / "migrations"


def require_version(db: sqlite3.Connection, path: Path, *, read_only: bool) -> None:
    """Upgrade the tables to the version that this program knows, unless *read_only*.

    Raises StateError for a newer version, or for an older one where nothing may be written; UnbornError if there is
    nothing in the file yet.
    """
    with named_errors(path):
        known = len(_script_names())
        found = int(db.execute("PRAGMA user_version").fetchone()[0])
    if found > known:
        raise StateError(
            f"{path}: written by a newer version of scheduled (schema {found}, known {known}); upgrade"
        )
    if found < known and read_only:
        if not found:
            raise UnbornError(f"{path}: there is nothing in it; the next tick fills it")
        raise StateError(
            f"{path}: of an older version (schema {found}, known {known}); the next tick upgrades it"
        )
    if found < known and path == NOWHERE:
        _upgrade(db, 0, known)
    elif found < known:
        _migrate(db, path, known)


def _migrate(db: sqlite3.Connection, path: Path, known: int) -> None:
    with exclusive(path.with_suffix(".lock")), named_errors(path):
        # Another process may have done it meanwhile.
        _upgrade(db, int(db.execute("PRAGMA user_version").fetchone()[0]), known)


def _upgrade(db: sqlite3.Connection, found: int, known: int) -> None:
    # All at once: who looks meanwhile finds the old schema or the new one, and none in between.
    scripts = "\n".join(_scripts()[found:known])
    db.executescript(f"BEGIN IMMEDIATE;\n{scripts}\nPRAGMA user_version = {known};\nCOMMIT;")


def _scripts() -> list[str]:
    return [(MIGRATIONS / name).read_text() for name in _script_names()]


def _script_names() -> list[str]:
    # Path.glob takes a directory that it may not open, or has no descriptor left for, for an empty one.
    return sorted(name for name in os.listdir(MIGRATIONS) if name.endswith(".sql"))
