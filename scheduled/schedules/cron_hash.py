"""`H` in a cron expression: a value drawn from the job's name, so that a fleet does not start all at once.

As in Jenkins: `H`, `H/15`, `H(0-29)`, `H(0-29)/10`, also within lists. What a name draws must never change.
"""

import re

from scheduled.schedules.cron import FIELDS, RANGES
from scheduled.schedules.schedule import ScheduleError

TERM = re.compile(r"H(?:\((?P<low>\d{1,2})-(?P<high>\d{1,2})\))?(?:/(?P<step>\d{1,2}))?", re.ASCII)
# Without days that some months lack, and without Sunday's second number.
DRAWN_FROM = {**RANGES, "day-of-month": (1, 28), "day-of-week": (0, 6)}


def resolve(expression: str, seed: str) -> str:
    """Return the expression with each `H` replaced by what *seed* (the job's name) draws; raises ScheduleError."""
    fields = expression.split()
    if len(fields) != len(FIELDS):
        return expression
    named = zip(FIELDS, fields, strict=True)
    return " ".join(",".join(_term(name, term, seed) for term in field.split(",")) for name, field in named)


def _term(name: str, term: str, seed: str) -> str:
    if not term.startswith("H"):
        return term
    found = TERM.fullmatch(term)
    if found is None:
        raise ScheduleError(f"{name}: {term!r} is not understood: write H, H/5, H(1-9) or H(1-9)/5")
    if not seed:
        raise ScheduleError(f"{name}: {term} draws from a job's name, and there is none: write a number")
    low, high = _range(name, term, found)
    if found["step"] is None:
        return str(low + _draw(name, seed, high - low + 1))
    step = int(found["step"])
    if not 1 <= step <= high - low + 1:
        raise ScheduleError(f"{name}: {term}: write a step from 1 to {high - low + 1}")
    return f"{low + _draw(name, seed, step)}-{high}/{step}"


def _range(name: str, term: str, found: re.Match[str]) -> tuple[int, int]:
    least, most = RANGES[name]
    if found["low"] is None:
        return DRAWN_FROM[name]
    low, high = int(found["low"]), int(found["high"])
    if not least <= low <= high <= most:
        raise ScheduleError(f"{name}: {term}: write a range within {least}-{most}, the smaller number first")
    return low, high


def _draw(name: str, seed: str, width: int) -> int:
    # A checksum would do for one field, but is linear: the minute would give away the hour.
    from hashlib import sha256

    return int.from_bytes(sha256(f"{seed}\0{name}".encode()).digest()[:8]) % width
