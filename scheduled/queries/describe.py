"""Schedules, actions, gates and durations in words: for people who look, never parsed again."""

from collections.abc import Sequence

from scheduled.core.jobs import Gate, Job, Window
from scheduled.schedules.durations import duration
from scheduled.schedules.kinds.registry import kind_of
from scheduled.schedules.schedule import Schedule


def size(found: int) -> str:
    """Say a size as one would write it: 1048576 -> 1M."""
    for unit, bytes_ in (("G", 1 << 30), ("M", 1 << 20), ("K", 1 << 10)):
        if found and not found % bytes_:
            return f"{found // bytes_}{unit}"
    return str(found)


def each_schedule(found: Sequence[Schedule], zone: str = "") -> list[str]:
    """Say of each schedule when a job is due; instants in *zone*, or left out where none is given."""
    return [_later(kind_of(schedule).words(schedule, zone), schedule) for schedule in found]


def _later(words: str, found: Schedule) -> str:
    return f"{words}, {duration(found.delay)} later for its jitter" if found.delay else words


def schedules(found: Sequence[Schedule], zone: str = "") -> str:
    """Say when a job with these schedules is due."""
    return ", ".join(each_schedule(found, zone))


def written(found: Sequence[Schedule], zone: str = "") -> str:
    """Return schedules as they are written in a configuration, in short, or in words where they have no such form."""
    return ", ".join(kind_of(schedule).written(schedule) or schedules([schedule], zone) for schedule in found)


def gate(found: Gate) -> str:
    """Say what a gate asks for."""
    asked = [
        f"`{found.command}` succeeds" if found.command else "",
        "there is a network" if found.network == "default" else f"{found.network} answers" if found.network else "",
        "the machine is on mains" if found.ac_power else "",
        "the machine is idle" if found.idle else "",
        f"{found.path} exists" if found.path else "",
    ]  # fmt: skip
    return " and ".join(part for part in asked if part)


def window(found: Window) -> str:
    """Say a stretch of the day."""
    return f"{found.start // 60:02}:{found.start % 60:02} to {found.end // 60:02}:{found.end % 60:02}"


def retry(job: Job) -> str:
    """Say how often a job is tried."""
    rule = job.retry
    if rule.max_attempts == 1:
        return "one attempt"
    growing = ", each pause that much longer than the last" if rule.linear else ""
    if rule.backoff_multiplier > 1:
        growing = f", each pause {rule.backoff_multiplier:g} times the last"
    return f"up to {rule.max_attempts} attempts, {duration(rule.delay)} apart{growing}"
