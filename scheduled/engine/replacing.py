"""Stop runs that newer slots replace (`overlap = "replace"`), and wait until their process groups have ended.

First the ledger records that a run is replaced, then its group gets TERM, and KILL after `kill_after`. A replaced run is
settled only when its group has ended, whichever tick does it: the run of the newer slot can be claimed only then. A tick that
is killed at any point leaves the rest to the next one.
"""

import signal
import time
from collections.abc import Collection, Iterable
from contextlib import suppress

import msgspec

from scheduled.core.events import Event
from scheduled.core.jobs import KILL_AFTER
from scheduled.core.keys import JobKey
from scheduled.core.runs import UNDER_WAY, OpenRun
from scheduled.core.starts import Start
from scheduled.engine import recovery
from scheduled.engine.runtime import Runtime
from scheduled.execution import run_group, stop_orders
from scheduled.execution.protocol import Record, Started, read_records
from scheduled.schedules.zones import Instant
from scheduled.state.files import RefusedError, read_regular
from scheduled.state.ledger import Ledger

PATIENCE = 10  # seconds after KILL; then a later tick continues


class _Stopping(msgspec.Struct):
    """A *run* that is stopped, its *processes* that were found so far, and the monotonic time of the KILL of the last one."""

    run: OpenRun
    kill_after: int
    processes: list[Started] = []
    kill_at: float = 0.0
    killed: bool = False


class Replacing:
    """The runs that one tick stops."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._stopping: list[_Stopping] = []

    def __bool__(self) -> bool:
        """Whether the tick waits for the end of a run."""
        return bool(self._stopping)

    def request(self, ledger: Ledger, starts: Iterable[Start], now: Instant) -> None:
        """Record, in the caller's transaction, that *starts* replace runs that are under way."""
        known = {one.run.run_id for one in self._stopping}
        for run in (start.superseded for start in starts):
            if run is None or run.run_id in known:
                continue
            ledger.request_replacement(run.run_id)
            ledger.wait(run.key, "queued", now)
            job = self._runtime.config.jobs.get(run.job)
            self._stopping.append(_Stopping(run, KILL_AFTER if job is None else job.kill_after))

    def look(self) -> list[OpenRun]:
        """Signal the groups of the runs; return the runs of which the group has ended. Call it after the commit."""
        return [one.run for one in list(self._stopping) if not self._is_under_way(one)]

    def _is_under_way(self, one: _Stopping) -> bool:
        if not any(map(run_group.leader_lives, one.processes)):
            self._begin(one)
        output = _output(self._runtime, one.run)
        alive = [found for found in one.processes if run_group.lives(found, output)]
        if not alive:
            one.kill_at = one.kill_at or time.monotonic()
            self._give_up(one, "has ended, and has no result yet")
            return False
        if time.monotonic() >= one.kill_at and not one.killed:
            for found in alive:
                _signal(found, signal.SIGKILL)
            one.killed = True
        in_post = alive[-1].so_far is not None
        self._give_up(one, "its `post` has not ended" if in_post else "does not end after KILL")
        return True

    def _begin(self, one: _Stopping) -> None:
        """Send TERM to the group of the newest process of a run, unless it was found before or has ended already.

        An attempt with `pre` may start its command although `pre` got TERM.
        """
        records = records_of(self._runtime, one.run)
        found = run_group.started_of(records, one.run.run_id, one.run.attempt)
        if found is None or found in one.processes or not run_group.leader_lives(found):
            return
        one.processes, one.killed = [*one.processes, found], one.kill_after == 0
        one.kill_at = time.monotonic() + one.kill_after
        if found.so_far is None:
            with suppress(OSError):  # without the note, `post` gets `failed` and the signal as before
                stop_orders.announce(self._runtime.paths.stop_of(one.run.run_id, one.run.attempt))
        _signal(found, signal.SIGKILL if one.killed else signal.SIGTERM)

    def _give_up(self, one: _Stopping, why: str) -> None:
        if time.monotonic() < one.kill_at + PATIENCE or one not in self._stopping:
            return
        self._stopping.remove(one)
        self._runtime.add_problem(
            "WARNING",
            f"{one.run.run_id}: {why}; the newer slot that replaces it waits, and the next tick tries again",
        )

    def settle(
        self, ledger: Ledger, runs: Collection[OpenRun], now: float
    ) -> tuple[list[Event], set[JobKey]]:
        """Settle *runs*, which have ended, in the caller's transaction; return the events, and what can be planned now.

        A run stays if its supervisor has not recorded the result yet, or its lock is held.
        """
        events = recovery.settle_ended(ledger, self._runtime, now, only={run.run_id for run in runs})
        free = set[JobKey]()
        for run in runs:
            found = ledger.open_run(run.run_id)
            if found is None or found.status not in UNDER_WAY:
                self._stopping = [one for one in self._stopping if one.run.run_id != run.run_id]
                free.add(run.key)
        return events, free


def _signal(process: Started, number: int) -> None:
    """Send the signal *number* to the group of *process*; not to `post`, which runs after every end."""
    if process.so_far is None:
        run_group.end(process, number)


def lingers(runtime: Runtime, run: OpenRun, ended_at: float, now: float) -> bool:
    """Return whether processes of a replaced *run* that ended at *ended_at* are still in its group.

    If they have had `kill_after` and more since then, they are killed: the tick that stopped the run has died.
    """
    records = records_of(runtime, run)
    processes = run_group.processes_of(records, run.run_id, run.attempt)
    alive = [found for found in processes if run_group.lives(found, _output(runtime, run))]
    job = runtime.config.jobs.get(run.job)
    if now - ended_at > (KILL_AFTER if job is None else job.kill_after):
        for found in alive:
            run_group.end(found, signal.SIGKILL)
    return bool(alive)


def records_of(runtime: Runtime, run: OpenRun) -> list[Record]:
    """Return the records of the tick of *run*; none if they can't be read."""
    try:
        return read_records(read_regular(runtime.paths.results_of(run.tick)))
    except (OSError, RefusedError):
        return []


def _output(runtime: Runtime, run: OpenRun) -> str:
    return str(runtime.paths.output_of(run.run_id, run.attempt))
