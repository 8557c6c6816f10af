"""Delete old history once a day: runs, attempts, verdicts and output files. Positions are never deleted."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from scheduled.core.keys import JobKey
from scheduled.engine.runtime import Runtime
from scheduled.errors import StateError
from scheduled.execution.process import EARLIER
from scheduled.schedules.zones import DAY
from scheduled.state.ledger import Ledger

# If the last pruning was longer ago than this, the clock may be wrong: pruning waits for a day, so that a
# clock that went ahead by years does not delete the whole history.
TRUSTED_GAP = 30 * DAY
# Other processes wait for a transaction: it deletes at most so many rows. A tick has at most so many transactions for
# this, and the next one continues.
PORTION, MOST_PORTIONS = 2_000, 50
NEXT = "pruning"  # key in the ledger's meta: the job and target with which the next tick continues


def prune(runtime: Runtime, ledger: Ledger, now: float) -> None:
    """Delete what `[history]` does not keep, at most once a day, and not while the clock may be wrong."""
    before = float(ledger.meta("pruned") or 0)
    if DAY > now - before >= 0:
        return
    outputs: dict[str, list[Path]] | None = None
    try:
        for _ in range(MOST_PORTIONS):
            with ledger.transaction():
                found, done = _prune(runtime, ledger, now) if 0 < now - before <= TRUSTED_GAP else ([], True)
                if done:
                    ledger.remember("pruned", str(now))
            if found:
                outputs = _outputs(runtime) if outputs is None else outputs
                _remove_outputs(outputs, found, runtime.paths.output)
            if done:
                break
    except (StateError, OSError) as error:
        runtime.cannot_record(f"history: can't be pruned: {error}; the next tick retries")


def _prune(runtime: Runtime, ledger: Ledger, now: float) -> tuple[list[str], bool]:
    """Prune one portion; return the ids of the deleted runs, and whether it was the last one."""
    horizon = int(now) - runtime.config.keep_days * DAY
    begin = msgspec.json.decode(ledger.meta(NEXT) or "null", type=JobKey | None)
    found, following = ledger.prune(horizon, runtime.config.keep_runs, PORTION, begin)
    if following != begin:
        ledger.remember(NEXT, msgspec.json.encode(following).decode())
    # `audit` can check slots only from this instant on.
    ledger.remember("horizon", str(max(horizon, int(ledger.meta("horizon") or 0))))
    return found, following is None


def _outputs(runtime: Runtime) -> dict[str, list[Path]]:
    """Return the files with the outputs of each run."""
    found: dict[str, list[Path]] = {}
    for path in runtime.paths.outputs():
        run_id = path.name.partition(EARLIER)[0].removesuffix(".log").rpartition(".")[0]
        found.setdefault(run_id, []).append(path)
    return found


def _remove_outputs(outputs: Mapping[str, Sequence[Path]], gone: Iterable[str], top: Path) -> None:
    """Remove the outputs of the runs *gone*, and the directories below *top* that become empty."""
    removed = [path for run_id in gone for path in outputs.get(run_id, ())]
    for path in removed:
        path.unlink(missing_ok=True)
    for directory in {path.parent for path in removed} - {top}:
        with suppress(OSError):  # it has other outputs
            directory.rmdir()
