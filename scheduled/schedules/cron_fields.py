"""The five fields of a cron expression: their ranges, and the names of months and weekdays."""

FIELDS = ("minute", "hour", "day-of-month", "month", "day-of-week")
RANGES = {
    "minute": (0, 59),
    "hour": (0, 23),
    "day-of-month": (1, 31),
    "month": (1, 12),
    "day-of-week": (0, 7),
}
MONTHS = "JANUARY FEBRUARY MARCH APRIL MAY JUNE JULY AUGUST SEPTEMBER OCTOBER NOVEMBER DECEMBER"
WEEKDAYS = "SUNDAY MONDAY TUESDAY WEDNESDAY THURSDAY FRIDAY SATURDAY"
NAMES = {"month": MONTHS.split(), "day-of-week": WEEKDAYS.split()}
LONGEST_NUMBER = 9  # digits


def number(field: str, text: str) -> int | None:
    """Return the value of a number, or of a name of three letters, in *field*; None if it is neither.

    The value may be outside the range of the field.
    """
    if text.isascii() and text.isdecimal() and len(text) <= LONGEST_NUMBER:
        return int(text)
    short = [name[:3] for name in NAMES.get(field, ())]
    return short.index(text.upper()) + RANGES[field][0] if text.upper() in short else None
