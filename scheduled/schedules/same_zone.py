"""Whether two names mean the same time zone: Etc/UTC and UTC, Asia/Calcutta and Asia/Kolkata."""

from functools import lru_cache

from scheduled.schedules.clock_changes import Change, changes, offset_at
from scheduled.schedules.zones import find, start_of

# The rules of these years are compared. Zones that differed earlier only, such as Europe/Berlin and Europe/Paris, have
# the same slots today. The rules of later years repeat those of the last ones.
FIRST, LAST = 2010, 2040


def same_zone(one: str, other: str) -> bool:
    """Return whether the IANA names *one* and *other* mean zones with the same rules. An unknown name equals only itself."""
    if one == other:
        return True
    try:
        return _rules(one) == _rules(other)
    except LookupError:
        return False


@lru_cache(maxsize=64)
def _rules(key: str) -> tuple[int, tuple[Change, ...]]:
    """Return the offset from UTC at the beginning of `FIRST`, in seconds, and the changes of it until `LAST`."""
    start = start_of(FIRST)
    return offset_at(find(key), start), tuple(changes(key, start, start_of(LAST)))
