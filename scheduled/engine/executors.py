"""List the executors of claimed runs, except the supervisor of the tick, which is in `dispatch`."""

from collections.abc import Callable

from scheduled.actions.kind import SUPERVISOR
from scheduled.actions.registry import kind_of
from scheduled.core.configured_jobs import Jobs
from scheduled.engine.run_claimed import RunClaimed


def _chain(jobs: Jobs, run: RunClaimed) -> None:
    if kind_of(run.job.action).EXECUTOR != SUPERVISOR:
        from scheduled.engine import chains  # most ticks run no chain

        chains.take_over(jobs, run)


# Each is called with the configured jobs and every claimed run. It takes a run if the kind of its action
# names it.
EXECUTORS: tuple[Callable[[Jobs, RunClaimed], None], ...] = (_chain,)
