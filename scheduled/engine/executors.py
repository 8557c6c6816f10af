"""List the executors of claimed runs, except the supervisor of the tick, which is in `dispatch`."""

from collections.abc import Callable

from scheduled.core.jobs import Jobs
from scheduled.engine import chains
from scheduled.engine.run_claimed import RunClaimed

# Each is called with the configured jobs and every claimed run. It takes a run if the kind of its action
# names it.
EXECUTORS: tuple[Callable[[Jobs, RunClaimed], None], ...] = (chains.take_over,)
