"""Warnings about cron expressions that are valid, but probably not intended."""

import re
from collections.abc import Iterator
from datetime import timedelta

from scheduled.schedules.clock_changes import RESET, Change, changes
from scheduled.schedules.cron import MACROS, parse
from scheduled.schedules.cron_days import Expression, days_around
from scheduled.schedules.cron_fields import FIELDS, RANGES
from scheduled.schedules.cron_hash import resolve
from scheduled.schedules.zones import DAY, EPOCH, HOUR, MINUTE, year_of

AHEAD = 366 * DAY


def lint(expression: str, zone: str, now: int, seed: str = "") -> list[str]:
    """Return the warnings about an expression. The clock changes of the year after *now* are checked.

    Without *seed*, the job's name, the values of `H` are unknown and clock changes are not checked for an
    expression that has one. Raise ScheduleError if the expression is invalid.
    """
    plain = resolve(expression, seed or "-")
    parsed = parse(plain)
    warnings = [] if parsed.rule.both else [_either(plain)]
    fields = MACROS.get(plain.strip(), plain)
    warnings += [warning for warning in (_each_minute(fields), *_uneven(fields)) if warning]
    if seed or plain == " ".join(expression.split()):
        found = (_at_change(parsed, zone, change) for change in changes(zone, now, now + AHEAD))
        warnings += [warning for warning in found if warning]
    return warnings


def _each_minute(expression: str) -> str:
    """Return the warning about a star as the minute of single hours, or an empty text."""
    minute, hour, *days = expression.split()
    if minute not in ("*", "*/1", "0-59"):
        return ""
    numbers = re.compile(r"\d+(,\d+)*")
    if hour in ("*", "*/1", "0-23") and numbers.fullmatch(days[0]):
        once = " ".join(("0 0", *days))
        return f"minute {minute} and hour {hour} start 1440 runs on each of these days: write {once} for a single run"
    if not numbers.fullmatch(hour) and not re.fullmatch(r"\*/([2-9]|\d\d)", hour):
        return ""
    once = " ".join(("0", hour, *days))
    if "/" in hour:
        return f"minute {minute} starts 60 runs in each of the hours {hour}: write {once} for a single run in each"
    hours = f"each of the hours {hour}" if "," in hour else f"hour {hour}"
    return f"minute {minute} starts 60 runs in {hours}: write {once} for a single run"


def _uneven(expression: str) -> Iterator[str]:
    """Yield a warning for each step that is longer than its range, or does not divide its hour or day."""
    for name, field in zip(FIELDS, expression.split(), strict=True):
        least, most = RANGES[name]
        if re.fullmatch(r"\*/\d{1,4}", field) and int(field[2:]) > most - least:
            yield f"{name} {field} is the value {least} alone, because the step is longer than the range: write {least}"
    for field, whole, unit in zip(expression.split()[:2], (60, 24), "mh", strict=True):
        step = int(field[2:]) if re.fullmatch(r"\*/\d{1,4}", field) else 1
        if step >= whole or not whole % step:
            continue
        last = whole % step
        yield (
            f"{field} starts again at 0 after {whole - last}, so the last pause is only {last}{unit}: "
            f'write every = "{step}{unit}" if all pauses are to be equal'
        )


def _either(expression: str) -> str:
    _, _, day, _, weekday = expression.split()
    return (
        f"day-of-month {day} and day-of-week {weekday} are both given: cron runs on days that match either "
        "of them, not only on days that match both; write * for one of them if you do not want that"
    )


def _at_change(parsed: Expression, zone: str, change: Change) -> str:
    """Return the warning about a change of the clocks, or an empty text."""
    first, last = sorted((change.at + change.before, change.at + change.after))
    days = days_around(parsed.rule, year_of(change.at))
    ranks = range(parsed.rank(days, first), parsed.rank(days, last))
    effect = _effect(parsed, change)
    if not ranks or not effect:
        return ""
    shown = " to ".join(_clock(parsed.at(days, rank)) for rank in sorted({ranks[0], ranks[-1]}))
    return (
        f"on {EPOCH + timedelta(seconds=change.at + change.before):%Y-%m-%d} clocks in {zone} go from "
        f"{_clock(change.at + change.before)} to {_clock(change.at + change.after)}: local time {shown} {effect}"
    )


def _effect(parsed: Expression, change: Change) -> str:
    shift = change.after - change.before
    if not parsed.fixed and _keeps_pace(parsed, shift):
        return ""
    if 0 < shift < RESET and parsed.fixed:
        return (
            f"does not exist on that day, so the job runs once at {_clock(change.at + change.after)} instead"
        )
    if shift > 0:
        return "does not exist on that day, and the job does not run then"
    if parsed.fixed and -shift <= RESET:
        return ""
    return "occurs twice, and the job runs both times"


def _keeps_pace(parsed: Expression, shift: int) -> bool:
    """Return whether the shift changes no number of runs: the job runs every minute or every hour."""
    every_hour = len(parsed.hours) == DAY // HOUR
    return every_hour and (shift % HOUR == 0 or len(parsed.minutes) == HOUR // MINUTE)


def _clock(local: int) -> str:
    return f"{EPOCH + timedelta(seconds=local):%H:%M}"
