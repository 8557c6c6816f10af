"""Which keys hold an address that is a secret: who knows it can send to it, or stop an alarm."""

from typing import Any

URLS = ("heartbeat_url",)


def is_secret_url(value: Any) -> bool:
    """Return whether the *value* of such a key is the address itself, and not where it comes from."""
    if not isinstance(value, str) or not value:
        return False
    from scheduled.core.secret_sources import read_source  # most configurations have none

    return read_source(value) is None
