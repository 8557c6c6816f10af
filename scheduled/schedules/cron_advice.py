"""The errors for cron expressions that are not valid: what is wrong, and what to write instead."""

import re

from scheduled.schedules.cron_fields import FIELDS, NAMES, RANGES, number
from scheduled.schedules.schedule import ScheduleError
from scheduled.schedules.zones import find

QUOTED = re.compile(r"\s*([\"'])(.*)\1\s*", re.DOTALL)
ZONED = re.compile(r"\s*(?:CRON_)?TZ=(\S+)\s+(.*)", re.DOTALL)
EVERY = re.compile(
    r"\s*@?every[\s_]+((?:\d+\s*(?:[smhd]|sec|min|hour|day|second|minute)s?\s*)+)", re.IGNORECASE
)
SEPARATORS = (";", "|", "\n")
FIELD_LIKE = re.compile(r"[\d*,/?~#-]+|L|LW|(?:[A-Za-z]{3}[,\d/-]*)+")
RANDOM = re.compile(r"(?:(\d+)~(\d+)|~)(/\d+)?")
USER = re.compile(r"[a-z_][a-z0-9_-]*")


def not_five_fields(expression: str) -> ScheduleError:
    """Return the error for an expression that does not have five fields."""
    found = _other_notation(expression)
    if found:
        return ScheduleError(f"{expression!r} {found}")
    fields = expression.split()
    return ScheduleError(
        f"{expression!r} has {len(fields)} field{'s' * (len(fields) != 1)}: "
        f"write five ({' '.join(FIELDS)}), for example 30 4 * * *"
    )


def _other_notation(expression: str) -> str:
    """Return the advice for an expression in the notation of another program; '' if there is none."""
    if match := QUOTED.fullmatch(expression):
        return f'has quotes inside the text: write cron = "{match[2].strip()}"'
    if match := ZONED.fullmatch(expression):
        return f"has the time zone inside the text: write {_zone(match[1])} and {_plain(match[2].split())}"
    if match := EVERY.fullmatch(expression):
        return f'is an interval, not a cron expression: write every = "{_interval(match[1])}" instead of cron'
    if any(mark in expression for mark in SEPARATORS):
        return "holds several schedules: write one job for each of them"
    fields = expression.split()
    return _too_many(fields) if len(fields) > len(FIELDS) else ""


def _interval(text: str) -> str:
    return re.sub(r"(\d+)\s*([a-zA-Z])[a-zA-Z]*\s*", lambda match: match[1] + match[2].lower(), text)


def _zone(name: str) -> str:
    try:
        find(name)
    except LookupError:
        return "timezone with a name such as Europe/Berlin"
    return f'timezone = "{name}"'


def _plain(words: list[str]) -> str:
    """Return what to write for the fields, or the macro, at the beginning of *words*, and for the command behind them."""
    size = 1 if words[0].startswith("@") else len(FIELDS)
    schedule, command = " ".join(words[:size]), words[size:]
    if len(command) > 1 and USER.fullmatch(command[0]) and command[1].startswith("/"):
        command = command[1:]  # the user in a line of /etc/crontab
    behind = f" and command = '{' '.join(command)}'" if command else ""
    return f'cron = "{schedule}"{behind}'


def _too_many(fields: list[str]) -> str:
    if not all(map(FIELD_LIKE.fullmatch, fields)):
        return f"has a command behind its five fields: write {_plain(fields)}"
    plain = ["*" if field == "?" else field for field in fields]
    later, earlier = " ".join(plain[1 : len(FIELDS) + 1]), " ".join(plain[: len(FIELDS)])
    advice = f'"{later}" if the first field is the seconds'
    if len(fields) == len(FIELDS) + 1:
        advice += f', "{earlier}" if the last one is too many'
    often = "; cron starts nothing more often than every minute" if later == "* * * * *" else ""
    return f"has {len(fields)} fields, and cron has none for seconds or years: write {advice}{often}"


def unknown_macro(name: str, known: list[str]) -> ScheduleError:
    """Return the error for a name that begins with @ and is not one of the *known* macros."""
    found = _other_notation(name)
    if found:
        return ScheduleError(f"{name!r} {found}")
    words = name.split()
    if words[0] in known:
        return ScheduleError(f"{name!r} has a command behind the macro: write {_plain(words)}")
    return ScheduleError(f"{name!r} is not a known macro: write five fields or one of {', '.join(known)}")


def step_without_range(field: str, term: str, step: str) -> ScheduleError:
    """Return the error for a term such as 5/10, a step without a range: Debian's cron refuses it."""
    least, most = RANGES[field]
    shown, step = f"{term}/{step}", step.split("/", maxsplit=1)[0]
    instead = (
        f"{term}-{most}/{step}" if number(field, term) is not None else f"{least}-{most}/{step} or */{step}"
    )
    return ScheduleError(f"{field}: a step needs a range, and {shown} has none: write {instead}")


def reversed_range(field: str, low: str, high: str, step: str) -> ScheduleError:
    """Return the error for a range such as 22-6: for Debian's cron it has no values, so it never runs."""
    parts = _around(field, low, high, int(step) if number("minute", step) else 1)
    shown = f"{low}-{high}" + (f"/{step}" if step else "")
    return ScheduleError(f"{field}: {shown} ends before it begins: write {','.join(parts)}")


def _around(field: str, low: str, high: str, step: int) -> list[str]:
    """Return the ranges that mean low-high/step, continued at the end of the field's range."""
    least, most = RANGES[field]
    first, last = number(field, low) or 0, number(field, high) or 0
    if field == "day-of-week":
        if last == 0:
            return [_span(low, "7", step)]
        if first == most:
            return [_span("0", high, step)]
        most -= 1  # 7 is Sunday again
    begin = least + first + (most - first) // step * step + step - most - 1
    rest = [_span(str(begin), high, step)] if begin <= last else []
    return [_span(low, str(most), step), *rest]


def _span(low: str, high: str, step: int) -> str:
    if low == high:
        return low
    return f"{low}-{high}" + (f"/{step}" if step > 1 else "")


def wrong_field(field: str, text: str) -> ScheduleError:
    """Return the error for the field *text*, which is not valid for any other reason."""
    least, most = RANGES[field]
    instead = _instead(field, text) or (
        f"numbers from {least} to {most}, *, */2, a range {least}-{least + 4} or a list {least},{least + 2}"
    )
    return ScheduleError(f"{field}: {text!r} is not valid: write {instead}")


def _instead(field: str, text: str) -> str:
    """Return what to write for a field in the notation of another program, '' if it is none."""
    if text == "?":
        return "*" if field in ("day-of-month", "month", "day-of-week") else f"0, or * for every {field}"
    if match := RANDOM.fullmatch(text):
        chosen = (f"H({match[1]}-{match[2]})" if match[1] else "H") + (match[3] or "")
        return f"{chosen}, a fixed value that is chosen from the job's name"
    if "" in (terms := text.split(",")) and any(terms):
        return f"{','.join(filter(None, terms))}, without the empty part between commas"
    if text.count("/") > 1:
        return "/".join(text.split("/")[:2])
    shortened = re.sub(r"[A-Za-z]{4,}", lambda word: _short(field, word[0]), text)
    return shortened if shortened != text else ""


def _short(field: str, word: str) -> str:
    """Return the three letters of a longer name of a month or weekday; *word* itself if it is none."""
    full = word.upper()
    known = any(name.startswith(full.rstrip("S")) or full == name for name in NAMES.get(field, ()))
    return full[:3] if known else word


def no_such_day(day: str, month: str, weekday: str) -> ScheduleError:
    """Return the error for fields that match no day of any year."""
    return ScheduleError(
        f"day-of-month, month, day-of-week: no day ever matches {day} {month} {weekday}: "
        "write a day that the month has, or L for its last day"
    )
