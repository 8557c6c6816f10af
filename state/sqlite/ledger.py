"""The ledger in SQLite: one file, write-ahead log, every transaction fsynced."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from scheduled.errors import BusyError, ScheduledError, StateError
from scheduled.state.files import no_room
from scheduled.state.locks import exclusive, refuse_without_locks
from scheduled.state.sqlite.clock_steps import ClockSteps
from scheduled.state.sqlite.conditions import Conditions
from scheduled.state.sqlite.history import History
from scheduled.state.sqlite.meta import Meta
from scheduled.state.sqlite.overrides import Overrides
from scheduled.state.sqlite.positions import Positions
from scheduled.state.sqlite.runs import Runs
from scheduled.state.sqlite.triggers import Triggers
from scheduled.state.validation import look_through

NOWHERE = Path(":memory:")
MIGRATIONS = Path(__file__).parent / "migrations"
# Readers never block writers in WAL mode and our writers queue on a lock of their own, so this bounds only
# strangers (a person's sqlite3 shell); libfaketime shortens it in tests, hence the size.
BUSY_SECONDS = 600
# What does not pass when the disk has room again and everybody else is done; OK: it was Python that could not read it.
DOUBTFUL = frozenset(
    {
        sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_INTERNAL,
        sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_SCHEMA, sqlite3.SQLITE_OK,
    }
)  # fmt: skip
SUFFIXES = ("", "-wal")
TRIES_TO_COPY = 5
MEMORY = "/dev/shm"  # noqa: S108 - has room where the disk has none, /tmp included; we make a private directory in it
# SQLite's errors where it can't write the index that it needs to read.
NEEDS_TO_WRITE = frozenset(
    {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY}
)
# What `meta` holds as text and others reckon with.
NUMBERS = ("planned", "horizon", "cadence", "ticking_since", "pruned")


class SqliteLedger(Positions, Runs, Triggers, History, Conditions, Overrides, ClockSteps, Meta):
    """A `Ledger` on a local disk."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        self.remark: str | None = None
        if read_only:
            self._db, self.remark = _connect_to_read(path)
        else:
            self._db = _connect(path)
        try:
            _check_version(self._db, path, read_only=read_only)
        except BaseException:
            self._db.close()
            raise

    @classmethod
    def nothing(cls) -> "SqliteLedger":
        """Return an empty ledger that lies nowhere: for looking before there is one."""
        return cls(NOWHERE)

    def close(self) -> None:
        """Let go of the files; the last one to leave folds the write-ahead log into the database."""
        with suppress(sqlite3.Error):
            self._db.close()

    def check(self) -> None:
        """Look at every page and every value; raises DamagedError."""
        with _named_errors(self.path):
            try:
                (found,) = self._db.execute("PRAGMA integrity_check(1)").fetchone()
                self._read_all()
            except (ValueError, TypeError, LookupError, RecursionError, sqlite3.Error) as error:
                if isinstance(error, sqlite3.DatabaseError) and not is_doubtful(error):
                    raise
                found = str(error)
        if found != "ok":
            _suspect(self.path)
            raise DamagedError(f"{self.path}: damaged: {' '.join(found.split())}")

    def _read_all(self) -> None:
        with closing(SqliteLedger.nothing()) as fresh:
            meant = set(fresh.schema())
        if not meant <= set(self.schema()):
            raise ValueError("its tables are not what they were")
        look_through(self.epochs())
        look_through(self.job_rows())
        look_through(self.job_states().values())
        look_through(self.slot_rows())
        look_through(row.span for row in self.slot_rows())
        look_through(self.history(limit=-1))
        look_through(self.open_runs())
        look_through(self.conditions())
        look_through(self.outbox())
        look_through(self.triggers())
        for (table,) in self._db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for _ in self._db.execute(f'SELECT * FROM "{table}"'):  # noqa: S608 - a name from the schema
                pass  # all of its text can be read
        lost = self._db.execute(
            "SELECT job FROM epochs e WHERE NOT EXISTS (SELECT 1 FROM jobs j WHERE j.job = e.job AND j.target = e.target)"
        ).fetchone()
        if lost:
            raise ValueError(f"{lost[0]}: has an epoch, but stands nowhere")
        for key in NUMBERS:
            float(self.meta(key) or 0)

    def schema(self) -> list[tuple[str, str]]:
        """Return what it is made of: tables and indexes, each with its definition."""
        return self._db.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()

    def is_new(self) -> bool:
        """Return whether no job was ever seen."""
        with _named_errors(self.path):
            return self._db.execute("SELECT 1 FROM jobs LIMIT 1").fetchone() is None

    def copy(self, path: Path) -> None:
        """Write all of it into a new file at *path*; raises StateError."""
        with _named_errors(self.path), closing(sqlite3.connect(path)) as target:
            self._db.backup(target)
            target.execute("PRAGMA journal_mode = DELETE")

    def hold_still(self) -> None:
        """See, from the next question on, all as it is then, whatever is written meanwhile; until it is closed."""
        self._db.execute("BEGIN")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """See `Ledger.transaction`."""
        with exclusive(self.path.with_suffix(".lock")), _named_errors(self.path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                with suppress(sqlite3.Error):  # a full disk has rolled back already
                    self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")


def _connect(path: Path) -> sqlite3.Connection:
    if path == NOWHERE:
        return sqlite3.connect(path, isolation_level=None)
    with _named_errors(path):
        # SQLite would create it, and its log, with the umask's rights.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
        refuse_without_locks(path.with_suffix(".lock"))
        return _opened(f"{path.absolute().as_uri()}?mode=rw", path)


def _connect_to_read(path: Path) -> tuple[sqlite3.Connection, str | None]:
    """Open a ledger for reading. Returns, too, why a copy of it was opened instead, if so."""
    with _named_errors(path):
        try:
            return _opened(_uri_to_read(path)), None
        except sqlite3.OperationalError as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF not in NEEDS_TO_WRITE:
                raise
            reason = no_room(path.parent) or f"{path.parent} can't be written: {error}"
        return _copied(path, reason), f"{reason}; nothing new is recorded"


def _opened(uri: str, to_write: Path | None = None) -> sqlite3.Connection:
    db = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=BUSY_SECONDS)
    try:
        if to_write is not None:
            _write_ahead(db, to_write)
            db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA schema_version")
    except BaseException:
        db.close()
        raise
    return db


def _copied(path: Path, reason: str) -> sqlite3.Connection:
    """Open a copy elsewhere: SQLite reads a write-ahead log with the help of an index that it writes beside it.

    Raises StateError, with the *reason* why the ledger itself can't be opened, if there is no room for a copy either.
    """
    for place in (None, MEMORY):
        try:
            return _copied_to(place, path)
        except OSError as error:
            failure = error
    raise StateError(
        f"{path}: can't be read: {reason}, and no copy can be made: {failure.strerror}"
    ) from failure


def _copied_to(place: str | None, path: Path) -> sqlite3.Connection:
    """Open a copy in *place*, by default the directory for temporary files; raises StateError if the ledger changes."""
    import shutil
    import tempfile

    for _ in range(TRIES_TO_COPY):
        with tempfile.TemporaryDirectory(prefix="scheduled-", dir=place) as aside:
            copy, before = Path(aside) / path.name, _fingerprints(path)
            for suffix in SUFFIXES:
                with suppress(FileNotFoundError):
                    shutil.copyfile(f"{path}{suffix}", f"{copy}{suffix}")
            if _fingerprints(path) == before:
                return _opened(_uri_to_read(copy))  # its files are open; their names may go
    raise StateError(f"{path}: is being written; try again")


def _fingerprints(path: Path) -> list[tuple[int, int, int] | None]:
    """Return what changes when the ledger or its log is written."""
    found: list[tuple[int, int, int] | None] = []
    for suffix in SUFFIXES:
        try:
            seen = os.stat(f"{path}{suffix}")
            found.append((seen.st_ino, seen.st_size, seen.st_mtime_ns))
        except FileNotFoundError:
            found.append(None)
    return found


def _write_ahead(db: sqlite3.Connection, path: Path) -> None:
    """Switch to the write-ahead log. The one thing for which SQLite waits for nobody, so we do."""
    if db.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        with exclusive(path.with_suffix(".lock")):
            db.execute("PRAGMA journal_mode = WAL")


def _uri_to_read(path: Path) -> str:
    # With no log there is no writer, and looking need leave no trace (not even an empty log) behind.
    quiet = not path.with_name(f"{path.name}-wal").exists()
    return f"{path.absolute().as_uri()}?mode=ro" + ("&immutable=1" if quiet else "")


@contextmanager
def _named_errors(path: Path) -> Iterator[None]:
    """Turn what SQLite and the system say into one line that names the file."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise _told(error, path) from error
    except UnicodeDecodeError as error:  # SQLite quotes the file in what it says of it
        _suspect(path)
        raise DamagedError(f"{path}: damaged: {error}") from error
    except OSError as error:
        raise StateError(f"{error.filename or path}: {error.strerror}") from error


@contextmanager
def using(ledger: SqliteLedger) -> Iterator[SqliteLedger]:
    """Close *ledger* in the end, and name its file in what SQLite says of it meanwhile.

    What goes wrong without being said (a number that is none, a schedule that can't be read) may be the ledger's
    fault: then it raises DamagedError instead.
    """
    try:
        yield ledger
    except sqlite3.DatabaseError as error:
        raise _told(error, ledger.path) from error
    except ScheduledError:
        raise
    except Exception as error:
        try:
            ledger.check()
        except DamagedError as damaged:
            raise damaged from error
        raise
    finally:
        ledger.close()


class UnbornError(StateError):
    """The file is there, and nothing in it yet."""


class DamagedError(StateError):
    """The file is no ledger any more."""


def suspicion(path: Path) -> Path:
    """Return the file that says, by being there, that somebody has met damage in the ledger at *path*."""
    return path.with_name(f"{path.name}.suspect")


def _suspect(path: Path) -> None:
    with suppress(OSError):
        suspicion(path).touch(mode=0o600)  # whoever opens it next looks closely


def _told(error: sqlite3.DatabaseError, path: Path) -> ScheduledError:
    if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY:
        return BusyError(f"{path}: another program has held the ledger for {BUSY_SECONDS} s; close it there")
    if is_doubtful(error):
        _suspect(path)
    if is_damage(error):
        return DamagedError(f"{path}: damaged: {error}")
    starved = getattr(error, "sqlite_errorcode", 0) & 0xFF in NEEDS_TO_WRITE
    reason = (starved and no_room(path.parent)) or str(error)
    return StateError(f"{path}: cannot be recorded: {reason}")


def is_damage(error: sqlite3.DatabaseError) -> bool:
    """Return whether SQLite's *error* means that the file's contents are bad, not that it can't be written now."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def is_doubtful(error: sqlite3.DatabaseError) -> bool:
    """Return whether *error* may mean that: a table, a JSON document, an index that was there is none any more."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in DOUBTFUL


def _scripts() -> list[str]:
    return [(MIGRATIONS / name).read_text() for name in _script_names()]


def _script_names() -> list[str]:
    # Path.glob takes a directory that it may not open, or has no descriptor left for, for an empty one.
    return sorted(name for name in os.listdir(MIGRATIONS) if name.endswith(".sql"))


def _check_version(db: sqlite3.Connection, path: Path, *, read_only: bool) -> None:
    with _named_errors(path):
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
    with exclusive(path.with_suffix(".lock")), _named_errors(path):
        # Another process may have done it meanwhile.
        _upgrade(db, int(db.execute("PRAGMA user_version").fetchone()[0]), known)


def _upgrade(db: sqlite3.Connection, found: int, known: int) -> None:
    # All at once: who looks meanwhile finds the old schema or the new one, and none in between.
    scripts = "\n".join(_scripts()[found:known])
    db.executescript(f"BEGIN IMMEDIATE;\n{scripts}\nPRAGMA user_version = {known};\nCOMMIT;")
