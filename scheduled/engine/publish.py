"""Write the snapshot `scheduled_state.json` for other programs, after a tick or a command."""

import os

from scheduled import idle
from scheduled.core import planner
from scheduled.core.planner import Plan
from scheduled.engine import brief_file
from scheduled.engine.announcing import DUE as NOTICES_DUE
from scheduled.engine.event_spool import has_files
from scheduled.engine.heartbeat import last
from scheduled.engine.runtime import Runtime
from scheduled.state import snapshot as document
from scheduled.state import snapshot_summary
from scheduled.state.ledger import Ledger
from scheduled.state.locks import exclusive


def snapshot(
    runtime: Runtime,
    ledger: Ledger,
    plan: Plan,
    now: float,
    heartbeat: int | None = None,
    alarm: int | None = None,
    *,
    broken_at: int | None = None,
) -> None:
    """Write the snapshot after a tick. Raise StateError if it can't be written.

    It holds the instant at which the next job or notice of *plan* is due; *now* is in UTC seconds. *heartbeat* is that
    of a tick that shows that cron works (UTC nanoseconds); None for another one, which keeps the last heartbeat.
    *alarm* is when the machine wakes up (UTC seconds): a tick then sets the next alarm, in case the machine sleeps again.
    *broken_at* is when an expectation can be broken next: a tick then finds out.
    """
    with exclusive(runtime.paths.root / "snapshot.lock"):
        if runtime.is_ledger_older(ledger):
            # The next tick takes what the snapshot has.
            runtime.cannot_record(
                f"{runtime.paths.ledger}: was replaced by an older copy while this tick worked"
            )
            return
        content = _Content(runtime, ledger, now)
        delivery = ledger.next_delivery()
        # The plan may be that of the jobs which had to be planned; the ledger has when the others are due.
        known = (delivery, alarm, broken_at, ledger.next_due(), int(ledger.meta(NOTICES_DUE) or 0) or None)
        others = [*(at for at in known if at is not None), *_lists_due(runtime, int(now))]
        others += _pings_due(runtime, ledger, int(now))
        due = planner.next_due(plan.jobs.values(), others)
        under_way = any(run.status != "waiting_retry" for run in ledger.open_runs())
        beat = _newest(now, last(ledger, runtime.paths.snapshot), heartbeat)
        shown = brief_file.content(ledger, beat or None)
        ledger.close()  # checkpoints SQLite's write-ahead log, which would change the fingerprint below later
        edited = _edited(runtime)
        # The spool is read after the fingerprint, which has what is in it now: an event may have come during the tick.
        again = under_way or runtime.is_ledger_replaced()
        again = again or runtime.paths.has_trials() or bool(runtime.paths.unprinted)
        if runtime.config.problems or again or runtime.paths.has_secrets() or has_files(runtime.paths):
            due = int(now)  # the next tick must not be skipped as idle
        content.write(due, edited, beat)
        brief_file.write(runtime.paths.root, shown)


class _Content:
    """What the snapshot is to show at *now*: everything, or what has changed since its journal was last written."""

    def __init__(self, runtime: Runtime, ledger: Ledger, now: float) -> None:
        self._path, self._zone, self._now = runtime.paths.snapshot, runtime.zone, now
        self._journal = document.journal_to_continue(self._path, now)
        since = None if self._journal is None else self._journal.generation
        handlers = runtime.handlers(snapshot_summary.HANDLERS)
        self._found = snapshot_summary.summary(ledger, handlers, runtime.zone, int(now), since)

    def write(self, due: int | None, edited: int, beat: int) -> None:
        """Write it. Raise StateError if it can't be written."""
        write = document.publish if self._journal is None else document.update
        write(self._path, self._found, next_due=due, edited=edited, now=self._now, zone=self._zone, beat=beat)


def _lists_due(runtime: Runtime, now: int) -> list[int]:
    """Return when jobs are due of which no target is known yet: a tick then reads their lists."""
    if not runtime.config.jobs.with_changing_targets:
        return []
    from scheduled.core.targets import next_listed

    return next_listed(runtime.config.jobs, now)


def _pings_due(runtime: Runtime, ledger: Ledger, now: int) -> list[int]:
    """Return when a heartbeat has to be sent, which an idle tick does not do."""
    if runtime.pings is None:
        return []
    from scheduled.engine import pings

    return pings.next_due(runtime, ledger, now)


def _newest(now: float, *beats: int | None) -> int:
    """Return the newest of *beats* (nanoseconds), 0 if there is none; one after *now* comes from a wrong clock."""
    return max((beat for beat in beats if beat is not None and beat <= now * 1e9), default=0)


def changed(runtime: Runtime, ledger: Ledger, now: float) -> None:
    """Update the snapshot after a command has changed the ledger between ticks.

    Its heartbeat stays that of the last tick. If no tick has written a snapshot yet, do nothing. Also do nothing if the
    configuration cannot be read: its jobs are not known, and the idle check notices the change of the ledger.
    """
    path = runtime.paths.snapshot
    if runtime.config.unreadable:
        return
    with exclusive(runtime.paths.root / "snapshot.lock"):
        if not path.exists():
            return
        beat, due = last(ledger, path) or 0, document.header(path)[1]
        content, shown = _Content(runtime, ledger, now), brief_file.content(ledger, beat or None)
        ledger.close()
        edited = _edited(runtime)
        # `audit` reads the due instant as the time up to which slots are accounted for: never move it
        # forward.
        due = int(now) if due is None else min(due, int(now))
        content.write(due, edited, beat)
        brief_file.write(runtime.paths.root, shown)


def _edited(runtime: Runtime) -> int:
    """Return the fingerprint for the idle check, with the configuration as it was read: it may have been edited since."""
    config = runtime.config
    return idle.edited(os.fsencode(config.path), os.fsencode(runtime.paths.root), config.fingerprint)
