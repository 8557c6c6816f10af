"""Remove the files of settled runs. The ledger must have committed what replaces them: they are evidence until then.

A file of secrets is removed when the output is masked, which a tick does here if the supervisor of the run could not.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from scheduled.core.runs import UNDER_WAY
from scheduled.engine.runtime import Runtime
from scheduled.errors import StateError
from scheduled.execution.protocol import unreadable
from scheduled.paths import REPLACED, SECRETS, STOP
from scheduled.state.files import RefusedError, read_regular
from scheduled.state.ledger import Ledger
from scheduled.state.locks import unless_held

if TYPE_CHECKING:
    from scheduled.execution.masked_output import MaskedOutput

RECORDS, REPORT = ".jsonl", ".report"


def remove(ledger: Ledger, runtime: Runtime) -> None:
    """Remove result files, reports and orders of settled runs. Call it outside of a transaction.

    Damaged result files are moved aside. What can't be removed is logged; the next tick retries.
    """
    if runtime.paths.has_trials():
        _remove_trials(runtime)
    # The files are listed before the runs are read: a file of a later claim is not among them.
    listed = list(runtime.paths.results.iterdir())
    if kept := [path for path in listed if path.suffix == SECRETS]:
        _seal(ledger, runtime, kept)
    found = [path for path in listed if path.suffix in (RECORDS, REPORT, STOP, REPLACED)]
    for path in _without_run(ledger, runtime, found):
        try:
            # With the lock held here, a tick that has just created the file notices that it is gone.
            with unless_held(path) as free:
                # Its tick may have claimed a run and died since the runs were read.
                if free and _is_without_run(ledger, runtime, path):
                    _remove(runtime, path)
        except FileNotFoundError:
            continue  # another tick removed it first, or it belonged to a tick that claimed no run
        except (OSError, StateError) as error:
            runtime.cannot_record(f"{path}: can't be removed: {error}; the next tick retries")


def _remove_trials(runtime: Runtime) -> None:
    """Remove what a `try` that was killed has left: it may hold secrets."""
    from scheduled.state import trials  # most states have none

    try:
        trials.remove_left(runtime.paths)
    except (OSError, StateError) as error:
        runtime.cannot_record(f"{runtime.paths.trials}: can't be removed: {error}; the next tick retries")


def _seal(ledger: Ledger, runtime: Runtime, kept: Sequence[Path]) -> None:
    """Mask the outputs of ended attempts, of which the files *kept* have the secrets, and remove these files."""
    from scheduled.execution.masked_output import MaskedOutput  # rarely needed: the supervisor does it

    under_way = {f"{run.run_id}.{run.attempt}" for run in ledger.open_runs() if run.status in UNDER_WAY}
    for path in kept:
        if path.stem in under_way:
            continue
        output = MaskedOutput(runtime.paths.output_beside(path), path)
        try:
            _mask(runtime, output)
        except (OSError, StateError) as error:
            runtime.cannot_record(f"{output.path}: can't be masked: {error}; the next tick retries")


def _mask(runtime: Runtime, output: "MaskedOutput") -> None:
    from scheduled.execution.kept_secrets import LostSecretsError

    try:
        output.seal()
    except LostSecretsError as error:
        output.discard()
        runtime.add_problem("WARNING", f"{error}; {output.path} can't be masked and was emptied")


def _is_without_run(ledger: Ledger, runtime: Runtime, path: Path) -> bool:
    if path.suffix == REPORT:  # there may be very many of them, and of open runs
        return ledger.open_run(runtime.paths.run_of(path)) is None
    return bool(_without_run(ledger, runtime, [path]))


def _without_run(ledger: Ledger, runtime: Runtime, paths: Iterable[Path]) -> list[Path]:
    """Return those of *paths* that belong to no open run."""
    open_runs = ledger.open_runs()
    ticks, runs = {run.tick for run in open_runs}, {run.run_id for run in open_runs}
    return [
        path
        for path in paths
        if (path.stem not in ticks if path.suffix == RECORDS else runtime.paths.run_of(path) not in runs)
    ]


def _remove(runtime: Runtime, path: Path) -> None:
    """Remove a file. Move it aside instead if lines of it could not be read."""
    try:
        damaged = path.suffix == RECORDS and unreadable(read_regular(path))
    except RefusedError as error:
        runtime.add_problem("WARNING", f"{error}; moved aside to {path.name}.damaged")
        damaged = True
    if damaged:
        path.replace(f"{path}.damaged")
    else:
        path.unlink(missing_ok=True)
