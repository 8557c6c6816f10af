"""Parse cron expressions in the dialect of Debian's cron.

In addition, cronsim's `L` (last day), `LW` (last weekday), `5L` and `5#2` (last and second Friday) are
accepted.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from scheduled.schedules.cron_days import EVERY_DAY, DayRule, Expression, days_around
from scheduled.schedules.cron_fields import FIELDS, RANGES, number
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
    if len(fields) != len(FIELDS) or expression.lstrip().startswith(("'", '"')):
        from scheduled.schedules import cron_advice

        raise cron_advice.not_five_fields(expression)
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
        from scheduled.schedules import cron_advice

        raise cron_advice.no_such_day(day, month, weekday)
    return rule


def _macro(name: str) -> str:
    if name == "@reboot":
        raise ScheduleError(
            "@reboot is not a time: start the job from an @reboot line of the crontab, "
            "or write a time, for example @daily"
        )
    if name not in MACROS:
        from scheduled.schedules import cron_advice

        raise cron_advice.unknown_macro(name, list(MACROS))
    return MACROS[name]


def _term(name: str, term: str) -> str:
    """Return a term as cronsim has to read it.

    Raise ScheduleError for a reversed range, or a term that cronsim accepts but Debian's cron does not.
    """
    from scheduled.schedules import cron_advice

    span, slash, step = term.partition("/")
    low, dash, high = span.partition("-")
    if slash and span != "*" and not dash and "~" not in span:
        raise cron_advice.step_without_range(name, span, step)
    first, last = number(name, low), number(name, high)
    if first is None or last is None:
        return term
    least, most = RANGES[name]
    if least <= last < first <= most:
        raise cron_advice.reversed_range(name, low, high, step)
    # cronsim reads the range N-N/2 as N-59/2; for Debian's cron it is N.
    return low if first == last and step.isdecimal() and int(step) else term


def for_cronsim(fields: Sequence[str]) -> str:
    """Return five fields as an expression that cronsim reads as Debian's cron does. Raise ScheduleError as `parse`."""
    named = zip(FIELDS, fields, strict=True)
    return " ".join(",".join(_term(name, term) for term in field.split(",")) for name, field in named)


def _read(
    minute: str = "*", hour: str = "*", day: str = "*", month: str = "*", weekday: str = "*"
) -> "CronSim":
    from cronsim import CronSim, CronSimError

    fields = (minute, hour, day, month, weekday)
    plain = for_cronsim(fields)
    try:
        return CronSim(plain, EPOCH)
    except (CronSimError, ValueError) as error:
        raise _invalid_field(fields) from error


def _invalid_field(fields: Sequence[str]) -> ScheduleError:
    """Return the error for fields that cronsim rejects, after testing each field separately."""
    from cronsim import CronSim, CronSimError

    from scheduled.schedules import cron_advice

    for place, (name, field) in enumerate(zip(FIELDS, fields, strict=True)):
        alone = ["*"] * len(FIELDS)
        alone[place] = field
        try:
            CronSim(" ".join(alone), EPOCH)
        except (CronSimError, ValueError):
            return cron_advice.wrong_field(name, field)
    # Each field alone is valid, so cronsim rejected a day that none of the months has.
    return cron_advice.no_such_day(*fields[2:])
