"""The ledger in SQLite: one file, write-ahead log, every transaction fsynced."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from scheduled.errors import ScheduledError
from scheduled.state.locks import exclusive
from scheduled.state.sqlite.clock_steps import ClockSteps
from scheduled.state.sqlite.conditions import Conditions
from scheduled.state.sqlite.connection import NOWHERE, connect, connect_to_read
from scheduled.state.sqlite.errors import DamagedError, as_scheduled_error, is_doubtful, named_errors, suspect
from scheduled.state.sqlite.history import History
from scheduled.state.sqlite.meta import Meta
from scheduled.state.sqlite.overrides import Overrides
from scheduled.state.sqlite.positions import Positions
from scheduled.state.sqlite.runs import Runs
from scheduled.state.sqlite.triggers import Triggers
from scheduled.state.sqlite.upgrade import require_version
from scheduled.state.validation import look_through

# What `meta` holds as text and others reckon with.
NUMBERS = ("planned", "horizon", "cadence", "ticking_since", "pruned")


class SqliteLedger(Positions, Runs, Triggers, History, Conditions, Overrides, ClockSteps, Meta):
    """A `Ledger` on a local disk."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        self.remark: str | None = None
        if read_only:
            self._db, self.remark = connect_to_read(path)
        else:
            self._db = connect(path)
        try:
            require_version(self._db, path, read_only=read_only)
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
        with named_errors(self.path):
            try:
                (found,) = self._db.execute("PRAGMA integrity_check(1)").fetchone()
                self._read_all()
            except (ValueError, TypeError, LookupError, RecursionError, sqlite3.Error) as error:
                if isinstance(error, sqlite3.DatabaseError) and not is_doubtful(error):
                    raise
                found = str(error)
        if found != "ok":
            suspect(self.path)
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
        with named_errors(self.path):
            return self._db.execute("SELECT 1 FROM jobs LIMIT 1").fetchone() is None

    def copy(self, path: Path) -> None:
        """Write all of it into a new file at *path*; raises StateError."""
        with named_errors(self.path), closing(sqlite3.connect(path)) as target:
            self._db.backup(target)
            target.execute("PRAGMA journal_mode = DELETE")

    def hold_still(self) -> None:
        """See, from the next question on, all as it is then, whatever is written meanwhile; until it is closed."""
        self._db.execute("BEGIN")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """See `Ledger.transaction`."""
        with exclusive(self.path.with_suffix(".lock")), named_errors(self.path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                with suppress(sqlite3.Error):  # a full disk has rolled back already
                    self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")


@contextmanager
def using(ledger: SqliteLedger) -> Iterator[SqliteLedger]:
    """Close *ledger* in the end, and name its file in what SQLite says of it meanwhile.

    What goes wrong without being said (a number that is none, a schedule that can't be read) may be the ledger's
    fault: then it raises DamagedError instead.
    """
    try:
        yield ledger
    except sqlite3.DatabaseError as error:
        raise as_scheduled_error(error, ledger.path) from error
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
