"""The objects that one invocation uses: configuration, paths and ledger, with its log and bus."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache, cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from scheduled import clock
from scheduled.actions.kind import ExecutionContext
from scheduled.actions.registry import handler_of
from scheduled.config import parsed_file
from scheduled.config.config import Config, with_lines
from scheduled.config.kept_zone import kept_zone
from scheduled.core.conditions import Recipients
from scheduled.core.jobs import keys_of
from scheduled.core.keys import JobKey
from scheduled.engine.reporting import Reporting
from scheduled.instance import Instance
from scheduled.paths import Paths
from scheduled.state import opened_record, snapshot_tampering
from scheduled.state.restore import open_ledger
from scheduled.state.sqlite.ledger import SqliteLedger, using

if TYPE_CHECKING:
    from scheduled.engine.pings import Pings
    from scheduled.execution.report_file import Reported
    from scheduled.install.environment import Layer
    from scheduled.schedules.zones import Instant
    from scheduled.state.ledger import Ledger

NextStarts = Callable[["Runtime", "Ledger", Mapping[JobKey, bool]], Mapping[JobKey, "Instant"]]


class Runtime(Reporting):
    """The configuration and paths of one invocation, and what it reports.

    *inherit* makes jobs inherit the variables of this process. *claimed* is called with the ids of a tick's runs when they are
    claimed. *obsolete* are files to remove after the commit, see `settling`; *reports* are those that were read before the
    transaction that settles their run. A configuration without `timezone` is read in the zone that *kept_zone* returns; by
    default in the host's. *pings* are the heartbeats of a tick, if any is configured. *config* is used instead of reading the
    files, if it is given. *next_starts* predicts when a tick starts the given jobs: predictions are made on a higher level.
    """

    def __init__(
        self,
        config_file: Path,
        state: Path,
        kept_zone: Callable[[], str] | None = None,
        config: Config | None = None,
    ) -> None:
        self.paths = Paths(state, config_file)
        if config is None:
            config = with_lines(parsed_file.load(self.paths, config_file, kept_zone))
        super().__init__(config, state)
        self.config = config
        if config.jobs.event_routes is not None:
            routes = msgspec.structs.replace(config.jobs.event_routes, output=self._last_lines)
            config.jobs.event_routes = routes
        self.host_name = os.uname().nodename
        self.obsolete: list[Path] = []
        self._opened = self._generation = (
            0  # the inode number of the ledger, and its generation when it was opened
        )
        self._ledger: SqliteLedger | None = None  # while it is open
        self.reports: dict[Path, Reported] = {}
        self.inherit = False
        self.claimed: Callable[[Sequence[str]], None] | None = None
        self.prints = False
        self.next_starts: NextStarts = _none
        self.pings: Pings | None = None

    @property
    def zone(self) -> str:
        """The user's time zone, an IANA name: for reports, and for time stamps without an offset."""
        return self.config.timezone

    @contextmanager
    def ledger(self) -> Iterator[SqliteLedger]:
        """Open the ledger, and bind it to this host and configuration. If it is lost or damaged, restore it from the snapshot.

        Log what was restored, and a warning if the state is another host's or a copy. Raise ForeignStateError if it
        belongs to another configuration.
        """
        ledger, repairs = open_ledger(self.paths, clock.now())
        for repair in repairs:
            self.add_problem("WARNING", repair)
        with using(ledger):
            self.bind(ledger)
            self._opened = self._ledger_file()
            self._generation = ledger.generation()
            self._ledger = ledger
            try:
                yield ledger
            finally:
                self._ledger = None

    def _ledger_file(self) -> int:
        """Return the inode number of the file that is the ledger now, 0 if there is none."""
        with suppress(FileNotFoundError):
            return os.stat(self.paths.ledger).st_ino
        return 0

    def is_ledger_older(self, ledger: "Ledger") -> bool:
        """Return whether *ledger* has lost transactions since it was opened: an older copy was written into its file."""
        return ledger.generation() < self._generation

    def is_ledger_replaced(self) -> bool:
        """Return whether another file was put in place of the ledger since it was opened."""
        return self._ledger_file() != self._opened

    def bind(self, ledger: SqliteLedger) -> None:
        """Bind the state to this host and this configuration, and log what has changed, see `state.binding`."""
        from scheduled.state.binding import bind

        found = bind(ledger, self.paths, self.config.path, boot=clock.boot_id(), name=self.host_name)
        for warning in found.warnings:
            self.add_problem("WARNING", warning)
        if found.note is not None:
            self.log_line("INFO", found.note)
        if found.unwritten is not None:
            self.cannot_record(found.unwritten)
        ledger.host = found.host

    def check_snapshot(self, now: float) -> None:
        """Log a warning if another program changed the snapshot. Call it after the ledger is restored."""
        found = snapshot_tampering.found(self.paths.snapshot, now)
        if found is not None:
            self.add_problem("WARNING", found)

    def check_records(self, ledger: SqliteLedger) -> None:
        """Log a warning if a file that a handler keeps in the state directory is lost; the handler writes a new one."""
        found = opened_record.lost(ledger, self.paths.root)
        if found is not None:
            self.add_problem("WARNING", found)

    @contextmanager
    def settling(self, ledger: "Ledger", *, durable: bool = True) -> Iterator[None]:
        """Enter a transaction of *ledger*. The files that it makes obsolete are removed after its commit, and only then.

        It need not be *durable* if all of it follows from records in a result file, which is synced, and is kept until then.
        """
        self.obsolete.clear()
        with ledger.transaction(durable=durable):
            yield
        while self.obsolete:
            with suppress(OSError):  # an empty file that stays does no harm
                self.obsolete.pop().unlink()

    @cached_property
    def environment(self) -> dict[str, str]:
        """The environment of all jobs and gates, before their `env` and `env_file`."""
        return self._environment(inherit=self.inherit)

    def environment_of_jobs(self) -> dict[str, str]:
        """Return the environment of jobs that cron starts, also if they inherit that of this process."""
        return self._environment(inherit=False) if self.inherit else self.environment

    def _environment(self, *, inherit: bool) -> dict[str, str]:
        from scheduled.install import environment  # rarely needed: most ticks start no job

        found = environment.inherited if inherit else environment.of_jobs
        return found(self.config.path, self.paths.root, with_crontab=self._has_crontab)

    def layers(self) -> "list[Layer]":
        """Return the environment of all jobs by its sources, see `install.environment.layers`."""
        from scheduled.install import environment

        return environment.layers(self.config.path, self.paths.root, with_crontab=self._has_crontab)

    def _has_crontab(self) -> bool:
        """Return whether a crontab may have variables for the jobs: cron never starts a demo."""
        if self._ledger is not None:
            return self._ledger.meta("demo") is None
        from scheduled.state.open import read_only

        with read_only(self.paths) as ledger:
            return ledger.meta("demo") is None

    def context(self, paths: Paths | None = None) -> ExecutionContext:
        """Return the context in which jobs are executed, with files in *paths* instead of those of the state."""
        return ExecutionContext(
            paths or self.paths,
            self.config.workspace,
            self.zone,
            self.environment,
            self.config.sender,
            self.config.workspace_layout,
            cache(self.recipients),  # the same for all runs, and it lists a directory
            mailboxes=not self.config.compat.send,
        )

    def recipients(self) -> Recipients:
        """Return the addresses of the notices that concern no single branch."""
        from scheduled.config.recipients import recipients

        return recipients(self.config)

    def handlers(self, names: Iterable[str]) -> dict[str, JobKey]:
        """Return the job or target that runs each of the handlers *names*; the first one if several do.

        Hourly reports do not count.
        """
        found: dict[str, JobKey] = {}
        for name in names:
            for job in (self.config.jobs[other] for other in self.config.jobs.calling.get(name, ())):
                if handler_of(job.action) == name and job.options.get("period") != "hourly":
                    for key in keys_of(job):
                        found.setdefault(name, key)
        return found

    def _last_lines(self, run_id: str, attempt: int) -> str:
        from scheduled.engine import last_lines  # only for a notice about an event

        return last_lines.of_run(self.paths, run_id, attempt)


def _none(_runtime: Runtime, _ledger: "Ledger", _keys: Mapping[JobKey, bool]) -> Mapping[JobKey, "Instant"]:
    return {}


def open_runtime(instance: Instance, *, regular: bool = False, config: Config | None = None) -> Runtime:
    """Load the configuration of *instance* and return its runtime. Raise ConfigError if it can't be read.

    *config* is used instead of loading it, if it is given. Only a *regular* tick, one of cron, asks for the host's zone; every other process uses that of the last regular tick.
    """
    kept = None if regular else partial(kept_zone, instance.paths)
    runtime = Runtime(instance.config_file, instance.paths.root, kept, config)
    runtime.paths, runtime.log_to, runtime.prints = instance.paths, instance.log_to, instance.prints
    if runtime.config.jobs.with_changing_targets:
        from scheduled.config.last_targets import recall_in  # most configurations have no such list

        recall_in(runtime.config, instance.paths)
    if regular and runtime.config.of_host and (given := os.environ.get("TZ", "")) not in ("", runtime.zone):
        _warn_of_zone(runtime, given)
    instance.problems = runtime.config.problems
    return runtime


def _warn_of_zone(runtime: Runtime, given: str) -> None:
    """Add a warning if the TZ of the tick, *given*, can't be used: it is printed and logged like those of the configuration."""
    from scheduled.install.crontab_list import listed
    from scheduled.install.zones import unusable_here

    if warning := unusable_here(given, listed):
        runtime.config.warnings.append(warning)
