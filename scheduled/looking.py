"""Names of jobs and instants, as every answer has them."""

from collections.abc import Sequence

from scheduled import clock
from scheduled.config import Config
from scheduled.errors import UnknownError


def stamp(instant: float | None, zone: str) -> str | None:
    """Return an instant as people and programs read it, or None."""
    return None if instant is None else clock.local(instant, zone).isoformat()


def known_jobs(found: Config, names: Sequence[str]) -> list[str]:
    """Return *names* if they are all jobs; raises UnknownError naming the first that is not, with the nearest."""
    for name in names:
        if name not in found.jobs:
            import difflib

            near = difflib.get_close_matches(name, found.jobs, n=1)
            raise UnknownError(f"no such job: {name}" + (f"; did you mean {near[0]}?" if near else ""))
    return list(dict.fromkeys(names))
