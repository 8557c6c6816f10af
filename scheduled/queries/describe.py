"""Schedules, actions, gates and durations in words: for people who look, never parsed again."""

from datetime import UTC, datetime

from scheduled.core.jobs import Gate, Job, Schedule, Window
from scheduled.schedules.cron import MACROS
from scheduled.schedules.cron_hash import resolve
from scheduled.schedules.durations import duration


def size(found: int) -> str:
    """Say a size as one would write it: 1048576 -> 1M."""
    for unit, bytes_ in (("G", 1 << 30), ("M", 1 << 20), ("K", 1 << 10)):
        if found and not found % bytes_:
            return f"{found // bytes_}{unit}"
    return str(found)


def schedule(found: Schedule) -> str:
    """Say when a job is due; an instant of `at` is left to the caller, who knows the zone to say it in."""
    words = _kind(found)
    return f"{words}, {duration(found.delay)} later for its jitter" if found.delay else words


def _kind(found: Schedule) -> str:
    if found.kind == "cron":
        return _cron(found)
    if found.kind == "every":
        return f"every {duration(int(found.expression))}"
    return "once" if found.kind == "at" else "by hand"


def _cron(found: Schedule) -> str:
    from cronsim import CronSim, CronSimError

    plain = MACROS.get(found.expression.strip(), found.expression)
    plain = resolve(plain, found.seed) if "H" in plain else plain
    try:
        words = CronSim(plain, datetime(2000, 1, 1, tzinfo=UTC)).explain()
    except (CronSimError, AttributeError):
        return found.expression
    return str(words[:1].lower() + words[1:])


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
