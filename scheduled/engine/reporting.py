"""What an invocation reports: lines of its log, problems that it prints, and events on its bus."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from scheduled import clock
from scheduled.config.config import Config
from scheduled.core.bus import Bus
from scheduled.core.events import Event
from scheduled.engine.log import LEVELS, Log, describe
from scheduled.notify.session_bus import Announcer
from scheduled.printable import printable

if TYPE_CHECKING:
    from scheduled.engine.journal import Journal


class Reporting:
    """The log, the bus and the *problems* of an invocation with *config*, in the state directory *state*.

    *journal* gets each line of the log as well, if the configuration wants it, and *log_to* each line as JSON.
    *unrecorded* becomes True if something could not be recorded.
    """

    def __init__(self, config: Config, state: Path) -> None:
        self._zone, self._state = config.timezone, state
        as_json = config.log.format == "json"
        self.log = Log.of(state, config.workspace, config.timezone, as_json=as_json)
        self.problems: list[str] = []
        self.journal: Journal | None = None
        self.journal_problem = ""
        self.unrecorded = False
        self.log_to: Callable[[bytes], None] | None = None
        self.bus = Bus(self.problems.append)
        self.bus.subscribe(Event, self._log_event)
        self.bus.subscribe(Event, Announcer(config.timezone))
        if config.log.journald:
            self._open_journal()

    def add_problem(self, level: str, message: str) -> None:
        """Log *message* and add it to the problems that this invocation prints."""
        self.problems.append(printable(message))
        self._log(level, message)

    def log_line(self, level: str, message: str) -> None:
        """Log *message*, which is no problem or is printed elsewhere."""
        self._log(level, message)

    def cannot_record(self, message: str) -> None:
        """Log that something could not be recorded. The tick continues, and exits with 1."""
        self.unrecorded = True
        self.add_problem("ERROR", message)

    def publish(self, events: Sequence[Event]) -> None:
        """Publish *events* on the bus, in order."""
        with self._named_log_errors(), self.log.together():
            for event in events:
                self.bus.publish(event)

    def _log_event(self, event: Event) -> None:
        self._log(LEVELS.get(event.name, "INFO"), describe(event), event)
        if event.name == "event_refused":
            self.problems.append(str(event.payload["reason"]))

    def _log(self, level: str, message: str, event: Event | None = None) -> None:
        if self.journal is not None:
            self._send(self.journal, level, message, event)
        if self.log_to is not None:
            from scheduled.engine import log_json

            self.log_to(log_json.line(clock.now(), self._zone, level, message, event))
        with self._named_log_errors():
            self.log.write(clock.now(), level, message, event)

    def _open_journal(self) -> None:
        from scheduled.engine.journal import Journal  # few configurations want it

        try:
            self.journal = Journal(self._state)
        except OSError as error:
            # A query has a runtime too, and writes nothing: a tick prints and logs it, see `_finish`.
            self._without_journal(error)

    def _send(self, journal: "Journal", level: str, message: str, event: Event | None) -> None:
        try:
            journal.send(level, message, event)
        except OSError as error:
            self._without_journal(error)
            self.log_line("WARNING", self.journal_problem)

    def _without_journal(self, error: OSError) -> None:
        """Use the file only from now on, with a problem to print."""
        self.journal = None
        self.journal_problem = f"log.journald: the journal takes no entries: {error.strerror or error}; the log is complete in {self.log.path}"
        self.problems.append(self.journal_problem)

    @contextmanager
    def _named_log_errors(self) -> Iterator[None]:
        """Make an error of the log a problem of this invocation."""
        try:
            yield
        except OSError as error:
            self.unrecorded = True
            problem = f"{self.log.path}: {error.strerror}" if error.strerror else str(error)
            if problem not in self.problems:
                self.problems.append(problem)
