"""How commands change what the ledger holds beside the schedules."""

from collections.abc import Iterator
from contextlib import contextmanager

from scheduled import clock
from scheduled.engine import publish
from scheduled.engine.runtime import Runtime
from scheduled.state.ledger import Ledger


@contextmanager
def changing(runtime: Runtime) -> Iterator[Ledger]:
    """Change the ledger in one transaction; the snapshot follows, and the next tick looks after what it means."""
    with runtime.ledger() as ledger:
        runtime.config.override(ledger.overrides())
        with ledger.transaction():
            yield ledger
        publish.changed(runtime, ledger, clock.now())
