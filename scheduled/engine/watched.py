"""What monitors outside of the program learn of a tick: its heartbeats, and the file that shows that ticks come."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from scheduled.errors import EXIT_FAILED, ScheduledError

if TYPE_CHECKING:
    from scheduled.engine.runtime import Runtime
    from scheduled.engine.tick import Result


@contextmanager
def watched(runtime: "Runtime", result: "Result", *, unattended: bool) -> Iterator[None]:
    """Enter a tick with its *result*. Only an *unattended* one, a tick of cron, sends anything or touches the file."""
    config = runtime.config
    if config.notify.heartbeat_url or config.jobs.with_heartbeat:
        from scheduled.engine.pings import Pings  # most configurations have none

        runtime.pings = Pings(runtime, result.tick, sends=unattended)
    try:
        yield
    except BaseException as error:
        code = error.exit_code if isinstance(error, ScheduledError) else EXIT_FAILED
        _end(runtime, code, [str(error)])
        raise
    _end(runtime, result.exit_code, result.problems)
    if unattended and config.notify.deadman and not runtime.unrecorded and not result.unrecorded:
        from scheduled.engine import deadman

        deadman.touch(runtime.paths)


def _end(runtime: "Runtime", exit_code: int, problems: list[str]) -> None:
    if runtime.pings is not None:
        runtime.pings.end(exit_code, problems)
        runtime.pings = None
