"""Schedules, gates, retries and sizes in words, for display only."""

from collections.abc import Sequence

from scheduled.core.jobs import FailsIf, Job, Stdin, Window
from scheduled.schedules.durations import duration
from scheduled.schedules.kinds.registry import kind_of
from scheduled.schedules.schedule import Schedule
from scheduled.schedules.windows import in_words


def size(found: int) -> str:
    """Return a number of bytes in the form of the configuration: 1048576 -> 1M."""
    for unit, bytes_ in (("G", 1 << 30), ("M", 1 << 20), ("K", 1 << 10)):
        if found and not found % bytes_:
            return f"{found // bytes_}{unit}"
    return str(found)


def each_schedule(found: Sequence[Schedule], zone: str = "") -> list[str]:
    """Return each schedule in words. Instants are given in *zone*; without a zone they are left out."""
    return [_later(kind_of(schedule).words(schedule, zone), schedule) for schedule in found]


def _later(words: str, found: Schedule) -> str:
    return f"{words}, {duration(found.delay)} later because of its jitter" if found.delay else words


def schedules(found: Sequence[Schedule], zone: str = "") -> str:
    """Return all schedules in words, separated by commas; *zone* as for `each_schedule`."""
    return ", ".join(each_schedule(found, zone))


def written(found: Sequence[Schedule], zone: str = "") -> str:
    """Return schedules in the short form of the configuration (`0 3 * * *`), or in words where there is none."""
    return ", ".join(kind_of(schedule).written(schedule) or schedules([schedule], zone) for schedule in found)


def window(found: Window) -> str:
    """Return quiet hours as `22:00 to 08:00`."""
    return in_words(found.start, found.end)


def quiet_hours(job: Job) -> str:
    """Return the window of a `once_per` job, or the quiet hours of another one; "" if there are none."""
    if job.between is not None:
        return f"its window `between`: {window(job.between)}"
    return f"quiet hours: {window(job.not_between)}" if job.not_between is not None else ""


def stdin(found: Stdin) -> str:
    """Return what a job reads from its standard input, without a text itself: it may hold a secret."""
    return f"the file {found.file}" if found.file else f"a text of {len(found.text.encode())} bytes"


def fails_if(found: FailsIf) -> str:
    """Return in words what makes an attempt fail in spite of its exit code."""
    conditions = [
        "it writes to standard error" if found.stderr else "",
        f'a line of its output matches "{found.output}"' if found.output else "",
    ]
    return " or ".join(filter(None, conditions))


def retry(job: Job) -> str:
    """Return the retry rule of a job in words."""
    rule = job.retry
    if rule.max_attempts == 1:
        return "one attempt"
    first = duration(rule.delay)
    growing = f", each delay {first} longer than the one before" if rule.linear else ""
    if rule.backoff_multiplier > 1:
        growing = f", each delay {rule.backoff_multiplier:g} times the one before"
    return f"up to {rule.max_attempts} attempts, {first} apart{growing}"
