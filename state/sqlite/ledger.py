"""The ledger as a SQLite database: one file with a write-ahead log; every transaction is fsynced."""

import math
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from scheduled.errors import BadNameError, ScheduledError
from scheduled.state.locks import exclusive
from scheduled.state.sqlite.clock_steps import ClockSteps
from scheduled.state.sqlite.conditions import Conditions
from scheduled.state.sqlite.connection import (
    NEXT_GENERATION,
    NOWHERE,
    begin_log,
    committed,
    connect,
    connect_to_read,
    sync_log,
    sync_with,
)
from scheduled.state.sqlite.epochs import Epochs
from scheduled.state.sqlite.errors import DamagedError, as_scheduled_error, is_doubtful, named_errors, suspect
from scheduled.state.sqlite.history import History
from scheduled.state.sqlite.incidents import Incidents
from scheduled.state.sqlite.meta import Meta
from scheduled.state.sqlite.overrides import Overrides
from scheduled.state.sqlite.positions import Positions
from scheduled.state.sqlite.runs import Runs
from scheduled.state.sqlite.start_requests import StartRequests
from scheduled.state.sqlite.upgrade import require_version
from scheduled.state.validation import check_values

# Keys of `meta` that hold a number, as text.
NUMBERS = (
    "planned", "horizon", "cadence", "ticking_since", "pruned", "installed_at", "uninstalled_at",
    "observed_cadence", "heartbeat", "tick_count", "configuration_read_at",
    "generation", "lost_until", "planned_at_generation", "notices_due",
)  # fmt: skip


class SqliteLedger(
    Epochs, Positions, Runs, StartRequests, History, Conditions, Incidents, Overrides, ClockSteps, Meta
):
    """A `Ledger` in a file on a local disk.

    *remark* is a message for the user if a copy is read instead of the file, else None.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        self.remark: str | None = None
        self._writes = not read_only and path != NOWHERE
        self._unsynced = False  # whether the log has commits that are not durable yet
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
        """Return an empty ledger in memory, for readers while there is no ledger file."""
        return cls(NOWHERE)

    def close(self) -> None:
        """See `Ledger.close`. The last connection to close syncs the write-ahead log, and writes it back into the database."""
        with suppress(sqlite3.Error):
            self._db.close()
        if self._writes:
            self._writes = False
            sync_log(self.path)  # there still is one if another process has the ledger open

    def check(self) -> None:
        """Check every page and every value. Raise DamagedError if one is damaged, StateError if it can't be read."""
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
        from scheduled.state.sqlite.row_rules import check_rows  # only if the file may be damaged

        with closing(SqliteLedger.nothing()) as fresh:
            expected = set(fresh.schema())
        if not expected <= set(self.schema()):
            raise ValueError("a table or index is missing or was changed")
        check_rows(self._db)
        check_values(self.epochs())
        check_values(self.job_rows())
        check_values(self.job_states().values())
        check_values(self.slot_rows())
        check_values(row.span for row in self.slot_rows())
        check_values(self.all_runs())
        check_values(self.skipped(limit=-1))
        check_values(self.open_runs())
        check_values(self.conditions())
        check_values(self.outbox())
        check_values(self.start_requests())
        lost = self._db.execute(
            "SELECT job FROM epochs e WHERE NOT EXISTS (SELECT 1 FROM jobs j WHERE j.job = e.job AND j.target = e.target)"
        ).fetchone()
        if lost:
            raise ValueError(f"{lost[0]}: has an epoch, but no position")
        for key in NUMBERS:
            if not math.isfinite(float(self.meta(key) or 0)):
                raise ValueError(f"{key}: {self.meta(key)!r} is not a number")

    def schema(self) -> list[tuple[str, str]]:
        """Return the name and the SQL definition of every table and index."""
        return self._db.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()

    def is_new(self) -> bool:
        """Return whether the ledger has no job yet. Raise StateError if it can't be read."""
        with named_errors(self.path):
            return self._db.execute("SELECT 1 FROM jobs LIMIT 1").fetchone() is None

    def copy(self, path: Path) -> None:
        """Write a consistent copy of the ledger to a new file at *path*. Raise StateError if that fails."""
        with named_errors(self.path), closing(sqlite3.connect(path)) as target:
            self._db.backup(target)
            target.execute("PRAGMA journal_mode = DELETE")

    def limit_values(self, longest: int) -> None:
        """Make it an error of SQLite to read a value of more than *longest* bytes."""
        self._db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, longest)

    def in_memory(self) -> "SqliteLedger":
        """Return a copy of the ledger in memory."""
        copy = SqliteLedger.nothing()
        with closed_on_error(copy), named_errors(self.path):
            self._db.backup(copy._db)  # noqa: SLF001 - of the same class
        return copy

    def hold_still(self) -> None:
        """Make all reads from the next one until `close` see the same state: later writes of others are not seen."""
        self._db.execute("BEGIN")

    def make_ready(self) -> None:
        """See `Ledger.make_ready`."""
        with exclusive(self.path.with_suffix(".lock")), named_errors(self.path):
            begin_log(self._db, self.path)

    @contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[None]:
        """See `Ledger.transaction`."""
        with exclusive(self.path.with_suffix(".lock")), named_errors(self.path):
            sync_with(self._db, "FULL" if durable else "NORMAL")
            before = self._db.total_changes
            with committed(self._db):
                yield
                if self._db.total_changes != before:
                    self._db.execute(NEXT_GENERATION)
            if self._db.total_changes != before:
                self._unsynced = not durable

    def sync(self) -> None:
        """See `Ledger.sync`."""
        if self._unsynced:
            with self.transaction():  # the sync of a commit covers all earlier ones
                self._db.execute(NEXT_GENERATION)


@contextmanager
def using(ledger: SqliteLedger) -> Iterator[SqliteLedger]:
    """Yield *ledger*, close it on exit, and convert errors of SQLite to ScheduledError with a message that names its file.

    Another exception, such as a ValueError about a number or a schedule, may be due to a damaged ledger. The ledger is
    then checked, and DamagedError is raised if it is damaged; otherwise the exception is raised again.
    """
    try:
        with converted_errors(ledger):
            yield ledger
    finally:
        ledger.close()


@contextmanager
def closed_on_error(ledger: SqliteLedger) -> Iterator[None]:
    """Close *ledger* if the block raises an exception."""
    try:
        yield
    except BaseException:
        ledger.close()
        raise


@contextmanager
def converted_errors(ledger: SqliteLedger) -> Iterator[None]:
    """Convert errors as `using` does; *ledger* stays open."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise as_scheduled_error(error, ledger.path) from error
    except Exception as error:
        if isinstance(error, ScheduledError) and not isinstance(error, BadNameError):
            raise
        try:
            ledger.check()
        except DamagedError as damaged:
            raise damaged from error
        raise
