"""The transaction in which a command changes the ledger."""

from collections.abc import Iterator
from contextlib import contextmanager

from scheduled import clock
from scheduled.engine import publish, to_plan
from scheduled.engine.runtime import Runtime
from scheduled.notify import problems
from scheduled.state.ledger import Ledger


@contextmanager
def changing(runtime: Runtime) -> Iterator[Ledger]:
    """Yield the ledger in a transaction. Afterwards publish the snapshot, so that the next tick notices the change.

    Repairs of the ledger become remarks and problems.
    """
    with runtime.ledger() as ledger:
        runtime.paths.remarks += runtime.problems
        runtime.config.override(ledger.overrides())
        with ledger.transaction():
            problems.remember(ledger, runtime.problems, clock.now())
            to_plan.forget(ledger)
            yield ledger
        publish.changed(runtime, ledger, clock.now())
