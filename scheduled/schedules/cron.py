"""Parse cron expressions in the dialect of Debian's cron.

In addition, cronsim's `L` (last day), `LW` (last weekday), `5L` and `5#2` (last and second Friday) are
accepted.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from scheduled.schedules.cron_days import EVERY_DAY, DayRule, Expression, days_around
from scheduled.schedules.schedule import ScheduleError
from scheduled.schedules.zones import EPOCH

if TYPE_CHECKING:
    from cronsim import CronSim

MACROS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
FIELDS = ("minute", "hour", "day-of-month", "month", "day-of-week")
RANGES = {
    "minute": (0, 59),
    "hour": (0, 23),
    "day-of-month": (1, 31),
    "month": (1, 12),
    "day-of-week": (0, 7),
}
# These 28 years contain all 14 possible calendars, so a day that never comes in them never comes at all.
EVERY_CALENDAR = range(2000, 2028)


def parse(expression: str) -> Expression:
    """Parse five fields or a macro such as @daily. Raise ScheduleError if the expression is invalid."""
    minute, hour, day, month, weekday = _split(expression)
    fixed = not minute.startswith("*") and not hour.startswith("*")
    return Expression(_minutes(minute), _hours(hour), _rule(day, month, weekday), fixed)


def _split(expression: str) -> list[str]:
    if expression.lstrip().startswith("@"):
        return _macro(expression.strip()).split()
    fields = expression.split()
    if len(fields) != len(FIELDS):
        seconds = "; cron has no field for seconds" if len(fields) == len(FIELDS) + 1 else ""
        raise ScheduleError(
            f"{expression!r} has {len(fields)} field{'s' * (len(fields) != 1)}: "
            f"write five ({' '.join(FIELDS)}), for example 30 4 * * *{seconds}"
        )
    return fields


# Cached per field, because many jobs share the same fields.
@lru_cache(maxsize=4096)
def _minutes(field: str) -> tuple[int, ...]:
    return _simple("minute", field) or tuple(sorted(_read(minute=field).minutes))


@lru_cache(maxsize=4096)
def _hours(field: str) -> tuple[int, ...]:
    return _simple("hour", field) or tuple(sorted(_read(hour=field).hours))


def _simple(name: str, field: str) -> tuple[int, ...]:
    """Return the values of a star or a single number, () for any other field.

    Most fields are simple, so that cronsim need not be imported.
    """
    least, most = RANGES[name]
    if field == "*":
        return tuple(range(least, most + 1))
    number = int(field) if field.isascii() and field.isdecimal() and len(field) <= len(str(most)) else -1
    return (number,) if least <= number <= most else ()


@lru_cache(maxsize=4096)
def _rule(day: str, month: str, weekday: str) -> DayRule:
    if (day, month, weekday) == ("*", "*", "*"):
        return EVERY_DAY
    sim = _read(day=day, month=month, weekday=weekday)
    rule = DayRule(frozenset(sim.days), frozenset(sim.months), frozenset(sim.weekdays), sim.day_and)
    if not any(days_around(rule, year) for year in EVERY_CALENDAR):
        raise _never(day, month, weekday)
    return rule


def _macro(name: str) -> str:
    if name == "@reboot":
        raise ScheduleError(
            "@reboot is not a time: start the job from an @reboot line of the crontab, "
            "or write a time, for example @daily"
        )
    if name not in MACROS:
        raise ScheduleError(f"{name!r} is not a known macro: write five fields or one of {', '.join(MACROS)}")
    return MACROS[name]


def _check_term(name: str, term: str) -> None:
    """Raise ScheduleError for a reversed range, or a term that cronsim accepts but Debian's cron does not."""
    term, slash, step = term.partition("/")
    low, dash, high = term.partition("-")
    least, most = RANGES[name]
    if slash and term != "*" and not dash:
        instead = f"{term}-{most}/{step}" if term.isdecimal() else f"{least}-{most}/{step} or */{step}"
        raise ScheduleError(f"{name}: a step needs a range, and {term}/{step} has none: write {instead}")
    numbers = low.isdecimal() and high.isdecimal() and len(term) <= len("23-59")
    if numbers and least <= int(high) < int(low) <= most:
        instead = f"{low}-{most},{least}-{high}"
        raise ScheduleError(f"{name}: {term} ends before it begins: write {instead}")


def _read(
    minute: str = "*", hour: str = "*", day: str = "*", month: str = "*", weekday: str = "*"
) -> "CronSim":
    from cronsim import CronSim, CronSimError

    fields = (minute, hour, day, month, weekday)
    for name, field in zip(FIELDS, fields, strict=True):
        for term in field.split(","):
            _check_term(name, term)
    try:
        return CronSim(" ".join(fields), EPOCH)
    except (CronSimError, ValueError) as error:
        raise _invalid_field(fields) from error


def _invalid_field(fields: Sequence[str]) -> ScheduleError:
    """Return the error for fields that cronsim rejects, after testing each field separately."""
    from cronsim import CronSim, CronSimError

    for place, (name, field) in enumerate(zip(FIELDS, fields, strict=True)):
        alone = ["*"] * len(FIELDS)
        alone[place] = field
        try:
            CronSim(" ".join(alone), EPOCH)
        except (CronSimError, ValueError):
            least, most = RANGES[name]
            return ScheduleError(
                f"{name}: {field!r} is not valid: write numbers from {least} to {most}, "
                f"*, */2, a range {least}-{least + 4} or a list {least},{least + 2}"
            )
    # Each field alone is valid, so cronsim rejected a day that none of the months has.
    return _never(*fields[2:])


def _never(day: str, month: str, weekday: str) -> ScheduleError:
    return ScheduleError(
        f"day-of-month, month, day-of-week: no day ever matches {day} {month} {weekday}: "
        "write a day that the month has, or L for its last day"
    )
