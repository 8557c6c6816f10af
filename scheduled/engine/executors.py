"""Who takes claimed runs from the bus, beside the supervisor of the tick (`dispatch`): each executor is a line here."""

from collections.abc import Callable

from scheduled.core.jobs import Jobs
from scheduled.engine import chains
from scheduled.engine.run_claimed import RunClaimed

# Each is called with the configured jobs and every claimed run, and takes those whose kind of action names it.
EXECUTORS: tuple[Callable[[Jobs, RunClaimed], None], ...] = (chains.take_over,)
