"""The template filters: instants, durations and states as text. Instants are RFC 3339 texts with an offset."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from scheduled import clock
from scheduled.core.keys import JobKey
from scheduled.queries.of_targets import failed, in_numbers
from scheduled.schedules.zones import DAY, HOUR, MINUTE

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
NEAR = 6  # days within which the name of a weekday is unambiguous
MOST_NAMED = 3  # failed targets in the line of a job
STATES = {"timed_out": "timed out", "waiting_retry": "waits for retry", "claimed": "starting", "": "open"}


def moment(iso: str) -> str:
    """Return an instant in its shortest unambiguous form: 14:05, tomorrow 03:00, Mon 03:00, 2 Mar 03:00."""
    found = datetime.fromisoformat(iso)
    today = datetime.fromtimestamp(clock.now(), found.tzinfo)
    days = (found.date() - today.date()).days
    time = f"{found:%H:%M}"
    if days == 0:
        return time
    if abs(days) == 1:
        return f"{'tomorrow' if days > 0 else 'yesterday'} {time}"
    if abs(days) <= NEAR:
        return f"{DAYS[found.weekday()]} {time}"
    year = "" if found.year == today.year else f" {found.year}"
    return f"{date(found)}{year} {time}"


def date(day: Any) -> str:
    """Return a date as day and month: 2 Mar."""
    return f"{day.day} {MONTHS[day.month - 1]}"


def weekday(iso: str) -> str:
    """Return the weekday of an instant: Mon."""
    return DAYS[datetime.fromisoformat(iso).weekday()]


def full(iso: str) -> str:
    """Return an instant with its date, its seconds and its offset."""
    return f"{datetime.fromisoformat(iso):%Y-%m-%d %H:%M:%S %z}"


def distance(iso: str) -> str:
    """Return the time from now to an instant: in 5 min, 3 h ago."""
    found = datetime.fromisoformat(iso)
    left = found - datetime.fromtimestamp(clock.now(), found.tzinfo)
    length = _rough(abs(left))
    return f"in {length}" if left > timedelta() else f"{length} ago"


def _rough(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    for size, unit in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def lasting(milliseconds: int | None) -> str:
    """Return a duration as text: 120 ms, 4.2 s, 3 min 05 s, 2 h 10 min; empty for None."""
    if milliseconds is None:
        return ""
    if milliseconds < 1000:  # noqa: PLR2004 - a second
        return f"{milliseconds} ms"
    seconds = milliseconds / 1000
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def state(word: str | None) -> str:
    """Return a status or a verdict as text; `open` if it is empty or None."""
    return STATES.get(word or "", word or "")


def without(result: Mapping[str, Any] | None, *names: str) -> dict[str, Any]:
    """Return a result without the values of *names*; an empty dict for None."""
    return {name: value for name, value in (result or {}).items() if name not in names}


def as_text(value: Any) -> str:
    """Return a value of a JSON document as text: a text as it is, anything else as JSON."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def label(entry: Mapping[str, Any]) -> str:
    """Return the job and the target of a document as text: JOB, or JOB@TARGET."""
    return JobKey(entry.get("job") or entry.get("name") or "", entry.get("target") or "").display_name


def of_targets(states: Sequence[Mapping[str, Any]]) -> str:
    """Return the states of the targets of a job in numbers: 48 ok, 2 failed; the first failed ones are named."""
    names = failed(states)
    more = ", ..." if len(names) > MOST_NAMED else ""
    return in_numbers(states) + (f" ({', '.join(names[:MOST_NAMED])}{more})" if names else "")


FILTERS: dict[str, Callable[..., Any]] = {
    "moment": moment,
    "full": full,
    "distance": distance,
    "lasting": lasting,
    "state": state,
    "without": without,
    "as_text": as_text,
    "date": date,
    "weekday": weekday,
    "label": label,
    "of_targets": of_targets,
}
