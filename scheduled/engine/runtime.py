"""What one invocation works with: the configuration, the state's places, the ledger, the bus, the log."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from scheduled import clock
from scheduled.actions.kind import ExecutionContext
from scheduled.actions.registry import handler_of
from scheduled.config.files import load_config
from scheduled.core.bus import Bus
from scheduled.core.conditions import Change, Notice
from scheduled.core.events import Event
from scheduled.core.jobs import Job
from scheduled.core.records import OutboxItem
from scheduled.engine.log import LEVELS, Log, describe, log_path
from scheduled.errors import ScheduledError
from scheduled.handlers import registry
from scheduled.instance import Instance
from scheduled.notify.session_bus import Announcer
from scheduled.paths import Paths
from scheduled.sanitize import printable
from scheduled.state import snapshot
from scheduled.state.open import open_ledger
from scheduled.state.sqlite.ledger import SqliteLedger, using

if TYPE_CHECKING:
    from scheduled.handlers.workspace.workspace import Workspace


class Runtime:
    """Opened once per invocation. *repairs* says what damaged state had to be mended on the way."""

    def __init__(self, config_file: Path, state: Path) -> None:
        self.config = load_config(config_file)
        self.paths = Paths(state)
        self.host = os.uname().nodename
        self.log = Log(log_path(state, self.config.workspace), self.config.timezone)
        self.troubles: list[str] = []
        self.unrecorded = False
        self.claimed: Callable[[], None] | None = None
        self._loaded: Workspace | None = None
        self._addressed: set[str] = set()
        self.bus = Bus(self.troubles.append)
        self.bus.subscribe(Event, self._write_down)
        self.bus.subscribe(Event, Announcer(self.config.timezone))

    @property
    def zone(self) -> str:
        """The IANA zone that people, reports and naive stamps live in."""
        return self.config.timezone

    @contextmanager
    def ledger(self) -> Iterator[SqliteLedger]:
        """Open the ledger, mending it from the snapshot if it is lost or damaged."""
        ledger, repairs = open_ledger(self.paths, clock.now())
        for repair in repairs:
            self.say("WARNING", repair)
        with using(ledger):
            yield ledger

    def look_at_snapshot(self, now: float) -> None:
        """Say what was done to the snapshot behind our back, once the ledger has taken from it what it needs."""
        found = snapshot.tampering(self.paths.snapshot, now)
        if found is not None:
            self.say("WARNING", found)

    def say(self, level: str, message: str) -> None:
        """Log a message and keep it as a trouble of this invocation."""
        self.troubles.append(printable(message))
        self._log(level, message)

    def cannot_record(self, message: str) -> None:
        """Say what can't be recorded now; the tick goes on with everything else, and exits with 1."""
        self.unrecorded = True
        self.say("ERROR", message)

    def publish(self, events: Sequence[Event]) -> None:
        """Tell everybody on the bus, in order."""
        for event in events:
            self.bus.publish(event)

    def _write_down(self, event: Event) -> None:
        self._log(LEVELS.get(event.name, "INFO"), describe(event))
        if event.name == "event_refused":
            self.troubles.append(str(event.payload["reason"]))

    def _log(self, level: str, message: str) -> None:
        try:
            self.log.write(clock.now(), level, message)
        except OSError as error:
            self.unrecorded = True
            trouble = f"{self.log.path}: {error.strerror}"
            if trouble not in self.troubles:
                self.troubles.append(trouble)

    def context(self) -> ExecutionContext:
        """Return what jobs find around them."""
        return ExecutionContext(
            self.paths, self.config.workspace, self.zone, dict(os.environ), self.config.sender
        )

    def handlers(self) -> dict[str, str]:
        """Return which job each handler's work is done by (the first, where there are several)."""
        found: dict[str, str] = {}
        for name, job in self.config.jobs.items():
            if handler := handler_of(job.action):
                found.setdefault(handler, name)
        return found

    def compose(self, job: Job, change: Change) -> Sequence[Notice]:
        """Ask a job's handler what is to be said of *change*."""
        try:
            speak = getattr(registry.find(handler_of(job.action)), "notices", None)
            return speak(change) if speak else []
        except Exception as error:  # noqa: BLE001 - a plug-in's fault must not undo the run's verdict
            self.say(
                "ERROR", f"{job.name}: its notices could not be composed: {type(error).__name__}: {error}"
            )
            return []

    def send(self, item: OutboxItem) -> None:
        """Deliver a notice into its recipient's mailbox; raises if that can't be done now."""
        from scheduled.handlers.workspace import delivery

        self._addressed.add(item.notice.recipient)
        delivery.deliver(
            self._workspace(),
            item.notice,
            notice_id=item.id,
            sender=self.config.sender,
            now=clock.local(clock.now(), self.zone),
            zone=ZoneInfo(self.zone),
        )

    def _workspace(self) -> "Workspace":
        """Return the workspace, read once however many notices are delivered."""
        from scheduled.handlers.workspace.cache import NAME, FileCache
        from scheduled.handlers.workspace.workspace import Workspace

        if self.config.workspace is None:
            raise LookupError("there is no workspace in scheduled.toml to deliver it to")
        if self._loaded is None:
            seen = FileCache(self.paths.root / NAME, ZoneInfo(self.zone), self.config.sender)
            self._loaded = Workspace.load(self.config.workspace, seen)
        return self._loaded

    def mail_was_delivered(self) -> None:
        """Bring the workspace's mail statistics up to date with what was just delivered, if that can be done."""
        from scheduled.handlers.workspace import delivery

        try:
            if self.config.workspace is not None:
                now = clock.local(clock.now(), self.zone)
                delivery.recount_central(self._workspace(), now=now, only=self._addressed)
        except (LookupError, OSError, ScheduledError) as error:
            self.cannot_record(f"mail was delivered, and not counted: {error}")


def open_runtime(instance: Instance) -> Runtime:
    """Load the configuration of *instance* and return what an invocation on it works with; raises ConfigError."""
    runtime = Runtime(instance.config_file, instance.paths.root)
    runtime.paths = instance.paths
    instance.problems = runtime.config.problems
    return runtime
