"""What is over is not kept for ever: once a day a tick lets go of old history, never of a position."""

import os
from collections.abc import Collection
from contextlib import suppress

from scheduled.engine.runtime import Runtime
from scheduled.errors import StateError
from scheduled.schedules.zones import DAY
from scheduled.state.ledger import Ledger

# A clock that went ahead by years must not take the history along: after such a gap a day goes by first.
TRUSTED_GAP = 30 * DAY
AT_ONCE = 20_000  # rows of one transaction, which others wait for: a second; the next tick goes on


def prune(runtime: Runtime, ledger: Ledger, now: float) -> None:
    """Let go of what `[history]` does not keep, at most once a day, and never in a day of doubt."""
    before = float(ledger.meta("pruned") or 0)
    if DAY > now - before >= 0:
        return
    try:
        with ledger.transaction():
            gone, done = _prune(runtime, ledger, now) if 0 < now - before <= TRUSTED_GAP else ([], True)
            if done:
                ledger.remember("pruned", str(now))
        _remove_output(runtime, set(gone))
    except (StateError, OSError) as error:
        runtime.cannot_record(f"history could not be pruned: {error}")


def _prune(runtime: Runtime, ledger: Ledger, now: float) -> tuple[list[str], bool]:
    horizon = int(now) - runtime.config.keep_days * DAY
    found = ledger.prune(horizon, runtime.config.keep_runs, AT_ONCE)
    # What `audit` can prove begins here.
    ledger.remember("horizon", str(max(horizon, int(ledger.meta("horizon") or 0))))
    return found


def _remove_output(runtime: Runtime, gone: Collection[str]) -> None:
    if not gone:
        return
    for name in os.listdir(runtime.paths.output):
        run_id = name.removesuffix(".log").rpartition(".")[0]
        if run_id in gone:
            with suppress(FileNotFoundError):
                os.unlink(runtime.paths.output / name)
