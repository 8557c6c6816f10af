"""`H` in a cron expression: a value computed from the job's name, so that many jobs do not start at once.

The syntax is that of Jenkins: `H`, `H/15`, `H(0-29)`, `H(0-29)/10`, also in lists. The value for a name must
never change between versions, because a different value moves the job's slots.
"""

import re

from scheduled.schedules.cron_fields import FIELDS, RANGES
from scheduled.schedules.schedule import ScheduleError

TERM = re.compile(r"H(?:\((?P<low>\d{1,2})-(?P<high>\d{1,2})\))?(?:/(?P<step>\d{1,2}))?", re.ASCII)
# Without the days that some months do not have, and without 7, the second number of Sunday.
HASH_RANGES = {**RANGES, "day-of-month": (1, 28), "day-of-week": (0, 6)}


def resolve(expression: str, seed: str) -> str:
    """Return the expression with each `H` replaced by a value computed from *seed*, the job's name.

    Raise ScheduleError if a term with `H` is invalid.
    """
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
        raise ScheduleError(f"{name}: {term!r} is not valid: write H, H/5, H(1-9) or H(1-9)/5")
    if not seed:
        raise ScheduleError(f"{name}: {term} needs a job name, and there is none: write a number")
    low, high = _range(name, term, found)
    if found["step"] is None:
        return str(low + _hash(name, seed, high - low + 1))
    step = int(found["step"])
    if not 1 <= step <= high - low + 1:
        raise ScheduleError(f"{name}: {term}: write a step from 1 to {high - low + 1}")
    return f"{low + _hash(name, seed, step)}-{high}/{step}"


def _range(name: str, term: str, found: re.Match[str]) -> tuple[int, int]:
    least, most = RANGES[name]
    if found["low"] is None:
        return HASH_RANGES[name]
    low, high = int(found["low"]), int(found["high"])
    if not least <= low <= high <= most:
        raise ScheduleError(f"{name}: {term}: write a range within {least}-{most}, the smaller number first")
    return low, high


def _hash(name: str, seed: str, width: int) -> int:
    # Not a checksum: a checksum is linear, so the value for the hour would follow from that for the minute.
    from scheduled.digests import sha256

    return int.from_bytes(sha256(f"{seed}\0{name}".encode())[:8]) % width
