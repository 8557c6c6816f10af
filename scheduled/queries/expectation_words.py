"""`expect` of a job, as it is written and in words."""

from scheduled.actions import registry
from scheduled.core.jobs import Expect
from scheduled.schedules.durations import duration


def written(found: Expect) -> dict[str, str]:
    """Return the keys that are set, as the user writes them."""
    long = f"{found.times:g}x" if found.times is not None else _duration(found.duration)
    known = {
        "by": "" if found.by is None else f"{found.by // 60:02}:{found.by % 60:02}",
        "within": _duration(found.within),
        "duration": long,
        "output": found.output,
        "fresh": found.fresh,
        "command": "" if found.command is None else registry.describe(found.command),
    }
    return {key: text for key, text in known.items() if text}


def in_words(found: Expect) -> str:
    """Return in one sentence what is expected."""
    given = written(found)
    times = f"at most {found.times:g} times the median of its runs" if found.times is not None else ""
    clauses = {
        "by": "it succeeds by {}",
        "within": "its last success is at most {} ago",
        "duration": f"a run takes {times or 'at most {}'}",
        "output": 'a line of its output matches "{}"',
        "fresh": "a run changes {}",
        "command": "`{}` succeeds after it",
    }
    return "; ".join(clauses[key].replace("{}", text) for key, text in given.items())


def _duration(found: int | None) -> str:
    return "" if found is None else duration(found)
